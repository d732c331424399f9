"""What noise on label histograms leaves of the mediators' gain, and what a secure sum costs: no model is trained.

``python studies/private_histograms.py`` takes some minutes on one core.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

import numpy as np
import typer
from flwr.app import ConfigRecord, Message
from flwr.clientapp import ClientApp
from hostile import BASE, DATASETS
from numpy.typing import NDArray

from astraea.balance import kl_to_uniform, schedule_mediators
from astraea.balance.bounds import bounded_copies
from astraea.balance.privacy import HistogramPrivacy, LocalDP, Plain, SecureSum
from astraea.balance.rebalancing import MeanPower, rebalancing_of_held
from astraea.data.catalogue import load_dataset
from astraea.data.scenario import build_scenario
from astraea.experiment.changes import changed
from astraea.experiment.settings import parse_settings
from astraea.flower import InProcessGrid, label_histogram
from astraea.flower.secure_sum.gathering import gathered

HERE = Path(__file__).parent
CLIENTS, CAPACITY, SEEDS, DRAWS = 50, 10, 6, 2
SIZES = (40, 120, 360)
EPSILONS = (0.2, 0.5, 1.0, 2.0)
RULES = ("kl", "kl-exchange")
ROUND = 2 * 4 * 101_770 * CLIENTS * 2  # bytes: there and back, an MLP of 784-128-10, 50 clients, two passes

_ABOUT = f"""# Private histograms

What noise on label histograms leaves of what mediators are for, and what a secure sum costs.

{CLIENTS} clients of one size hold few classes each (Dirichlet, the default). They share mediators of {CAPACITY} by a
rule, greedy (`kl`) or with exchanges (`kl-exchange`). Copies and mediators follow what the server is told. The
divergence from uniform is that of the true labels of a mediator's clients, copies included. The gain is that of plain
histograms over random mediators. Each figure is a mean over {SEEDS} seeds and {DRAWS} draws of noise. Above 100 % noise
helped by chance: the greedy rule is not the best there is, and on one data set it gains nothing. Made by
`python studies/private_histograms.py`.

With `local-dp` the server knows nothing but noisy histograms, and its copies follow their sum. With `secure-sum` it
knows the sum exactly, and noisy histograms of the same ε beside it. So `secure-sum` shows what noise costs the
mediators alone, and `local-dp` what it costs copies as well.
"""
_WHY = """## What `local-dp` loses, and why

The noise of a sum of {clients} counts has a standard deviation of {spread:.0f} samples at ε = 1, however many samples
clients hold. The rarest classes have 20 samples in all. How often they are copied is off by half, whatever the
mediators do, and the divergence counts copies. On the data set of many rare classes and with large clients this is
nearly all that is lost: see its rows of {large} samples. `secure-sum` has the same noise on single clients and exact
sums. There it keeps nine tenths and more of the gain of `kl` at ε = 1, from {enough} samples a client on.

The server makes of the noisy counts what it can: a posterior mean for each, brought to the sums of rows and columns.
Four other estimates of the sums were tried: the most likely ones under the same model, those with a skew that is
fitted to the counts, and the mean and the geometric mean of each sum's posterior. None has a smaller error in the
logarithm. Two of them lower the divergence, because they take rare classes for rarer than they are, and so copy them
more often than the rule says. With exact histograms beside them that "keeps" up to 140 % of the gain: it is another
rule, not less noise.

Two more learn from all classes how large classes are: the posterior mean of each sum under a prior fitted to the noisy
sums, of any form (Kiefer & Wolfowitz 1956) or log-normal. On the letters at ε = 1 the first has a smaller error in the
logarithm, 0.10 in place of 0.14 at 360 samples and 0.16 in place of 0.19 at 120. Of the gain it keeps 72 % in place of
59 (`kl`) and 82 as before (`kl-exchange`) at 360, 85 in place of 90 and 77 in place of 79 at 120. At ε = 0.2 both
have a larger error than the estimate in use, 0.47 to 0.50 in place of 0.39 at 360. So neither took its place.

Nine tenths are out of both rules' reach there: with *exact* histograms for the mediators and the copies of `local-dp`,
81 % (`kl`) and 88 % (`kl-exchange`) of the gain are left at 360 samples. And copies cannot be much better: in any local
protocol a sum over K clients is off by the order of √K/ε samples (Chan, Shi & Song, ESA 2012).

Who needs exact copies takes `secure-sum`, at the price below.
"""


def histograms(dataset: str, size: int, seed: int) -> NDArray[np.int64]:
    """Return the clients' class counts ``(K, N)``."""
    changes = {**DATASETS[dataset], "data.name": dataset, "scenario.skew": "dirichlet", "scenario.sizes": "even"}
    changes |= {"scenario.clients": CLIENTS, "scenario.samples": CLIENTS * size}
    settings = parse_settings(changed(BASE, changes))
    return build_scenario(load_dataset(settings.data), settings.scenario, seed).histograms


