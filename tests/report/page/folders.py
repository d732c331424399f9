"""Folders as runs and comparisons leave them, written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tomli_w

CLASSES = ["cat", "dog"]


def line(number: int, accuracy: float | None = None, **more: Any) -> dict[str, Any]:
    """Return a round's line of metrics: a hundred steps, a megabyte and ten samples a round."""
    counts = {"critical_path_steps": 100 * number, "bytes_sent": 1_000_000 * number, "samples_processed": 10 * number}
    measured = {} if accuracy is None else {"accuracy": accuracy, "balanced_accuracy": accuracy, "tail_recall": 0.5}
    return {"round": number, "train_loss": 1.0, "visits_skipped": 0, **counts, **measured, **more}


def write_run(
    folder: Path,
    accuracies: list[float],
    *,
    algorithm: str = "astraea",
    classes: list[str] = CLASSES,
    clients: list[str] | None = None,
    recalls: list[float | None] | None = None,
    finished: bool = True,
    **summary: Any,
) -> Path:
    """Write a run of three clients: one holds 8 cats, one 2 cats and a dog, one a dog that is copied once."""
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(tomli_w.dumps({"seed": 3, "algorithm": {"name": algorithm}}))
    lines = [line(number, accuracy) for number, accuracy in enumerate(accuracies, start=1)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    pad = [0] * (len(classes) - 2)
    held = [[8, 0, *pad], [2, 1, *pad], [0, 1, *pad]]
    trained = [[8, 0, *pad], [2, 1, *pad], [0, 2, *pad]]
    names = clients or ["a", "b", "c"]
    facts = {"dataset": "pets", "scenario": "by hand", "class_names": classes, "client_names": names}
    (folder / "scenario.json").write_text(
        json.dumps({**facts, "held": held, "trained": trained, "test": [5] * len(classes)})
    )
    chains = [{"round": one["round"], "chains": [[0, 2, 0, 2], [1]]} for one in lines]
    (folder / "chains.jsonl").write_text("".join(json.dumps(one) + "\n" for one in chains))
    if finished:
        last = lines[-1]
        written = {
            "algorithm": algorithm,
            "dataset": "pets",
            "scenario": "by hand",
            "accuracy_final": accuracies[-1],
            "accuracy_best": max(accuracies),
            "balanced_accuracy_final": accuracies[-1],
            "tail_recall": 0.5,
            "worst_decile_client_accuracy": 0.4,
            "storage_overhead": 0.1,
            "client_epochs": 4 * len(lines),
            "class_names": classes,
            "class_counts": [10, 2, *pad],
            "per_class_recall": recalls or [0.9] * len(classes),
            "regression": None,
            "simulated_seconds": None,
            "simulated_split": None,
            **{key: last[key] for key in ("samples_processed", "critical_path_steps", "bytes_sent", "visits_skipped")},
            **summary,
        }
        (folder / "summary.json").write_text(json.dumps(written))
    return folder


def write_comparison(
    folder: Path, finals: dict[str, list[float]], searched: dict[str, Any] | None = None, **run: Any
) -> Path:
    """Write a comparison whose arms end with the accuracies of ``finals``, a seed each."""
    seeds = list(range(len(next(iter(finals.values())))))
    for arm, ends in finals.items():
        for seed, end in zip(seeds, ends, strict=True):
            write_run(folder / arm / f"seed-{seed}", [0.1, end], algorithm=arm, **run)
    rates = dict.fromkeys(finals, 0.1)
    facts = {"arms": list(finals), "seeds": seeds, "samples": 20, "rates": rates, "searched": searched or {}}
    (folder / "comparison.json").write_text(json.dumps(facts))
    return folder
