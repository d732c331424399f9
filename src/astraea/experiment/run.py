"""One run, from its settings to its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from astraea.data.scenario import Scenario, ScenarioSettings
from astraea.errors import InputError, RunError
from astraea.experiment.first_batch import try_first_batch
from astraea.experiment.folder import RunFolder
from astraea.experiment.given import Given
from astraea.experiment.identity import continued, reopen
from astraea.experiment.prepare import Experiment, prepare
from astraea.experiment.result import Result, load_result
from astraea.experiment.settings import RunSettings, dump_toml, flattened, parse_settings
from astraea.experiment.simulation import Simulation
from astraea.experiment.summary import deployed, personal_parts, summarise
from astraea.federation.callbacks import (
    ChainsFile,
    Checkpointing,
    EarlyStopping,
    MetricsFile,
    Timing,
    latest_checkpoint,
    load_checkpoint,
)
from astraea.federation.callbacks.trackers import TRACKERS
from astraea.federation.calling import released
from astraea.federation.loop import Callback, Run, train
from astraea.federation.models import Model
from astraea.federation.plan import RoundPlan
from astraea.files import lock, write_json

if TYPE_CHECKING:
    from astraea.network.timing import RoundTime

__all__ = ["check_moved_data", "run"]

_ADAPTER = 10
"""Times as many frozen weights as trained ones, from which on the trained ones are an adapter."""


def run(
    settings: RunSettings | None = None,
    *,
    dataset: Any = None,
    test: Any = None,
    validation: Any = None,
    scenario: Scenario | ScenarioSettings | Mapping[str, Any] | str | None = None,
    model: nn.Module | Callable[..., nn.Module] | Model | Mapping[str, Any] | str | None = None,
    out: Path | str | None = None,
    resume: bool = False,
    prolong: bool = False,
    trust: bool = False,
    callbacks: Sequence[Callback] = (),
    **changes: Any,
) -> Result:
    """Train one federation and return what came of it.

    ``changes`` are sections or values of :class:`RunSettings` that replace those of ``settings`` (defaults, if
    not given): ``run(rounds=20, algorithm={"name": "fedavg"})``. A ``dataset``, a ``scenario`` and a ``model`` are
    objects of the caller's or, like any other section, a name or a table; a dataset may be all that
    :func:`~astraea.data.objects.as_dataset` takes, such as ``(x, y)`` or one of PyTorch or Hugging Face. ``test`` and
    ``validation`` are sets of the caller's own, pooled or by the clients' names, see
    :func:`~astraea.data.objects.with_parts`. A model may be a module, which is copied, its class, or a function that
    makes one.

    With ``out`` the run is kept in a folder; ``resume`` continues what is there, to the bytes of an uninterrupted
    run. What is run stays the same, how it is run (``engine``, ``output``, the data folder) may change, and what came
    from the caller must be brought again. More ``rounds`` prolong a run; where the learning rate depends on the
    length this needs ``prolong``, and rounds that are done keep their rates. Code that the folder's settings name is
    imported with ``trust`` alone.

    Raises :class:`~astraea.errors.AstraeaError` with one sentence for anything that cannot be used; rounds
    already done stay in the folder.
    """
    folder = None if out is None else RunFolder(Path(out))
    stored = None if folder is None else _begun(folder, resume, trust)
    given, sections = Given.of(dataset, scenario, model, test, validation)
    settings = _with_changes(settings or stored, sections | changes, validates=given.validates)
    longer = stored is not None and (settings.rounds, settings.samples) != (stored.rounds, stored.samples)
    if folder is None or stored is None:
        if prolong:
            raise InputError("only a run that a folder holds can be prolonged: name the folder, and resume it")
        settings = settings.model_copy(update={"given": given.recorded(settings.given)})
    else:
        finished = folder.whole and not longer
        found = given.recorded(stored.given if finished else settings.given, finished=finished)
        settings = continued(settings.model_copy(update={"given": found}), stored, folder.path, prolong=prolong)
        if finished:
            check_moved_data(settings, stored, folder, given)
            return load_result(folder.path, model=given.model, trust=trust)
    experiment = prepare(settings, dataset=given.dataset, scenario=given.scenario, model=given.factory())
    try:
        for callback in callbacks:
            callback.noted(experiment.scenario.notes)
        try_first_batch(experiment)
        with nullcontext() if folder is None else lock(folder.path):
            if folder is not None and _text(_begun(folder, resume, trust)) != _text(stored):
                raise RunError(f"another process has run in {folder.path} meanwhile: give the same command again")
            if folder is not None and stored is not None and longer:
                reopen(settings, stored, folder.checkpoints, folder.summary)
            return _execute(experiment, folder, callbacks)
    finally:
        experiment.engine.close()


def check_moved_data(settings: RunSettings, stored: RunSettings, folder: RunFolder, given: Given) -> None:
    """Raise :class:`RunError` if a finished run's data are now said to lie elsewhere, and are others."""
    if settings.data != stored.data and stored.given.data is None:
        experiment = prepare(settings, model=given.factory())
        experiment.engine.close()
        folder.check_data(experiment.scenario)


