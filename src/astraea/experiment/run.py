"""One run from its settings to its folder, and back."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from astraea.data.dataset import Dataset
from astraea.data.scenario import Scenario
from astraea.errors import RunError
from astraea.experiment.folder import RunFolder
from astraea.experiment.prepare import Experiment, prepare
from astraea.experiment.settings import RunSettings, flattened, parse_settings, resolved
from astraea.experiment.summary import deployed, summarise
from astraea.federation.callbacks import (
    Checkpointing,
    EarlyStopping,
    MetricsFile,
    TensorBoard,
    Timing,
    latest_checkpoint,
    load_checkpoint,
)
from astraea.federation.loop import Callback, Metrics, Run, train
from astraea.federation.models import build_model

__all__ = ["Result", "check_same", "load", "load_result", "run"]


@dataclass(frozen=True)
class Result:
    """What a run gave: ``summary`` as in ``summary.json``, ``history`` a line a round, the trained ``model``."""

    summary: dict[str, Any]
    history: list[Metrics]
    model: nn.Module
    client_accuracies: NDArray[np.float64]

    @property
    def per_class_recall(self) -> dict[str, float]:
        """Recall of each class on the test set, by the class's name; NaN where the test set has none of it."""
        recalls = np.array(self.summary["per_class_recall"], float)
        return dict(zip(self.summary["class_names"], recalls.tolist(), strict=True))

    @property
    def worst_clients(self) -> NDArray[np.int64]:
        """The worst tenth of the clients (at least one), the worst first."""
        order = np.argsort(self.client_accuracies, kind="stable")
        return order[: -(-len(order) // 10)]


def run(
    settings: RunSettings | None = None,
    *,
    dataset: Dataset | None = None,
    scenario: Scenario | None = None,
    model: nn.Module | None = None,
    out: Path | str | None = None,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
    **changes: Any,
) -> Result:
    """Train one federation and return what came of it.

    ``changes`` are sections or values of :class:`RunSettings` that replace those of ``settings`` (defaults, if
    not given): ``run(rounds=20, algorithm={"name": "fedavg"})``. A ``dataset``, a ``scenario`` or a ``model``
    from the caller takes the place of what the settings name; the model is copied, not changed. With ``out``
    the run is kept in a folder; ``resume`` continues what is there, to the bytes of an uninterrupted run.

    Raises :class:`~astraea.errors.AstraeaError` with one sentence for anything that cannot be used; rounds
    already done stay in the folder.
    """
    folder = None if out is None else RunFolder(Path(out))
    stored = None if folder is None else _begun(folder, resume)
    if changes or settings is None:
        given = stored if settings is None and not changes else settings
        settings = parse_settings(({} if given is None else given.model_dump()) | changes)
    settings = resolved(settings)
    if folder is not None and stored is not None:
        check_same(settings, stored, folder.path)
        if folder.finished:
            return load_result(folder.path)
    experiment = prepare(
        settings,
        dataset=dataset,
        scenario=scenario,
        model=None if model is None else lambda: copy.deepcopy(model),
    )
    try:
        with nullcontext() if folder is None else folder.held():
            return _execute(experiment, folder, callbacks)
    finally:
        experiment.engine.close()


def load_result(run_dir: Path | str) -> Result:
    """Return the result of a finished run from its folder.

    Raises :class:`RunError` if the folder holds no finished run, or if its model came from the caller's own
    code and so cannot be built anew.
    """
    folder = RunFolder(Path(run_dir))
    settings = folder.settings()
    summary = folder.read_json(folder.summary)
    start = settings.model.model_copy(update={"weights": folder.model})
    model = build_model(start, tuple(summary["sample_shape"]), len(summary["class_names"]), settings.seed)
    accuracies = np.array(folder.read_json(folder.clients)["accuracy"], float)
    return Result(summary, folder.read_metrics(), model.eval(), accuracies)


def load(run_dir: Path | str) -> nn.Module:
    """Return the trained model of a finished run, in evaluation mode; images go in as floats in [0, 1].

    Raises :class:`RunError` as :func:`load_result` does.
    """
    return load_result(run_dir).model


def _begun(folder: RunFolder, resume: bool) -> RunSettings | None:
    """Return the settings of the run that ``folder`` already holds, or ``None`` if it holds none."""
    if not folder.config.is_file():
        return None
    if not resume:
        raise RunError(f"{folder.path} already holds a run: resume it with --resume, or choose another --out")
    return folder.settings()


def check_same(now: RunSettings, stored: RunSettings, path: Path) -> None:
    """Raise :class:`RunError`, which names a setting, if the run in ``path`` was made with other settings."""
    before, after = flattened(stored), flattened(now)
    for key in before | after:
        if before.get(key) != after.get(key):
            raise RunError(
                f"the run in {path} has {key} = {before.get(key)!r}, not {after.get(key)!r}: "
                "resume it without changes, or choose another --out"
            )


def _execute(experiment: Experiment, folder: RunFolder | None, callbacks: Sequence[Callback]) -> Result:
    settings = experiment.settings
    timing = Timing(None if folder is None else folder.timings)
    watching: list[Callback] = [timing, *callbacks]
    state = None
    if folder is not None:
        folder.create(settings)
        latest = latest_checkpoint(folder.checkpoints)
        state = None if latest is None else load_checkpoint(latest)
        watching += [
            MetricsFile(folder.metrics),
            Checkpointing(folder.checkpoints, settings.output.checkpoint_every),
        ]
        if settings.output.tensorboard:
            watching.append(TensorBoard(folder.tensorboard))
    if settings.evaluation.early_stopping is not None:
        watching.append(EarlyStopping(settings.evaluation.early_stopping))
    done = train(
        state or Run(experiment.algorithm.init(*experiment.model.read())),
        experiment.algorithm,
        experiment.engine,
        experiment.population,
        experiment.budget,
        seed=settings.seed,
        evaluate=experiment.evaluate,
        evaluate_every=settings.evaluation.every,
        availability=experiment.available,
        callbacks=watching,
    )
    summary, clients = summarise(experiment, done, timing.total)
    experiment.model.write(*deployed(experiment, done))
    if folder is not None:
        folder.write_results(summary, clients, experiment.model.state_dict())
    return Result(summary, done.history, experiment.model.module.eval(), np.array(clients, float))
