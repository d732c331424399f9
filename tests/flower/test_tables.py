"""The example app of tables: three nodes with a CSV file each, from the sums to predictions on new rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")
pytest.importorskip("pandas", reason="needs the extra astraea[tables]")

import pandas
from flwr.app import ConfigRecord, Context, Message, RecordDict

from astraea.data.agreement import TableTerms, agreed, column_sums
from astraea.data.inputs import Inputs
from astraea.data.tables import read_table
from astraea.errors import InputError, RunError
from astraea.flower import AstraeaStrategy, InProcessGrid, initial_arrays, run_in_process
from astraea.flower.tables import agree_on_table, as_config, table_app

APP = Path(__file__).parents[2] / "examples" / "flower-tables"
CONFIG: dict[str, Any] = {
    "num-server-rounds": 20,
    "seed": 0,
    "wait-for": 3,
    "capacity": 2,
    "mediator-epochs": 2,
    "lr": 0.5,
    "timeout": 60,
    "try-path": "",
    "prolong": False,
}


def hospital(number: int, rows: int = 60, seed: int = 0) -> Any:
    """Lactate above 2 on drug B is ill; each site has wards, empty cells and a share of the ill of its own."""
    rng = np.random.default_rng([number, seed])
    lactate = rng.gamma(2, 1 + number / 4, rows)
    drug = rng.choice(["A", "B"], rows)
    outcome = np.where((lactate > 2) & (drug == "B"), "ill", "well")
    shown: Any = np.round(lactate, 2).astype(object)
    shown[rng.random(rows) < 0.1] = ""
    columns = {"patient": np.arange(rows) + 1000 * number, "lactate": shown, "drug": drug}
    return pandas.DataFrame(columns | {"ward": rng.integers(number, number + 2, rows), "outcome": outcome})


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A CSV file a site, one with commas as decimal marks."""
    paths = [tmp_path / f"site-{number}.csv" for number in range(3)]
    for number, path in enumerate(paths):
        table = hospital(number)
        if number == 1:
            table["lactate"] = [str(value).replace(".", ",") for value in table["lactate"]]
        table.to_csv(path, index=False, sep=";" if number == 1 else ",")
    return paths


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(APP))
    from flower_tables import client_app, server_app, task

    task._read.cache_clear()
    yield server_app.app, client_app.app, task
    task._read.cache_clear()


def _node(files: list[Path]) -> Callable[[int], dict[str, Any]]:
    return lambda place: {"data-path": str(files[place])}


def test_from_csv_files_to_predictions(app: Any, files: list[Path], tmp_path: Path) -> None:
    server, client, task = app
    out = tmp_path / "out"
    run_in_process(server, client, 3, CONFIG | {"out": str(out)}, _node(files))
    inputs = Inputs.model_validate_json((out / "inputs.json").read_text())
    assert inputs.reader.class_names == ("ill", "well")
    assert [column.name for column in inputs.reader.columns] == ["lactate", "drug", "ward"]
    new = hospital(1, rows=200, seed=1)
    found = task.predict(out, new[["lactate", "drug", "ward"]].replace("", np.nan).astype({"lactate": float}))
    known = (new["lactate"] != "").to_numpy()
    right = (found == new["outcome"].to_numpy())[known]
    assert right.mean() > 0.85 > (new["outcome"] == "well").mean() + 0.1
    new.drop(columns="outcome").to_csv(tmp_path / "new.csv", index=False)
    assert task.predict(out, tmp_path / "new.csv").tolist() == found.tolist()