def _begun(folder: RunFolder, resume: bool, trust: bool) -> RunSettings | None:
    """Return the settings of the run that ``folder`` already holds, or ``None`` if it holds none."""
    if not folder.config.is_file():
        if latest_checkpoint(folder.checkpoints) is not None:
            raise RunError(
                f"{folder.path} holds checkpoints but no config.toml, which says of what run: bring it back, or choose "
                "another --out"
            )
        return None
    if not resume:
        raise RunError(f"{folder.path} already holds a run: resume it with --resume, or choose another --out")
    return folder.settings(trust=trust)


def _text(settings: RunSettings | None) -> str | None:
    """Return settings as a folder has them: parts made of functions are new ones whenever they are read."""
    return None if settings is None else dump_toml(settings)


def _with_changes(settings: RunSettings | None, changes: dict[str, Any], *, validates: bool) -> RunSettings:
    if settings is not None and not isinstance(settings, RunSettings):
        raise InputError(
            f"the first argument is settings, not a {type(settings).__name__}: name it, as in run(model=...)"
        )
    if settings is not None and not changes:
        return settings
    values = ({} if settings is None else dict(settings)) | changes
    return parse_settings(values, trust=True, validates=validates)  # trusted: it is the caller's own code


def _stored(experiment: Experiment) -> dict[str, Tensor]:
    """Return what the folder keeps of the trained model: all of it, or an adapter without its base."""
    state, parameters = experiment.model.state_dict(), dict(experiment.model.module.named_parameters())
    base = {name: value.numel() for name, value in parameters.items() if not value.requires_grad}
    whole = experiment.settings.output.frozen
    if whole is None:
        whole = experiment.settings.given.model is None or sum(base.values()) < _ADAPTER * experiment.model.size
    return state if whole else {name: value for name, value in state.items() if name not in base}


def _simulated(experiment: Experiment, folder: RunFolder | None) -> Simulation | None:
    """Return what times the rounds, and keeps the latest as a timeline in the folder; None without a network."""
    if experiment.simulation is None or folder is None:
        return experiment.simulation

    def told(plan: RoundPlan, cost: RoundTime) -> None:
        from astraea.network.timeline import timeline  # the compiler takes a second to load

        write_json(folder.timeline, {"round": plan.round + 1, **timeline(cost)})

    return replace(experiment.simulation, told=told)


def _execute(experiment: Experiment, folder: RunFolder | None, callbacks: Sequence[Callback]) -> Result:
    settings = experiment.settings
    timing = Timing(None if folder is None else folder.timings)
    watching: list[Callback] = [timing]
    if settings.evaluation.early_stopping is not None:
        watching.append(EarlyStopping(settings.evaluation.early_stopping))
    watching += callbacks  # before those that write, which see what they say
    state: Run | None = None
    if folder is not None:
        folder.claim(settings, experiment.scenario, experiment.population, experiment.model.module)
        latest = latest_checkpoint(folder.checkpoints)
        if latest is not None:
            state = load_checkpoint(latest)
            if experiment.budget.progress(state.state.round, state.totals) >= 1:
                state.finished = True  # a kill may have come between the two steps that prolong a run
        watching += [
            MetricsFile(folder.metrics),
            ChainsFile(folder.chains),
            Checkpointing(folder.checkpoints, settings.output.checkpoint_every, folder.lines),
        ]
        name = f"{settings.algorithm.name} on {experiment.scenario.dataset}, seed {settings.seed}"
        watching += [TRACKERS[one](folder.path, name, flattened(settings)) for one in settings.output.trackers]
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
        simulate=_simulated(experiment, folder),
        adversary=experiment.adversary,
        callbacks=watching,
    )
    summary, clients = summarise(experiment, done, timing.total)
    params, counters, kept = deployed(experiment, done)
    own = personal_parts(experiment, params, counters, kept)
    experiment.model.write(params, counters)
    if folder is not None:
        folder.write_results(summary, experiment.scenario.client_names, clients, _stored(experiment), own)
    model = released(experiment.model.module.eval())
    accuracies, names = np.array(clients, float), tuple(experiment.scenario.client_names)
    return Result(summary, done.history, model, accuracies, experiment.scenario.inputs, own, names)
