"""Each tracker gets the same numbers under the same names, and a resumed run goes on in the same place."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from astraea.errors import InputError
from astraea.federation.algorithms.base import State
from astraea.federation.callbacks.trackers import TRACKERS, Tracker
from astraea.federation.loop import Budget, Run


def run_after(*accuracies: float) -> Run:
    state = State(len(accuracies), torch.zeros(1), torch.zeros(0))
    lines: list[dict[str, Any]] = [
        {"round": number, "accuracy": accuracy, "skipped": []} for number, accuracy in enumerate(accuracies, start=1)
    ]
    return Run(state, history=lines)


def played(kind: type[Tracker], folder: Path) -> None:
    """Send two rounds, then, as a resumed run that had kept the first round alone, the second once more and a third."""
    for kept, rounds in (((), (0.1, 0.2)), ((0.1,), (0.3, 0.4))):
        tracker = kind(folder, "astraea on pets", {"train.lr": 0.1, "seed": 3})
        tracker.begin(run_after(*kept), Budget(3))
        for number in range(len(rounds)):
            tracker.after_round(run_after(*kept, *rounds[: number + 1]))
        tracker.end(run_after(*kept, *rounds))


def test_tensorboard_keeps_what_is_not_repeated(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs astraea[tensorboard]")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    played(TRACKERS["tensorboard"], tmp_path)

    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert set(events.Tags()["scalars"]) == {"accuracy"}
    kept = [(one.step, one.value) for one in events.Scalars("accuracy")]
    assert kept == [(1, np.float32(0.1)), (2, np.float32(0.3)), (3, np.float32(0.4))]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the library's own
def test_mlflow_goes_on_in_the_same_run(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="needs astraea[mlflow]")

    played(TRACKERS["mlflow"], tmp_path)

    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("astraea").experiment_id
    (run,) = client.search_runs([experiment])
    assert run.data.params == {"train.lr": "0.1", "seed": "3"}
    assert run.info.status == "FINISHED"
    values = {one.step: one.value for one in client.get_metric_history(run.info.run_id, "accuracy")}
    assert values == {1: 0.1, 2: 0.3, 3: 0.4}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_wandb_writes_offline_under_one_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="needs astraea[wandb]")
    monkeypatch.delenv("WANDB_MODE", raising=False)

    played(TRACKERS["wandb"], tmp_path)

    files = sorted((tmp_path / "wandb").glob("offline-run-*/run-*.wandb"))
    assert files
    assert len({file.name for file in files}) == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_trackio_keeps_the_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    pytest.importorskip("trackio", reason="needs astraea[trackio]")

    played(TRACKERS["trackio"], tmp_path)

    assert (tmp_path / "trackio" / "astraea.db").stat().st_size > 0


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(
        InputError, match=r"the tracker mlflow needs a package that is not installed .*: pip install mlflow"
    ):
        TRACKERS["mlflow"](tmp_path, "name", {})
