"""Hostile clients, and what defences cost honest ones: ``python studies/hostile.py --jobs 16``.

Every run is small, takes one core, and stands for itself; its score is kept as a line of studies/scores/hostile.jsonl,
and what is there is never run again. The page is made from these lines alone, also while not all of them are there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from hostile_page import write_page
from rich.console import Console

from astraea.errors import AstraeaError
from astraea.experiment.changes import changed
from astraea.experiment.run import run
from astraea.experiment.settings import parse_settings
from astraea.workers import worker_pool

_CONSOLE = Console(stderr=True, highlight=False)
HERE = Path(__file__).parent

BASE: dict[str, Any] = {
    "rounds": 15,
    "model": {"name": "mlp", "hidden": [128]},
    "train": {"lr": 0.05, "decay": "rounds"},
    "balance": {"storage": "offline"},
    "evaluation": {"every": 5},
    "scenario": {"clients": 100, "skew": "random", "sizes": "uploads", "test": "balanced", "min_per_class": 20},
}
DATASETS: dict[str, dict[str, Any]] = {
    "devanagari": {"scenario.labels": "letter-frequency", "scenario.samples": 6000, "scenario.test_per_class": 60},
    "fashion-mnist": {"scenario.labels": "half-normal", "scenario.samples": 5000, "scenario.test_per_class": 300},
}
_CHAINS = {
    "algorithm.name": "astraea",
    "algorithm.clients_per_round": 50,
    "algorithm.mediator_epochs": 2,
    "algorithm.local_epochs": 1,
}
ALGORITHMS: dict[str, dict[str, Any]] = {
    "chains of 10": {**_CHAINS, "algorithm.capacity": 10},
    "one chain of 50": {**_CHAINS, "algorithm.capacity": 50},
    "fedavg": {"algorithm.name": "fedavg", "algorithm.clients_per_round": 50, "algorithm.local_epochs": 2},
}
DEFENCES: dict[str, dict[str, Any]] = {
    "none": {},
    "clip": {"server.defence": "clip", "balance.most_samples": 10.0},
    "clip, most_samples = 3": {"server.defence": "clip", "balance.most_samples": 3.0},
    "clip, most_samples = 100": {"server.defence": "clip", "balance.most_samples": 100.0},
    "clip, multiple = 3": {
        "server.defence": {"name": "clip", "multiple": 3.0, "discard": 6.0},
        "balance.most_samples": 10.0,
    },
    "most_samples = 3": {"balance.most_samples": 3.0},
    "clip alone": {
        "server.defence": {"name": "clip", "multiple": 1.0, "discard": float("inf")},
        "balance.most_samples": 3.0,
    },
    "probe": {
        "server.defence": "probe",
        "balance.most_samples": 3.0,
        "evaluation.validation": 0.05,
    },
    **{name: {"server.aggregation": name} for name in ("median", "trimmed-mean", "multi-krum", "centred-clipping")},
}
ATTACKS: dict[str, dict[str, Any]] = {
    "zero": {"name": "zero"},
    "sign flip": {"name": "sign-flip"},
    "sign flip × 10": {"name": "sign-flip", "factor": 10.0},
    "× 100": {"name": "scaled", "factor": 100.0},
    "× 1e30": {"name": "scaled", "factor": 1e30},
    "garbage": {"name": "garbage"},
    "NaN": {"name": "nan"},
    "lying histogram": {"name": "lying-histogram"},
    "label flip": {"name": "label-flip"},
    "backdoor": {"name": "backdoor"},
    "collusion": {"name": "collusion"},
}
PRIVATE: dict[str, dict[str, Any]] = {
    "plain": {},
    "random mediators": {"algorithm.mediators": "random"},
    "local-dp, ε = 1": {"privacy.histograms": {"name": "local-dp", "epsilon": 1.0}},
    "local-dp, ε = 0.2": {"privacy.histograms": {"name": "local-dp", "epsilon": 0.2}},
    "secure-sum, ε = 1": {"privacy.histograms": {"name": "secure-sum", "epsilon": 1.0}},
}


class Cell(NamedTuple):
    """One run: what is attacked how, and how it is defended."""

    dataset: str
    algorithm: str
    defence: str
    attack: str
    share: float
    seed: int

    def settings(self, rounds: int | None) -> dict[str, Any]:
        """Return its settings as tables."""
        changes = {**DATASETS[self.dataset], "data.name": self.dataset, "seed": self.seed}
        if self.algorithm == "private":
            # Clients of 120 samples of few classes each, all of which take part: who shares a mediator matters.
            changes |= {**ALGORITHMS["chains of 10"], **PRIVATE[self.defence], "scenario.skew": "dirichlet"}
            changes |= {"scenario.clients": 50, "scenario.sizes": "even", "scenario.samples": 6000}
        else:
            changes |= {**ALGORITHMS[self.algorithm], **DEFENCES[self.defence]}
        if self.attack != "clean":
            attack = {"attacks.attack": ATTACKS[self.attack], "attacks.share": self.share, "attacks.place": "last"}
            changes |= attack
        return changed(BASE, changes | ({} if rounds is None else {"rounds": rounds}))


def cells() -> Iterator[Cell]:
    """Yield every run, those that tell most first."""
    chains = [algorithm for algorithm in ALGORITHMS if algorithm != "fedavg"]
    for seed in range(3):
        for dataset in DATASETS:
            for algorithm in ALGORITHMS:
                for defence in ("none", "clip"):
                    yield Cell(dataset, algorithm, defence, "clean", 0.0, seed)
    for seed in range(2):
        for algorithms in (chains, ["fedavg"]):
            for share in (0.2, 0.1):
                for dataset in DATASETS:
                    for algorithm in algorithms:
                        for attack in ATTACKS:
                            yield Cell(dataset, algorithm, "clip", attack, share, seed)
    for seed in range(3):
        for dataset in DATASETS:
            for way in PRIVATE:
                yield Cell(dataset, "private", way, "clean", 0.0, seed)
    for dataset in DATASETS:
        for seed in range(3):
            yield Cell(dataset, "fedavg", "clip, multiple = 3", "clean", 0.0, seed)
        for attack in ATTACKS:
            yield Cell(dataset, "fedavg", "clip, multiple = 3", attack, 0.2, 0)
    for seed in range(2):
        for dataset in DATASETS:
            for algorithm in ALGORITHMS:
                for attack in ATTACKS:
                    yield Cell(dataset, algorithm, "none", attack, 0.1, seed)
    for defence in ("clip, most_samples = 3", "clip, most_samples = 100", "most_samples = 3", "clip alone"):
        for seed in range(3):
            for dataset in DATASETS:
                for algorithm in ALGORITHMS if defence in ("clip, most_samples = 3", "clip alone") else chains:
                    yield Cell(dataset, algorithm, defence, "clean", 0.0, seed)
                if seed < 2 and defence == "clip, most_samples = 100":
                    yield Cell(dataset, "chains of 10", defence, "lying histogram", 0.2, seed)
    for seed in range(2):
        for dataset in DATASETS:
            for algorithm in ALGORITHMS:
                for attack in ATTACKS:
                    for defence, share in (("clip alone", 0.2), *(("clip, most_samples = 3", s) for s in (0.2, 0.1))):
                        yield Cell(dataset, algorithm, defence, attack, share, seed)
    for dataset in DATASETS:
        for algorithm in ("chains of 10", "fedavg"):
            for defence in ("median", "trimmed-mean", "multi-krum", "centred-clipping", "probe"):
                yield Cell(dataset, algorithm, defence, "clean", 0.0, 0)
                for attack in ("sign flip × 10", "label flip", "backdoor", "collusion"):
                    yield Cell(dataset, algorithm, defence, attack, 0.2, 0)


def measured(cell: Cell, rounds: int | None) -> dict[str, Any]:
    """Run, and return the score; a run that an attack ends has one too."""
    began = time.monotonic()
    row: dict[str, Any] = cell._asdict()
    try:
        summary = run(parse_settings(cell.settings(rounds))).summary
    except AstraeaError as error:
        return row | {"failed": str(error), "seconds": round(time.monotonic() - began, 1)}
    told = summary["defence"]
    hostile = set(told.get("hostile", ()))
    for what in ("clipped", "skipped"):
        row[what] = sum(told[what].values())
        row[f"honest_{what}"] = sum(visits for name, visits in told[what].items() if name not in hostile)
    names = ("accuracy_final", "balanced_accuracy", "tail_recall", "mediator_kl_mean", "client_epochs")
    row |= {name: summary[name] for name in names} | {"attack_success": told.get("attack_success")}
    return row | {"seconds": round(time.monotonic() - began, 1)}


def known(path: Path) -> dict[Cell, Mapping[str, Any]]:
    """Return the scores that are there."""
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {Cell(**{name: row[name] for name in Cell._fields}): row for row in rows}


def main(
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Runs side by side.")] = 2,
    seconds: Annotated[float, typer.Option(min=0, help="Begin no run after so many seconds.")] = float("inf"),
    scores: Annotated[Path, typer.Option(help="Where scores are kept.")] = HERE / "scores" / "hostile.jsonl",
    page: Annotated[Path, typer.Option(help="The page.")] = HERE.parent / "docs" / "results" / "hostile.md",
    rounds: Annotated[int | None, typer.Option(min=1, help="Other rounds: whether it runs, not what it finds.")] = None,
    only: Annotated[int | None, typer.Option(min=0, help="No more than so many runs; 0 writes the page alone.")] = None,
) -> None:
    """Run what has no score yet, and write the page."""
    until = time.monotonic() + seconds
    done = known(scores)
    wanted = iter([cell for cell in cells() if cell not in done][:only])
    running: set[Future[dict[str, Any]]] = set()
    scores.parent.mkdir(parents=True, exist_ok=True)
    with worker_pool(jobs) as pool, scores.open("a") as file:
        while True:
            while len(running) < jobs and time.monotonic() < until:
                cell = next(wanted, None)
                if cell is None:
                    break
                running.add(pool.submit(measured, cell, rounds))
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                running.remove(future)
                file.write(json.dumps(future.result(), ensure_ascii=False) + "\n")
                file.flush()
    rows = list(known(scores).values())
    if rows:
        write_page(rows, page, "python studies/hostile.py")
    _CONSOLE.print(f"{len(rows)} of {len(list(cells()))} runs; page in {page}")


if __name__ == "__main__":
    typer.run(main)
