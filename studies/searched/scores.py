"""Scores of finished runs: a line of JSON each, small enough to be kept with the source, and all that pages need."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from astraea.errors import InputError
from astraea.experiment.result import Result
from astraea.files import append_text, whole_lines
from searched.limits import Cost
from searched.plan import SHAPE, Plan, Setup
from searched.search import FAILED, point

__all__ = ["Scores", "append_row", "machine", "row_of", "rows_of", "setup_of_row", "shape_of"]


def machine(device: str = "cpu") -> str:
    """Return what rounding may depend on: runs on machines of one kind agree to the byte, others to chance."""
    kind = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    if device != "cpu":
        kind = torch.cuda.get_device_name(device)
    return f"{kind}, torch {torch.__version__.split('+')[0]}"


def row_of(result: Result, device: str = "cpu") -> dict[str, Any]:
    """Return what is kept of a run: what it cost, how good its last model is, and accuracy over bytes on the way."""
    summary = result.summary
    measured = [line for line in result.history if "accuracy" in line]
    kept = {
        "accuracy": measured[-1]["accuracy"],
        "balanced_accuracy": summary["balanced_accuracy"],
        "tail_recall": summary["tail_recall"],
        "client_accuracy": float(result.client_accuracies.mean()),
        "worst_decile": summary["worst_decile_client_accuracy"],
        "validation": measured[-1]["validation_balanced_accuracy"],
        "client_kl": summary["client_kl_mean"],
        "mediator_kl": summary["mediator_kl_mean"],
        "storage_overhead": summary["storage_overhead"],
    }
    return {
        "bytes": summary["bytes_sent"],
        "critical_path_steps": summary["critical_path_steps"],
        "samples": summary["samples_processed"],
        **{name: value if value is None else round(value, 5) for name, value in kept.items()},
        "curve": [[line["bytes_sent"], round(line["accuracy"], 4)] for line in measured],
        "notes": summary["notes"],
        "seconds": round(summary["wall_seconds"]),
        "machine": machine(device),
    }


class Scores:
    """All that is known of a study: ``NAME.jsonl`` holds its runs, ``NAME-rounds.jsonl`` how long each may go on."""

    def __init__(self, folder: Path, name: str, plan: Plan) -> None:
        self.plan = plan
        self._runs_file, self._rounds_file = folder / f"{name}.jsonl", folder / f"{name}-rounds.jsonl"
        self._runs: dict[tuple[Setup, int], dict[str, Any]] = {}
        self._rounds: dict[Setup, dict[str, int]] = {}
        self._limits: dict[tuple[str, str, int], dict[str, Cost]] = {}
        for row in self._rows(self._runs_file):
            self._runs[setup_of_row(row), row["rounds"]] = row
        for row in self._rows(self._rounds_file):
            if "limits" in row:
                limits = {name: _cost(values) for name, values in row["limits"].items()}
                self._limits[row["dataset"], row["case"], row["seed"]] = limits
            else:
                self._rounds[setup_of_row(row)] = row["rounds"]

    def _rows(self, file: Path) -> Iterator[dict[str, Any]]:
        """Yield the rows of the plan's edition."""
        return (row for row in rows_of(file, "its run is done again") if row["edition"] == self.plan.edition)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The finished runs, in the order in which they ended."""
        return list(self._runs.values())

    def run(self, setup: Setup, budget: str) -> dict[str, Any] | None:
        """Return the finished run of ``setup`` within ``budget``, or ``None`` if there is none yet."""
        rounds = self.rounds(setup)
        return None if rounds is None else self._runs.get((setup, rounds.get(budget, 0)))

    def validation(self, setup: Setup, budget: str) -> float | None:
        """Return the balanced accuracy on validation samples, or ``None`` if it is not known yet."""
        rounds, row = self.rounds(setup), self.run(setup, budget)
        if rounds is not None and rounds.get(budget) == 0:
            return FAILED
        return None if row is None else FAILED if "failed" in row else row["validation"]

    def rounds(self, setup: Setup) -> dict[str, int] | None:
        """Return how many rounds of ``setup`` fit into each budget, or ``None`` if that is not known yet."""
        return self._rounds.get(shape_of(setup))

    def limits(self, dataset: str, case: str, seed: int) -> dict[str, Cost] | None:
        """Return the limits of the budgets under a seed, or ``None`` if they are not known yet."""
        return self._limits.get((dataset, case, seed))

    def add_run(self, setup: Setup, rounds: int, values: Mapping[str, Any]) -> None:
        """Keep a finished run."""
        row = _row(self.plan, setup) | {"rounds": rounds} | dict(values)
        self._runs[setup, rounds] = row
        append_row(self._runs_file, row)

    def add_rounds(self, setup: Setup, rounds: Mapping[str, int]) -> None:
        """Keep how many rounds of ``setup`` fit into each budget."""
        shape = shape_of(setup)
        self._rounds[shape] = dict(rounds)
        append_row(self._rounds_file, _row(self.plan, shape) | {"rounds": dict(rounds)})

    def add_limits(self, dataset: str, case: str, seed: int, limits: Mapping[str, Cost]) -> None:
        """Keep the limits of the budgets under a seed; what has none is left out."""
        self._limits[dataset, case, seed] = dict(limits)
        known = {
            name: {key: value for key, value in cost._asdict().items() if value != float("inf")}
            for name, cost in limits.items()
        }
        row = {"edition": self.plan.edition, "dataset": dataset, "case": case, "seed": seed, "limits": known}
        append_row(self._rounds_file, row)


def shape_of(setup: Setup) -> Setup:
    """Return ``setup`` without the knobs that do not change what a round costs."""
    shape = point({name: value for name, value in setup.knobs if name in SHAPE})
    return Setup(setup.dataset, setup.case, setup.arm, shape, setup.seed)


def _row(plan: Plan, setup: Setup) -> dict[str, Any]:
    return {"edition": plan.edition} | vars(setup) | {"knobs": dict(setup.knobs)}


def setup_of_row(row: Mapping[str, Any]) -> Setup:
    """Return what a row is of."""
    return Setup(row["dataset"], row["case"], row["arm"], point(row["knobs"]), row["seed"])


def _cost(values: Mapping[str, float]) -> Cost:
    return Cost(*(values.get(name, float("inf")) for name in Cost._fields))


def rows_of(file: Path, anew: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file. Raises :class:`InputError` for a damaged line; ``anew`` says what happens without."""
    for number, line in enumerate(whole_lines(file) if file.is_file() else (), 1):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise InputError(f"{file}, line {number} is damaged ({error}): delete it, and {anew}") from error


def append_row(file: Path, row: Mapping[str, Any]) -> None:
    """Add a row to a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    append_text(file, json.dumps(row) + "\n")