def divergences(held: NDArray[np.int64], way: HistogramPrivacy, rules: Sequence[str], seed: int) -> list[float]:
    """Return the mean divergence (nats) of mediators scheduled by each rule on what is told in this ``way``."""
    told = way.told(held, np.random.default_rng(seed))
    change = bounded_copies(rebalancing_of_held(told.counts, MeanPower()), 1000.0)
    known = np.maximum(change.expected_counts(told.histograms).round(), 0).astype(np.int64)
    true, found = change.expected_counts(held).round(), []
    for rule in rules:
        groups = schedule_mediators(known, CAPACITY, rule, seed=seed)
        found.append(mean(float(kl_to_uniform(true[group].sum(axis=0))) for group in groups))
    return found


class _Counting(InProcessGrid):
    """A grid that counts the bytes of what is sent over it, both ways."""

    bytes = 0

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        numbers = []
        for message in messages:
            numbers += list(super().push_messages([message]))
            for one in (message, self._replies[numbers[-1]]):
                content: Any = one.content
                for record in (*content.config_records.values(), *content.metric_records.values()):
                    self.bytes += sum(_size(name) + _size(value) for name, value in record.items())
        return numbers


def _size(value: object) -> int:
    """Return the bytes of a text, of bytes, of a number or of a list of these."""
    if isinstance(value, list):
        return sum(map(_size, value))
    return len(value) if isinstance(value, bytes) else len(value.encode()) if isinstance(value, str) else 8


def cost(held: NDArray[np.int64]) -> int:
    """Return the bytes of one secure sum of all clients."""
    app, labels = ClientApp(), [np.repeat(np.arange(held.shape[1]), row) for row in held]
    app.query("label_histogram")(label_histogram(lambda context: labels[context.node_id - 2], held.shape[1]))
    grid = _Counting(app, len(held))
    nodes = list(grid.get_node_ids())
    rows, _ = gathered(nodes, 1.0, grid, 60.0, ConfigRecord(), "config", np.random.default_rng(0))
    assert np.array_equal(sum(row for row, _ in rows.values()), held.sum(axis=0))
    return grid.bytes


def main(
    page: Annotated[Path, typer.Option(help="The page.")] = HERE.parent / "docs" / "results" / "private-histograms.md",
    seeds: Annotated[int, typer.Option(min=1, help="Fewer: whether it runs, not what it finds.")] = SEEDS,
) -> None:
    """Work out the tables and write the page."""
    text, draws = [_ABOUT], range(DRAWS)
    for dataset in DATASETS:
        heads = [f"ε = {epsilon:g}" for epsilon in EPSILONS]
        table = [f"| samples of a client | rule | random | plain | way | {' | '.join(heads)} |"]
        table.append("|" + "---|" * (5 + len(heads)))
        for size in SIZES:
            all_held = [histograms(dataset, size, seed) for seed in range(seeds)]
            best = np.mean([divergences(held, Plain(), RULES, seed) for seed, held in enumerate(all_held)], axis=0)
            worst = mean(divergences(held, Plain(), ["random"], seed)[0] for held in all_held for seed in range(10))
            for kind in (LocalDP, SecureSum):
                here = []
                for epsilon in EPSILONS:
                    way = kind(epsilon=epsilon)
                    noisy = [
                        divergences(held, way, RULES, 10 * seed + draw)
                        for seed, held in enumerate(all_held)
                        for draw in draws
                    ]
                    here.append(np.mean(noisy, axis=0))
                for place, rule in enumerate(RULES):
                    gain = worst - best[place]
                    row = [
                        f"{one[place]:.3f} ({100 * (worst - one[place]) / gain:.0f} %)"
                        if gain > 0
                        else f"{one[place]:.3f}"
                        for one in here
                    ]
                    known = f"{worst:.3f} | {best[place]:.3f}"
                    table.append(f"| {size} | `{rule}` | {known} | {kind.name} | {' | '.join(row)} |")
        text += [
            f"## {dataset}\n",
            "**Divergence of mediators in nats, and the share of the gain kept.**\n",
            *table,
            "",
        ]
    variance = 2 * math.exp(-1.0) / math.expm1(-1.0) ** 2
    text.append(_WHY.format(clients=CLIENTS, spread=math.sqrt(CLIENTS * variance), large=SIZES[-1], enough=SIZES[1]))
    sent = cost(histograms("fashion-mnist", 120, 0))
    text += [
        "## What it costs\n",
        (
            f"One secure sum of {CLIENTS} clients and 10 classes is {sent / 1000:.0f} kB, all four exchanges and noisy "
            f"histograms together. A round of an MLP of 101,770 weights, passed twice through {CLIENTS} clients, is "
            f"{ROUND / 1e6:.0f} MB: the sum is {100 * sent / ROUND:.2f} % of it, and is made when clients join, not "
            "every round. A noisy histogram is as long as a plain one.\n"
        ),
    ]
    page.write_text("\n".join(text).rstrip() + "\n")


if __name__ == "__main__":
    typer.run(main)
