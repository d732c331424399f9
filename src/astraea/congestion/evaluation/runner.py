"""Run suites: every arm in the same worlds, in several processes, each outcome kept as soon as it is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from astraea.congestion import simulate
from astraea.congestion.evaluation.arms import Arm, digest_of, load
from astraea.congestion.evaluation.catalogue import SUITES
from astraea.congestion.evaluation.over_time import SERIES, OverTime, append_series, over_time, read_series
from astraea.congestion.evaluation.records import FILE, append, key_of, read
from astraea.congestion.evaluation.suite import Case, Outcome, Setup, Suite
from astraea.congestion.evaluation.traces import find_traces
from astraea.errors import InputError
from astraea.files import lock
from astraea.workers import worker_pool

if TYPE_CHECKING:
    from astraea.congestion.policy import Policy

__all__ = ["Evaluation", "Job", "evaluate"]

Watch = Callable[["Job", int, int], None]


@dataclass(frozen=True)
class Evaluation:
    """All outcomes, in the order of suites, arms, seeds and cases."""

    suites: tuple[Suite, ...]
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...]  # what was left out, and why
    over_time: tuple[OverTime, ...] = ()  # of one world a suite and arm

    def of(self, suite: str) -> list[Outcome]:
        """Return the outcomes of one suite."""
        return [outcome for outcome in self.outcomes if outcome.suite == suite]


@dataclass(frozen=True)
class Job:
    """One world to simulate under one arm; ``shown`` if its course over time is kept."""

    suite: str
    arm: str
    seed: int
    case: Case
    policy: Policy | None
    key: str
    shown: bool = False


def evaluate(
    suites: Sequence[Suite],
    arms: Sequence[Arm],
    out: Path,
    *,
    seeds: int = 3,
    first_seed: int = 0,
    jobs: int = 1,
    worlds: int | None = None,
    data: Path | None = None,
    watch: Watch | None = None,
) -> Evaluation:
    """Put every arm into the worlds of every suite under ``seeds`` seeds, and return what was found.

    Outcomes are appended to ``out/outcomes.jsonl`` as they finish; those already there are not simulated again. Of one
    world a suite and arm, the course over time is appended to ``out/over_time.jsonl``.
    Seeds are consecutive from ``first_seed`` on, which is at least 0.
    ``jobs`` processes work side by side; ``worlds`` bounds the worlds of a suite, arm and seed; ``data`` is the
    folder of :func:`find_traces`. ``watch(job, finished, all)`` is told of every new outcome.
    Raises :class:`InputError` for a count below 1, and what loading a policy raises.
    """
    for name, count in (("seeds", seeds), ("jobs", jobs), ("worlds", worlds)):
        if count is not None and count < 1:
            raise InputError(f"{name} must be at least 1, got {count}")
    if first_seed < 0:
        raise InputError(f"first_seed must be at least 0, got {first_seed}")
    span = range(first_seed, first_seed + seeds)
    with lock(out):
        traces = find_traces(data, out / "traces") if any(suite.needs_traces for suite in suites) else ()
        plan = list(_jobs(suites, arms, span, worlds, traces))
        file, course = out / FILE, out / SERIES
        known, seen = _known(file), _seen(course)
        missing = [job for job in plan if _name(job) not in known or (job.shown and _name(job) not in seen)]
        finished = len(plan) - len(missing)
        for job, (outcome, series) in _played_all(missing, jobs):
            if series is not None:
                append_series(course, series)
            if _name(job) not in known:
                append(file, outcome)
            finished += 1
            if watch is not None:
                watch(job, finished, len(plan))
        known, seen = _known(file), _seen(course)
    return Evaluation(
        suites=tuple(suites),
        arms=tuple(arms),
        seeds=tuple(span),
        outcomes=tuple(known[_name(job)] for job in plan),
        notes=() if traces or not any(suite.needs_traces for suite in suites) else (_without_traces(data),),
        over_time=tuple(seen[_name(job)] for job in plan if job.shown),
    )


def _jobs(
    suites: Sequence[Suite], arms: Sequence[Arm], seeds: Sequence[int], worlds: int | None, traces: tuple[Path, ...]
) -> Iterator[Job]:
    policies = {arm.name: load(arm) for arm in arms}
    digests = {arm.name: digest_of(arm, policies[arm.name]) for arm in arms}
    for suite, arm, seed in product(suites, arms, seeds):
        policy = policies[arm.name]
        controller = policy.header.controller if policy is not None else arm.controller
        cases = suite.cases(Setup(controller, seed, worlds, traces))
        for number, case in enumerate(cases):
            shown = seed == seeds[0] and number == len(cases) // 2
            yield Job(suite.name, arm.name, seed, case, policy, key_of(case, digests[arm.name]), shown)


def _known(file: Path) -> dict[tuple[str, str, str], Outcome]:
    return {(outcome.suite, outcome.arm, outcome.key): outcome for outcome in read(file)}


def _seen(file: Path) -> dict[tuple[str, str, str], OverTime]:
    return {(series.suite, series.arm, series.key): series for series in read_series(file)}


def _name(job: Job) -> tuple[str, str, str]:
    return job.suite, job.arm, job.key


def _played_all(missing: Sequence[Job], jobs: int) -> Iterator[tuple[Job, tuple[Outcome, OverTime | None]]]:
    if jobs == 1 or len(missing) < 2:
        for job in missing:
            yield job, _played(job)
        return
    with worker_pool(min(jobs, len(missing))) as pool:
        futures = {pool.submit(_played, job): job for job in missing}
        for future in as_completed(futures):
            yield futures[future], future.result()


def _played(job: Job) -> tuple[Outcome, OverTime | None]:
    begin = time.process_time()
    result = simulate(job.case.world, policy=job.policy)
    seconds = time.process_time() - begin
    values = SUITES[job.suite].measure(result)
    outcome = Outcome(job.suite, job.case.label, job.arm, job.seed, job.key, job.case.conditions, values, seconds)
    return outcome, over_time(result, job.suite, job.arm, job.key, job.case.label) if job.shown else None


def _without_traces(data: Path | None) -> str:
    where = "no folder of data was named" if data is None else f"{data} holds no network-traces"
    return f"cellular traces are left out, since {where}: set ASTRAEA_DATA or --data-dir"