def test_a_run_goes_on_in_the_form_that_its_model_has(
    app: Any, files: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server, client, _ = app
    config = CONFIG | {"out": str(tmp_path / "out"), "num-server-rounds": 1}
    run_in_process(server, client, 3, config, _node(files))
    kept = (tmp_path / "out" / "inputs.json").read_text()
    with files[0].open("a") as stream:
        stream.writelines("1,99,C,0,well\n" for _ in range(10))
    run_in_process(server, client, 3, config | {"num-server-rounds": 2, "prolong": True}, _node(files))
    assert (tmp_path / "out" / "inputs.json").read_text() == kept
    assert "In this node's table, column 'drug' has values that training lacks in" in caplog.text


def test_nodes_of_a_simulation_find_their_files_by_number(app: Any, files: list[Path], tmp_path: Path) -> None:
    server, client, _ = app
    config = CONFIG | {"num-server-rounds": 1, "try-path": str(tmp_path / "site-{}.csv"), "out": str(tmp_path / "out")}
    run_in_process(server, client, 3, config)
    assert (tmp_path / "out" / "model.safetensors").is_file()


TERMS = TableTerms(label_column="outcome", leave_out=("patient",), missing="mean")


def _grid(files: list[Path], **options: Any) -> InProcessGrid:
    def read(context: Context) -> Any:
        return read_table(Path(str(context.node_config["data-path"])))

    client = table_app(lambda inputs: _linear(inputs), read, TERMS, **options)
    return InProcessGrid(client, 3, node_config=_node(files))


def _linear(inputs: Inputs) -> Any:
    from torch import nn

    return nn.Linear(inputs.form.shape[0], len(inputs.reader.class_names))


def test_the_server_makes_of_messages_what_the_sums_give(files: list[Path]) -> None:
    frames = [read_table(path) for path in files]
    inputs = agree_on_table(_grid(files), TERMS, nodes=3)
    assert inputs.model_dump_json() == agreed([column_sums(one, TERMS) for one in frames], TERMS).model_dump_json()


def test_what_is_held_out_is_in_no_sum_and_measured_by_the_node(files: list[Path]) -> None:
    grid = _grid(files, test_share=0.25)
    inputs = agree_on_table(grid, TERMS, nodes=3)
    assert inputs.scaling is not None
    whole = agree_on_table(_grid(files), TERMS, nodes=3).scaling
    assert whole is not None
    assert inputs.scaling.mean[0] != whole.mean[0]
    strategy = AstraeaStrategy(algorithm={"capacity": 2}, fraction_evaluate=1.0)
    told = as_config(inputs)
    result = strategy.start(
        grid, initial_arrays(_linear(inputs)), num_rounds=1, train_config=told, evaluate_config=told
    )
    assert 0 < result.evaluate_metrics_clientapp[1]["accuracy"] <= 1
    question = Message(RecordDict({"config": told}), next(iter(grid.get_node_ids())), "query.label_histogram")
    (reply,) = grid.send_and_receive([question])
    assert reply.content["histogram"]["num-examples"] == 45


def test_nothing_but_sums_leaves_and_no_cell_in_a_sentence(files: list[Path], caplog: pytest.LogCaptureFixture) -> None:
    rows = files[2].read_text().splitlines()
    files[2].write_text("\n".join([*rows, "9,Miller,A,2,well"]))
    grid = _grid(files)
    node = list(grid.get_node_ids())[2]
    content = RecordDict({"config": ConfigRecord()})
    (reply,) = grid.send_and_receive([Message(content, node, "query.table_sums", group_id="1")])
    assert "Miller" not in reply.error.reason
    with pytest.raises(RunError, match=rf"node {node} \(.*the reason is in the log of that node"):
        agree_on_table(grid, TERMS, nodes=3)
    assert "column 'lactate' holds numbers, but 'Miller' in row 61" in caplog.text
    files[2].write_text("\n".join([*rows, "9,1.5,Miller,2,well"]))
    (reply,) = grid.send_and_receive([Message(content, node, "query.table_sums", group_id="2")])
    told = json.loads(str(reply.content["astraea"]["table-sums"]))
    assert set(told) == {"columns", "class_names", "numbered"}
    assert [set(column) for column in told["columns"]] == [{"name", "kind", "count", "mean", "squares", "values"}] * 3
    assert told["columns"][1]["values"] == ["A", "B"]  # "Miller" is held by one row


def test_a_message_without_the_form_and_a_share_that_is_none_are_refused(files: list[Path]) -> None:
    grid = _grid(files)
    inputs = agree_on_table(grid, TERMS, nodes=3)
    with pytest.raises(InputError, match="test_share is 1: give the share"):
        _grid(files, test_share=1)
    with pytest.raises(RunError, match=r"train_config=as_config\(inputs\)"):
        AstraeaStrategy(patience=0.0).start(grid, initial_arrays(_linear(inputs)), num_rounds=1, timeout=1)


def test_a_file_that_holds_no_form_is_named(files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "inputs.json").write_text("{}")
    with pytest.raises(InputError, match="does not hold an input form: remove it"):
        agree_on_table(_grid(files), TERMS, nodes=3, kept=tmp_path / "inputs.json")


def test_histograms_may_be_summed_in_secret_beside_sums_that_are_not(files: list[Path]) -> None:
    grid = _grid(files, histograms="secure-sum")
    inputs = agree_on_table(grid, TERMS, nodes=3)
    strategy = AstraeaStrategy(algorithm={"capacity": 2}, fraction_evaluate=0.0, privacy={"histograms": "secure-sum"})
    arrays = initial_arrays(_linear(inputs))
    strategy.start(grid, arrays, num_rounds=1, train_config=as_config(inputs))
    assert strategy.run.state.round == 1
    assert not strategy.run.history[0].get("skipped")
