"""What a Flower app gains or loses in a short run by one changed import: a table, app by app.

``python studies/flower_short_runs.py`` runs a user's ClientApp, a perceptron on the digits in the manner of Flower's
templates, under Flower's FedAvg and under AstraeaStrategy as it comes, paired by seeds: with optimisers that move the
model little or far in a visit, and with clients alike or of few classes (Dirichlet).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Annotated, Any

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

import numpy as np
import torch
import typer
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp.strategy import FedAvg
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import nn

from astraea.flower import AstraeaStrategy, InProcessGrid, label_histogram
from astraea.flower.options import Options

NODES, TRAIN = 10, 1300
OPTIMISERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "SGD 0.01": lambda params: torch.optim.SGD(params, 0.01, momentum=0.9),
    "SGD 0.1": lambda params: torch.optim.SGD(params, 0.1, momentum=0.9),
    "Adam 0.001": lambda params: torch.optim.Adam(params, 0.001),
}
ARMS: dict[str, Callable[[], FedAvg]] = {
    "FedAvg": lambda: FedAvg(fraction_evaluate=0.0),
    "as it comes": lambda: AstraeaStrategy(fraction_evaluate=0.0),
    "returns last": lambda: AstraeaStrategy(fraction_evaluate=0.0, algorithm={"returns": "last"}),
}
LIARS = (1, 8)
HOSTILE: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "zeros": lambda old, new: torch.zeros_like(new),
    "noise": lambda old, new: 10 * torch.randn(new.shape, generator=torch.Generator().manual_seed(new.numel())),
    "scaled": lambda old, new: old + 100 * (new - old),
    "reversed": lambda old, new: old - 10 * (new - old),
    "reversed-1.5": lambda old, new: old - 1.5 * (new - old),
    "reversed-1.9": lambda old, new: old - 1.9 * (new - old),
    "reversed-3.9": lambda old, new: old - 3.9 * (new - old),
}
"""What a hostile client makes of the model that it got and of the one that an honest client would give."""


def build(seed: int = 0) -> nn.Module:
    """Return the model."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def parts(y: NDArray[Any], alpha: float, large: float, seed: int) -> list[NDArray[np.int64]]:
    """Return each client's rows; ``alpha`` is that of a Dirichlet distribution of each class, infinite for none.

    With a share ``large`` clients are alike, but for one that holds so much of all.
    """
    rng = np.random.default_rng(seed)
    if large:
        rows = rng.permutation(len(y))
        others = np.array_split(rows[int(large * len(y)) :], NODES - 1)
        return [*others[: NODES // 2], rows[: int(large * len(y))], *others[NODES // 2 :]]
    if np.isinf(alpha):
        return np.array_split(rng.permutation(len(y)), NODES)
    while True:
        found: list[list[int]] = [[] for _ in range(NODES)]
        for label in range(10):
            rows = rng.permutation(np.flatnonzero(y == label))
            cuts = (np.cumsum(rng.dirichlet([alpha] * NODES))[:-1] * len(rows)).astype(int)
            for own, part in zip(found, np.split(rows, cuts), strict=True):
                own += part.tolist()
        if min(map(len, found)) >= 10:
            return [np.array(rows) for rows in found]


def scores(
    optimiser: str, alpha: float, large: float, arm: str, rounds: int, seed: int, hostile: str = "", claim: int = 0
) -> list[float]:
    """Return the accuracy in % on held-out samples after each round; ``hostile`` clients may ``claim`` samples."""
    samples, labels = load_digits(return_X_y=True)
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    x, y = torch.tensor(samples[shuffled] / 16, dtype=torch.float32), torch.tensor(labels[shuffled])
    clients, app = parts(y[:TRAIN].numpy(), alpha, large, seed + 1000), ClientApp()

    def own(context: Context) -> NDArray[np.int64]:
        return clients[int(context.node_config["partition-id"])]

    def lies(context: Context) -> bool:
        return int(context.node_config["partition-id"]) in LIARS

    @app.train()
    def train(message: Message, context: Context) -> Message:
        net, rows = build(), torch.from_numpy(own(context))
        net.load_state_dict(message.content.array_records["arrays"].to_torch_state_dict())
        made = OPTIMISERS[optimiser](net.parameters())
        place = int(str(message.content.config_records["config"]["server-round"])) * 100 + int(rows[0])
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(place))
        for begin in range(0, len(rows), 32):
            batch = rows[order[begin : begin + 32]]
            made.zero_grad()
            torch.autograd.backward(nn.functional.cross_entropy(net(x[batch]), y[batch]))
            made.step()
        made_of = net.state_dict()
        if hostile and lies(context):
            old = message.content.array_records["arrays"].to_torch_state_dict()
            made_of = {name: HOSTILE[hostile](old[name], new) for name, new in made_of.items()}
        metrics = MetricRecord({"num-examples": len(rows)})
        return Message(RecordDict({"arrays": ArrayRecord(made_of), "metrics": metrics}), reply_to=message)

    honest = label_histogram(lambda context: y[own(context)].numpy(), classes=10)

    @app.query("label_histogram")
    def tell(message: Message, context: Context) -> Message:
        told = honest(message, context)
        if claim and hostile and lies(context):
            counts = MetricRecord({"label-histogram": [claim // 10] * 10, "num-examples": claim // 10 * 10})
            remarks = {name: record for name, record in told.content.items() if not isinstance(record, MetricRecord)}
            told.content = RecordDict({**remarks, "histogram": counts})
        return told

    found: list[float] = []

    def measure(round_: int, arrays: ArrayRecord) -> None:
        net = build()
        net.load_state_dict(arrays.to_torch_state_dict())
        with torch.no_grad():
            found.append(100 * float((net(x[TRAIN:]).argmax(1) == y[TRAIN:]).float().mean()))

    start = ArrayRecord(build(seed).state_dict())
    ARMS[arm]().start(InProcessGrid(app, NODES), start, rounds, evaluate_fn=measure)
    return found


def main(
    rounds: Annotated[int, typer.Option(help="Rounds of a run.")] = 15,
    seeds: Annotated[int, typer.Option(help="Runs of each cell.")] = 3,
    first: Annotated[int, typer.Option(help="Seed of the first run. The default was chosen with 0 to 3.")] = 10,
    large: Annotated[
        float, typer.Option(help="Share of all samples that one client holds, clients being alike.")
    ] = 0.0,
    optimisers: Annotated[str, typer.Option(help="Names, with commas between them.")] = ",".join(OPTIMISERS),
    arms: Annotated[str, typer.Option(help="Names, with commas between them.")] = ",".join(ARMS),
    hostile: Annotated[str, typer.Option(help=f"What two of the clients do: {', '.join(HOSTILE)}.")] = "",
    claim: Annotated[int, typer.Option(help="Samples that these say they hold, if not what is true.")] = 0,
    back: Annotated[float, typer.Option(help="Of the defence that chains come with, if not its own.")] = 0.0,
) -> None:
    """Print mean accuracies after some rounds, and in brackets what they are above those of the first arm."""
    if back:
        guard = Options.of(None, None, None, 0).server.defence.model_copy(update={"back": back})
        ARMS["as it comes"] = lambda: AstraeaStrategy(fraction_evaluate=0.0, server={"defence": guard})
    torch.set_num_threads(1)
    logging.getLogger("flwr").setLevel(logging.CRITICAL)
    shown = [round_ for round_ in (1, 3, 6, 10, 15) if round_ <= rounds]
    typer.echo(f"{'visits':12}{'Dirichlet':>10} {'strategy':14}" + "".join(f"{f'round {one}':>16}" for one in shown))
    for optimiser in optimisers.split(","):
        for alpha in (np.inf,) if large or hostile else (np.inf, 0.5, 0.1):
            base = None
            for arm in arms.split(","):
                runs = [
                    scores(optimiser, alpha, large, arm, rounds, seed, hostile, claim)
                    for seed in range(first, first + seeds)
                ]
                found = np.mean(runs, axis=0)
                base = found if base is None else base
                cells = "".join(f"{found[one]:8.1f} ({found[one] - base[one]:+5.1f})" for one in shown)
                typer.echo(f"{optimiser:12}{alpha:10} {arm:14}{cells}")


if __name__ == "__main__":
    typer.run(main)
