"""What it costs to divide a round's clients among mediators, against the number of clients."""

from __future__ import annotations

import argparse
import time

import numpy as np
from arena import arguments, write

from astraea.balance import kl_to_uniform, schedule_mediators


def main() -> None:
    options = arguments(__doc__ or "", classes=(62, "classes"), capacity=(10, "clients of a mediator"))
    results = []
    for clients in (100, 300, 1_000, 3_000, 10_000):
        rng = np.random.default_rng(0)
        shares = rng.dirichlet(np.full(options.classes, 0.3), clients)
        sizes = np.maximum(1, rng.lognormal(4, 0.5, clients).round().astype(int))
        counts = np.stack([rng.multinomial(size, share) for size, share in zip(sizes, shares, strict=True)])
        line: dict[str, float] = {"clients": clients}
        for rule in ("kl", "random"):
            began = time.process_time()
            mediators = schedule_mediators(counts, options.capacity, rule, seed=0)
            line[f"{rule} seconds"] = time.process_time() - began
            line[f"{rule} divergence"] = float(np.mean([kl_to_uniform(counts[m].sum(axis=0)) for m in mediators]))
        results.append(line)
        print(", ".join(f"{name} {value:.4g}" for name, value in line.items()))
    write(options.out, "scheduling", results)
    _draw(options, results)


def _draw(options: argparse.Namespace, results: list[dict[str, float]]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 3.5), layout="constrained")
    clients = [line["clients"] for line in results]
    axes.loglog(clients, [line["kl seconds"] for line in results], marker="o", label="kl, exact greedy")
    axes.loglog(clients, [line["random seconds"] for line in results], marker="o", label="random")
    axes.set_xlabel(f"clients of a round ({options.classes} classes, capacity {options.capacity})")
    axes.set_ylabel("s of processor time")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(options.out / "scheduling.png", dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main()
