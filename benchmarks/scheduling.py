"""What it costs to divide clients among mediators, and how balanced the mediators are: exact, approximate, random.

First the cost against the number of clients, then balance on instances of many kinds, with FEMNIST's writers if
``$ASTRAEA_DATA`` has them (more than there are: writers drawn anew, their samples too). Times are of the processor,
all threads together, and of the clock.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from arena import arguments, write

from astraea.balance import kl_to_uniform, schedule_mediators

SIZES = (300, 1_000, 3_000, 10_000, 20_000, 100_000, 1_000_000)
EXACT = 20_000
Counts = np.ndarray


def main() -> None:
    options = arguments(
        (__doc__ or "").splitlines()[0],
        turns=1,
        classes=(62, "classes"),
        most=(1_000_000, "clients of the largest case"),
        instances=(5_000, "clients of the instances that are compared"),
    )
    schedule_mediators(np.eye(4), 2, "kl-approximate", seed=0)  # compiles, or loads what was compiled before
    curve = []
    for clients in (size for size in SIZES if size <= options.most):
        counts = dirichlet(0.3)(clients, options.classes, np.random.default_rng(0))
        rules = ["kl", "kl-approximate", "random"] if clients <= EXACT else ["kl-approximate", "random"]
        line: dict[str, Any] = {"clients": clients, **{rule: measured(counts, 10, rule) for rule in rules}}
        line["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        curve.append(line)
        print(f"{clients:,} clients: " + ", ".join(f"{rule} {told(line[rule])}" for rule in rules), flush=True)
    compared = []
    for name, make in INSTANCES.items():
        for capacity in (5, 10, 20):
            counts = make(options.instances, options.classes, np.random.default_rng(1))
            if counts is None:
                continue
            exact, found = (measured(counts, capacity, rule) for rule in ("kl", "kl-approximate"))
            ratios = {key: found[key] / exact[key] for key in ("mean", "95th percentile", "largest")}
            compared.append({"instance": name, "capacity": capacity, "kl": exact, "kl-approximate": found} | ratios)
            print(f"{name}, capacity {capacity}: " + ", ".join(f"{key} ×{value:.3f}" for key, value in ratios.items()))
    write(options.out, "scheduling", {"curve": curve, "instances": compared})
    _draw(options, curve, compared)


def measured(counts: Counts, capacity: int, rule: str) -> dict[str, float]:
    """Return times, and the mediators' divergences (nats): mean, 95th percentile, largest."""
    began, used = time.perf_counter(), time.process_time()
    mediators = schedule_mediators(counts, capacity, rule, seed=0)
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    divergence = kl_to_uniform(np.stack([counts[clients].sum(axis=0) for clients in mediators]))
    return {
        "seconds": seconds,
        "cpu": cpu,
        "mean": float(divergence.mean()),
        "95th percentile": float(np.percentile(divergence, 95)),
        "largest": float(divergence.max()),
    }


def told(line: dict[str, float]) -> str:
    return f"{line['seconds']:.3g} s ({line['cpu']:.3g} s of processors), mean {line['mean']:.4f}"


def dirichlet(alpha: float) -> Callable[..., Counts]:
    """Return a maker of clients whose class shares are drawn from a Dirichlet distribution."""

    def make(clients: int, classes: int, rng: np.random.Generator) -> Counts:
        counts = np.empty((clients, classes), np.int32)
        for first in range(0, clients, 10_000):
            part = counts[first : first + 10_000]
            shares = rng.dirichlet(np.full(classes, alpha), len(part))
            part[:] = rng.multinomial(_sizes(len(part), rng), shares / shares.sum(axis=1, keepdims=True))
        return counts

    return make


def _sizes(clients: int, rng: np.random.Generator) -> np.ndarray:
    sizes: np.ndarray = np.maximum(1, rng.lognormal(4, 0.5, clients).round().astype(int))
    return sizes


def two_classes_each(clients: int, classes: int, rng: np.random.Generator) -> Counts:
    counts = np.zeros((clients, classes), np.int32)
    for row, size in zip(counts, _sizes(clients, rng), strict=True):
        row[rng.choice(classes, 2, replace=False)] = max(size // 2, 1)
    return counts


def half_normal(clients: int, classes: int, rng: np.random.Generator) -> Counts:
    """Classes as rare as half-normal numbers, and Dirichlet shares around them."""
    overall = np.abs(rng.normal(size=classes)) + 1e-3
    shares = rng.gamma(0.3 * classes * overall / overall.sum(), 1, (clients, classes)) + 1e-12
    return rng.multinomial(_sizes(clients, rng), shares / shares.sum(axis=1, keepdims=True))


def femnist(clients: int, classes: int, rng: np.random.Generator) -> Counts | None:
    path = Path(os.environ.get("ASTRAEA_DATA", "")) / "femnist" / "femnist_leaf_540w.npz"
    if not path.is_file():
        return None
    with np.load(path) as arrays:
        writers, labels = arrays["train_writer"].astype(int), arrays["train_labels"]
    counts = np.bincount(writers * 62 + labels, minlength=62 * (writers.max() + 1)).reshape(-1, 62)
    counts = counts[counts.any(axis=1)]
    drawn = counts[rng.integers(len(counts), size=clients)]
    return rng.multinomial(drawn.sum(axis=1), drawn / drawn.sum(axis=1, keepdims=True))


INSTANCES: dict[str, Callable[..., Any]] = {
    "Dirichlet 0.1": dirichlet(0.1),
    "Dirichlet 0.3": dirichlet(0.3),
    "Dirichlet 0.5": dirichlet(0.5),
    "Dirichlet 1": dirichlet(1.0),
    "near IID": dirichlet(100.0),
    "2 classes each": two_classes_each,
    "half-normal": half_normal,
    "FEMNIST": femnist,
}


def _draw(options: argparse.Namespace, curve: list[dict[str, Any]], compared: list[dict[str, Any]]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for rule, label in (("kl", "exact greedy"), ("kl-approximate", "approximate"), ("random", "random")):
        lines = [line for line in curve if rule in line]
        left.loglog([line["clients"] for line in lines], [line[rule]["seconds"] for line in lines], "o-", label=label)
    left.set_xlabel(f"clients ({options.classes} classes, Dirichlet 0.3, capacity 10)")
    left.set_ylabel("s")
    left.legend(frameon=False)
    names = list(dict.fromkeys(line["instance"] for line in compared))
    for capacity, shift in ((5, -0.25), (10, 0.0), (20, 0.25)):
        lines = [line for line in compared if line["capacity"] == capacity]
        places = [names.index(line["instance"]) + shift for line in lines]
        right.bar(places, [line["mean"] for line in lines], 0.22, label=f"capacity {capacity}")
    right.axhline(1.0, color="black", linewidth=0.8)
    right.set_xticks(range(len(names)), names, rotation=30, ha="right")
    right.set_ylim(0.5, 1.05)
    right.set_ylabel("mean divergence, approximate / exact greedy")
    right.legend(frameon=False, ncols=3, loc="lower center", fontsize=8)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(options.out / "scheduling.png", dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main()
