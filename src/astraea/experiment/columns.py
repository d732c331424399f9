"""What the table of a comparison tells of each arm, from the summaries of its runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from astraea.tables import Column, Table

__all__ = ["COLUMNS", "columns_of", "comparison_table", "notes_of", "plan_of_a_round"]

COLUMNS = (
    Column("accuracy_final", "accuracy, final (%)", 100.0),
    Column("accuracy_best", "best (%)", 100.0),
    Column("balanced_accuracy_final", "balanced (%)", 100.0),
    Column("tail_recall", "rarest quarter (%)", 100.0),
    Column("worst_decile_client_accuracy", "worst tenth of clients (%)", 100.0),
    Column("samples_processed", "samples (k)", 1e-3, 0, spread=False),
    Column("critical_path_steps", "critical-path steps (k)", 1e-3, 1, spread=False),
    Column("bytes_sent", "sent (MB)", 1e-6, 0, spread=False),
    Column("storage_overhead", "extra storage (%)", 100.0, 0, spread=False),
)
"""What a comparison's table tells of each arm."""

_SIMULATED = Column("simulated_seconds", "simulated (s)", 1.0, 0)
_PLAN = "a round: clients × epochs"  # passes over a chain are a third factor
_OFF = 0.05

Summaries = Mapping[str, Sequence[Mapping[str, Any]]]


def columns_of(summaries: Summaries) -> tuple[Column, ...]:
    """Return what the table of these arms tells of each: simulated time too, where every run has a network."""
    timed = all(run.get("simulated_seconds") is not None for runs in summaries.values() for run in runs)
    return (*COLUMNS, _SIMULATED) if timed else COLUMNS


def comparison_table(summaries: Summaries, plans: Mapping[str, str], rates: Mapping[str, float]) -> Table:
    """Return a row for each arm, from the summaries of its runs: mean ± sample standard deviation over seeds."""
    columns = columns_of(summaries)
    rows = [
        [arm, *(column.text(runs) for column in columns), plans.get(arm, ""), f"{rates[arm]:g}"]
        for arm, runs in summaries.items()
    ]
    seeds = len(next(iter(summaries.values())))
    return Table(
        ["arm", *(column.title for column in columns), _PLAN, "learning rate"],
        rows,
        title=f"{seeds} seeds, mean ± standard deviation" if seeds > 1 else "1 seed",
    )


def plan_of_a_round(algorithm: Any) -> str:
    """Return what a round of an algorithm's settings is: ``20 × 5``, or ``50 × 1 × 2`` with two passes."""
    passes = getattr(algorithm, "mediator_epochs", 1)
    told = f"{algorithm.clients_per_round} × {algorithm.local_epochs}"
    return told if passes == 1 else f"{told} × {passes}"


def notes_of(samples: int | None, summaries: Summaries) -> list[str]:
    """Return what to know before a comparison's figures are believed, from the summaries of each arm's runs.

    Arms whose runs processed more than a twentieth beside the budget of ``samples``: a run ends with the round that
    reaches its budget, so rounds that are large beside it go beyond. And what some runs noted and others did not.
    """
    found = []
    for arm, runs in summaries.items():
        mean = float(np.mean([run["samples_processed"] for run in runs]))
        if samples and abs(mean - samples) > _OFF * samples:
            found.append(
                f"{arm} processed {mean:,.0f} samples a run, and the budget is {samples:,}: its rounds are large "
                "beside it. Give all arms more rounds, or this one fewer clients a round."
            )
    every = [set(run.get("notes", ())) for runs in summaries.values() for run in runs]
    shared = set.intersection(*every) if every else set()
    for arm, runs in summaries.items():
        for note in dict.fromkeys(note for run in runs for note in run.get("notes", ()) if note not in shared):
            seeds = sum(note in run.get("notes", ()) for run in runs)
            found.append(f"{arm}, {seeds} of {len(runs)} seeds: {note}")
    return found
