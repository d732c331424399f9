"""An app written for Flower alone becomes Astraea by the lines that the how-to shows, and by no others."""

from __future__ import annotations

import importlib
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.serverapp.strategy import FedAvg

from astraea.flower import AstraeaStrategy, run_in_process

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "how-to" / "flower.md"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function that runs an app in ``tmp_path`` and returns its strategy and result."""
    shutil.copytree(HERE / "apps", tmp_path, dirs_exist_ok=True)
    monkeypatch.syspath_prepend(tmp_path)

    def once(app: str = "torch_app", **config: Any) -> Any:
        client = importlib.import_module(f"{app}.client_app")
        server = importlib.import_module(f"{app}.server_app")
        run_in_process(server.app, client.app, nodes=4, run_config=config)
        return server.results[0]

    yield once
    _forget(*(path.name for path in tmp_path.iterdir()))


def _forget(*apps: str) -> None:
    """Have apps imported anew."""
    for name in [name for name in sys.modules if name.partition(".")[0] in apps]:
        del sys.modules[name]


def _changes() -> list[tuple[str, str, str]]:
    """Return the first diff of the page as (file, sign, line)."""
    block = re.search(r"```diff\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    file, found = "", []
    for line in block[1].splitlines():
        if line.startswith("+++ "):
            file = line.removeprefix("+++ ").strip()
        elif line[:1] in "+-" and not line.startswith("---"):
            found.append((file, line[0], line[1:]))
    return found


def test_the_app_runs_as_it_is(run: Any) -> None:
    strategy, result = run()
    assert type(strategy) is FedAvg
    assert result.train_metrics_clientapp[2]["train_loss"] < result.train_metrics_clientapp[1]["train_loss"]


def test_the_pages_diff_turns_it_into_astraea(run: Any, tmp_path: Path) -> None:
    changes = _changes()
    assert len(changes) <= 5
    for file in {file for file, _, _ in changes}:
        path = tmp_path / "torch_app" / file
        text = path.read_text()
        out = [line for at, sign, line in changes if at == file and sign == "-"]
        into = [line for at, sign, line in changes if at == file and sign == "+"]
        for line in out:
            assert f"{line}\n" in text
            text = text.replace(f"{line}\n", f"{into.pop(0)}\n")
        imports = [line for line in into if line.startswith(("from", "import"))]
        rest = [line for line in into if line not in imports]
        text = text.replace("from flwr.app", "\n".join([*imports, "from flwr.app"]), 1)
        path.write_text(text + "".join(f"{line}\n" for line in rest))
    strategy, result = run()
    assert isinstance(strategy, AstraeaStrategy)
    assert result.train_metrics_clientapp[2]["train_loss"] < result.train_metrics_clientapp[1]["train_loss"]
    # The length of chains is left open: two of two clients, so that models are averaged.
    line = strategy.run.history[0]
    assert line["clients"] == 4
    assert line["chains"] == 2


@dataclass(frozen=True)
class Kind:
    """An app: where it names its strategy, and what its labels are."""

    strategy: str
    labels: str


KINDS = {
    "numpy_app": Kind("server_app.py", "own(context)[1]"),
    "sklearn_app": Kind("server_app.py", "own(context)[1]"),
    "tabular_app": Kind("server_app.py", 'own(context)["label"]'),
    "strategy_app": Kind("strategy.py", "own(context)[1]"),
    "mods_app": Kind("server_app.py", "own(context)[1]"),
    "statistics_app": Kind("server_app.py", "own(context)[1]"),
    "text_app": Kind("server_app.py", "own(context)[1]"),
}


def _turn(folder: Path, kind: Kind) -> int:
    """Change an app as the how-to says, and return how many lines are new."""
    query = f'app.query("label_histogram")(label_histogram(lambda context: {kind.labels}, classes=3))\n'
    before, after = "import FedAvg\n", "import AstraeaStrategy as FedAvg\n"
    strategy = (folder / kind.strategy).read_text()
    assert strategy.count("from flwr.serverapp.strategy " + before) == 1
    turned = strategy.replace("from flwr.serverapp.strategy " + before, "from astraea.flower " + after)
    (folder / kind.strategy).write_text(turned)
    client = (folder / "client_app.py").read_text()
    line = "from flwr.clientapp import ClientApp\n"
    assert line in client
    (folder / "client_app.py").write_text(
        client.replace(line, line + "from astraea.flower import label_histogram\n") + query
    )
    return 3


@pytest.mark.parametrize("app", KINDS)
def test_an_app_of_each_kind_runs_as_it_is(run: Any, app: str) -> None:
    strategy, result = run(app)
    assert isinstance(strategy, FedAvg)
    assert not isinstance(strategy, AstraeaStrategy)
    losses = [float(result.train_metrics_clientapp[round_]["train_loss"]) for round_ in (1, 2)]
    assert losses[1] < losses[0]


@pytest.mark.parametrize("app", KINDS)
def test_an_app_of_each_kind_is_turned_by_three_lines(run: Any, app: str, tmp_path: Path) -> None:
    assert _turn(tmp_path / app, KINDS[app]) == 3
    strategy, result = run(app)
    assert isinstance(strategy, AstraeaStrategy)
    losses = [float(result.train_metrics_clientapp[round_]["train_loss"]) for round_ in (1, 2)]
    assert losses[1] < losses[0]
    assert [(line["clients"], line["chains"]) for line in strategy.run.history] == [(4, 2), (4, 2)]
    assert strategy.run.totals["visits_skipped"] == 0  # of 8
    if app == "strategy_app":
        assert strategy.rates == [0.1, 0.05]
        assert strategy.best[1] == 2
    if app == "mods_app":
        assert result.train_metrics_clientapp[2]["seen"] == 3  # rounds 1 and 2


def test_sums_that_no_client_trains_are_those_of_fedavg_without_the_guard(
    run: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What clients send does not begin at what they got: the guard shortens it, and the log names the mend."""
    wanted = run("statistics_app")[1].arrays.to_numpy_ndarrays()
    server = tmp_path / "statistics_app" / "server_app.py"
    _turn(server.parent, KINDS["statistics_app"])
    _forget("statistics_app")
    run("statistics_app")
    assert "round 1: 4 of 4 changes are shortened" in caplog.text
    caplog.clear()
    server.write_text(server.read_text().replace("FedAvg(", "FedAvg(server={'defence': 'finite'}, ", 1))
    _forget("statistics_app")
    strategy, result = run("statistics_app")
    assert strategy.run.history[0]["chains"] == 2
    for value, expected in zip(result.arrays.to_numpy_ndarrays(), wanted, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-12)
    assert "shortened" not in caplog.text


