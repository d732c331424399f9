"""What a default federation of ten on Flower loses to two hostile clients, and what guards cost it: a table.

``python studies/flower_defaults.py`` runs what AstraeaStrategy does without settings (ten clients, chains of five,
passed once) on the local engine, which gives the same bytes. Clients are of unequal sizes and uneven classes.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import Tensor

from astraea.errors import AstraeaError
from astraea.experiment.changes import changed
from astraea.experiment.run import run
from astraea.experiment.settings import parse_settings
from astraea.federation.attacks.lying_histogram import LyingHistogram


class LyingZero(LyingHistogram, name="lying-zero"):
    """A client claims very many samples, and hands a model of zeros on."""

    def handed_on(self, before: Tensor, after: Tensor, generator: torch.Generator) -> Tensor:
        """Return zeros."""
        return torch.zeros_like(after)


BASE: dict[str, Any] = {
    "rounds": 15,
    "model": {"name": "mlp", "hidden": [128]},
    "train": {"lr": 0.05},
    "algorithm": {
        "name": "astraea",
        "clients_per_round": 10,
        "capacity": 5,
        "mediator_epochs": 1,
        "returns": "mean",
        "local_epochs": 1,
    },
    "balance": {"storage": "offline"},
    "scenario": {"clients": 10, "sizes": "uploads", "min_per_class": 20},
    "evaluation": {"every": 3},
}
DATASETS: dict[str, dict[str, Any]] = {
    "digits": {"scenario.labels": "half-normal"},
    "fashion-mnist": {
        "scenario.labels": "half-normal",
        "scenario.samples": 4000,
        "scenario.test": "balanced",
        "scenario.test_per_class": 200,
    },
}
_OWN = {"name": "direction", "multiple": 3.0, "spare_large": True, "first": 0.25, "longer": 12.0}
ARMS: dict[str, dict[str, Any]] = {
    "unguarded": {"balance.most_samples": 100.0},
    "as it comes": {"balance.most_samples": 3.0, "server.defence": {**_OWN, "grace": 3}},
    "most_samples = 10": {"balance.most_samples": 10.0, "server.defence": {**_OWN, "grace": 3}},
    "10, no grace": {"balance.most_samples": 10.0, "server.defence": _OWN},
    "clip": {
        "balance.most_samples": 3.0,
        "server.defence": {"name": "clip", "multiple": 3.0, "spare_large": True, "grace": 3},
    },
    "without grace": {"balance.most_samples": 3.0, "server.defence": _OWN},
    "returns last": {
        "balance.most_samples": 3.0,
        "server.defence": {**_OWN, "grace": 3},
        "algorithm.returns": "last",
    },
}
ATTACKS: dict[str, Any] = {
    "nobody": None,
    "zero, lying": {"name": "lying-zero"},
    "× 100": {"name": "scaled", "factor": 100.0},
}


def score(dataset: str, arm: str, attack: str, skew: str, seed: int) -> float:
    """Return the final accuracy in %; 0 if the run ends before."""
    changes = {"data.name": dataset, "seed": seed, "scenario.skew": skew, **DATASETS[dataset], **ARMS[arm]}
    if ATTACKS[attack] is not None:
        changes |= {"attacks.attack": ATTACKS[attack], "attacks.share": 0.2}
    try:
        return 100 * float(run(parse_settings(changed(BASE, changes))).summary["accuracy_final"])
    except AstraeaError:
        return 0.0


def main(
    datasets: Annotated[str, typer.Option(help="Names, with commas between them.")] = ",".join(DATASETS),
    seeds: Annotated[int, typer.Option(help="Runs of each cell.")] = 3,
    first: Annotated[int, typer.Option(help="Seed of the first run. Settings were chosen with 0 to 4.")] = 10,
    skew: Annotated[str, typer.Option(help="How classes are spread over clients.")] = "random",
) -> None:
    """Print accuracies, and in brackets what they are below the first of the table."""
    torch.set_num_threads(1)
    for dataset in datasets.split(","):
        typer.echo(f"\n{dataset:16}" + "".join(f"{arm:>20}" for arm in ARMS))
        clean = None
        for attack in ATTACKS:
            cells = []
            for arm in ARMS:
                scores = [score(dataset, arm, attack, skew, seed) for seed in range(first, first + seeds)]
                found = float(np.mean(scores))
                clean = found if clean is None else clean
                cells.append(f"{found:12.1f} ({clean - found:5.1f})")
            typer.echo(f"{attack:16}" + "".join(cells))


if __name__ == "__main__":
    typer.run(main)
