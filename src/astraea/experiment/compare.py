"""Comparisons: the same scenario under several arms and seeds, each run in a folder of its own.

Fairness is the default: every arm gets the same number of samples to process, its learning rate and schedule may
be chosen from one grid on validation samples, and runs of one seed share their scenario. Whatever is finished is never
run again, so a comparison that was stopped goes on where it was.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from astraea.data.scenario import Scenario, ScenarioSettings
from astraea.errors import InputError, RunError, unknown_name
from astraea.experiment.arms import arm_settings
from astraea.experiment.columns import plan_of_a_round
from astraea.experiment.comparison import FILE, Comparison, load_comparison, run_folder
from astraea.experiment.cost import samples_per_round
from astraea.experiment.folder import RunFolder
from astraea.experiment.given import Given
from astraea.experiment.jobs import Job, Runner
from astraea.experiment.prepare import prepare
from astraea.experiment.search import chosen
from astraea.experiment.settings import RunSettings, parse_settings, resolved
from astraea.federation.models import Model
from astraea.federation.settings import SCHEDULES
from astraea.files import lock, write_json
from astraea.workers import worker_pool

__all__ = ["compare"]


def compare(
    arms: str | Sequence[str] | Mapping[str, RunSettings | Mapping[str, Any]] = "fedavg,astraea",
    seeds: int = 3,
    out: Path | str | None = None,
    *,
    settings: RunSettings | None = None,
    own: Mapping[str, Mapping[str, Any]] | None = None,
    dataset: Any = None,
    test: Any = None,
    validation: Any = None,
    scenario: Scenario | ScenarioSettings | Mapping[str, Any] | str | None = None,
    model: nn.Module | Callable[..., nn.Module] | Model | Mapping[str, Any] | str | None = None,
    match_samples: bool = True,
    rates: Sequence[float] = (),
    schedules: Sequence[str] = (),
    jobs: int = 1,
    trust: bool = False,
    source: str = "settings",
    watch: Callable[[Sequence[Job], int], None] | None = None,
    known: Callable[[RunSettings], Path | None] | None = None,
    **changes: Any,
) -> Comparison:
    """Run every arm under ``seeds`` seeds, from its own seed upwards, and return what came of it.

    ``arms`` are named as on the command line, ``"fedavg,astraea+logit-adjusted,mine"``; ``own`` says what an arm of
    one's own changes: ``{"mine": {"algorithm": Mine(), "train.lr": 0.1}}``, by dotted keys or tables, with names,
    tables or objects as values. Or ``arms`` maps each name to such changes, or to the whole settings. All begin from
    ``settings`` and ``changes``, as :func:`~astraea.experiment.run.run` takes them, and so are ``dataset``, ``test``,
    ``validation``, ``scenario`` and ``model``; a scenario that is an object is the same under every seed.

    With ``match_samples`` each run gets as many samples as the first arm processes in its rounds. With ``rates``
    or ``schedules`` each arm first runs its first seed at each rate, under the first schedule, then at the best of them
    under each other schedule, and keeps what gave the best validation balanced accuracy: that of the model in use, the
    best one with early stopping and else the last. This needs ``evaluation.validation`` above 0. ``jobs`` runs go on
    side by side; ``watch(jobs, finished)`` is told of progress. ``known(settings)`` may name the folder of a finished
    run of these settings, which is copied instead of run again. Without ``out`` the runs are kept in a temporary
    folder for as long as the result is. Code that settings name by import path is imported with ``trust`` alone.
    Messages call the settings ``source``, such as the path of the file that they stand in.

    Raises :class:`InputError` for arms that cannot be compared; :class:`RunError` if ``out`` holds another
    comparison, or if runs failed, after all others are done.
    """
    given, sections = Given.of(dataset, scenario, model, test, validation)
    base = ({} if settings is None else settings.model_dump()) | sections | changes
    kept = None
    if out is None:
        kept = _Temporary()
        out = kept.path
    out = Path(out)
    runs = _settings_of(arms, base, own or {}, source, trust=trust, validates=given.validates)
    _check_given(given, base, runs, source)
    runs = {name: one.model_copy(update={"given": given.recorded(one.given)}) for name, one in runs.items()}
    if not runs or seeds < 1:
        raise InputError("a comparison needs at least one arm and one seed")
    if (rates or schedules) and not given.validates and any(one.evaluation.validation == 0 for one in runs.values()):
        raise InputError(
            "choosing a learning rate or schedule needs validation samples: set evaluation.validation, such as 0.1"
        )
    for schedule in schedules:
        if schedule not in SCHEDULES:
            raise unknown_name("schedule", schedule, SCHEDULES)
    budget = _budget(next(iter(runs.values())), given) if match_samples else None
    if budget is not None:
        runs = {name: one.model_copy(update={"samples": budget}) for name, one in runs.items()}
    searched: dict[str, dict[str, float | None]] = {}
    with lock(out), worker_pool(max(1, jobs), given) as pool:
        runner = Runner(pool, given, watch or (lambda _plan, _done: None), known or (lambda _settings: None))
        if rates or schedules:
            runs, searched = chosen(runs, rates, schedules, out, runner)
        plan = [
            Job(
                name,
                settings.model_copy(update={"seed": settings.seed + number}),
                run_folder(out, name, settings.seed + number),
            )
            for number in range(seeds)
            for name, settings in runs.items()
        ]
        runner.run_all(plan)
    first = next(iter(runs.values())).seed
    facts = {
        "arms": list(runs),
        "seeds": list(range(first, first + seeds)),
        "samples": budget,
        "rates": {name: resolved(settings).train.lr for name, settings in runs.items()},
        "schedules": {name: settings.train.schedule for name, settings in runs.items()},
        "plans": {name: plan_of_a_round(settings.algorithm) for name, settings in runs.items()},
        "searched": searched,
    }
    _check_one_scenario(plan)
    write_json(out / FILE, facts, indent=2)
    return replace(load_comparison(out), kept=kept)


class _Temporary:
    """A folder that goes when nobody has this any more."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="astraea-comparison-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _settings_of(
    arms: str | Sequence[str] | Mapping[str, RunSettings | Mapping[str, Any]],
    base: Mapping[str, Any],
    own: Mapping[str, Mapping[str, Any]],
    source: str,
    *,
    trust: bool,
    validates: bool,
) -> dict[str, RunSettings]:
    """Return the settings of each arm. Raises :class:`InputError` for one that there is not, or that is there twice."""
    whole: dict[str, RunSettings] = {}
    if isinstance(arms, Mapping):
        whole = {name: one for name, one in arms.items() if isinstance(one, RunSettings)}
        own = {**own, **{name: one for name, one in arms.items() if not isinstance(one, RunSettings)}}
    names = [name.strip() for name in (arms.split(",") if isinstance(arms, str) else arms) if name.strip()]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"arm '{name}' is there twice: name each arm once")
        if "/" in name or name.startswith("."):
            raise InputError(f"an arm cannot be called '{name}', as its folder is: leave out slashes and leading dots")
    return {
        name: whole[name] if name in whole else arm_settings(base, name, own, source, trust=trust, validates=validates)
        for name in names
    }