def test_a_short_run_of_a_recurrent_model_learns_no_less_than_with_fedavg(run: Any, tmp_path: Path) -> None:
    rounds = {"num-server-rounds": 6}
    fedavg = run("text_app", **rounds)[1].evaluate_metrics_serverapp
    _turn(tmp_path / "text_app", KINDS["text_app"])
    _forget("text_app")
    astraea = run("text_app", **rounds)[1].evaluate_metrics_serverapp
    for round_ in (3, 6):
        assert astraea[round_]["accuracy"] >= fedavg[round_]["accuracy"]


def test_no_page_and_no_app_has_astraea_installed_by_name_from_the_package_index() -> None:
    root = HERE.parents[1]
    for path in [*root.glob("examples/*/pyproject.toml"), *root.glob("benchmarks/*/pyproject.toml")]:
        project = tomllib.loads(path.read_text())
        if "flwr" in project["tool"]:
            needs = project["project"]["dependencies"]
            assert [need for need in needs if re.match(r"astraea\b", need) and "@" not in need] == []
    pages = [PAGE, PAGE.with_name("flower-deployment.md"), root / "docs" / "reference" / "flower.md"]
    assert [page.name for page in pages if re.search(r"pip install '?astraea", page.read_text())] == []
    assert "dist/astraea-*.whl)[flower]" in PAGE.read_text()
