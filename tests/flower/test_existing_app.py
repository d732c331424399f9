"""An app written for Flower alone becomes Astraea by the lines that the how-to shows, and by no others."""

from __future__ import annotations

import importlib
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.serverapp.strategy import FedAvg

from astraea.flower import AstraeaStrategy, run_in_process

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "how-to" / "flower.md"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function that runs the app in ``tmp_path`` and returns its strategy and result."""
    shutil.copytree(HERE / "plain_app", tmp_path / "plain_app")
    monkeypatch.syspath_prepend(tmp_path)

    def once() -> Any:
        client = importlib.import_module("plain_app.client_app")
        server = importlib.import_module("plain_app.server_app")
        run_in_process(server.app, client.app, nodes=4)
        return server.results[0]

    yield once
    for name in [name for name in sys.modules if name.startswith("plain_app")]:
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
        path = tmp_path / "plain_app" / file
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