def _check_given(given: Given, base: Mapping[str, Any], arms: Mapping[str, RunSettings], source: str) -> None:
    """Raise :class:`InputError` if an arm changes what an object is in the place of."""
    fixed = {
        "data": given.dataset is not None or given.scenario is not None,
        "scenario": given.scenario is not None,
        "model": given.model is not None,
    }
    for section in (name for name, is_fixed in fixed.items() if is_fixed):
        expected = getattr(parse_settings({section: base.get(section, {})}, source), section)
        for name, one in arms.items():
            if getattr(one, section) != expected:
                brought = "scenario" if fixed["scenario"] and section == "data" else section
                raise InputError(
                    f"arm '{name}' changes the {section}, which an object takes the place of: give settings for the "
                    f"{brought} instead, or leave this arm out"
                )


def _budget(reference: RunSettings, given: Given) -> int:
    if reference.samples is not None:
        return reference.samples
    experiment = prepare(reference, dataset=given.dataset, scenario=given.scenario, model=given.factory())
    experiment.engine.close()
    return round(samples_per_round(experiment) * reference.rounds)


def _check_one_scenario(plan: Sequence[Job]) -> None:
    """Raise :class:`RunError` if two runs that are to share a scenario have other data, as files may have changed."""
    first: dict[str, tuple[Job, str]] = {}
    for job in plan:
        folder = RunFolder(job.folder)
        if not folder.fingerprint.is_file():  # a folder of an earlier version
            continue
        one = job.settings
        key = repr((one.seed, one.data.name, one.scenario, one.evaluation.validation))
        digest = folder.read_json(folder.fingerprint)["data"]["digest"]
        other, expected = first.setdefault(key, (job, digest))
        if digest != expected:
            raise RunError(
                f"{other.folder} and {job.folder} were to share their data, and do not: the files have changed, so "
                "delete what was made of the others, and run the comparison again"
            )
