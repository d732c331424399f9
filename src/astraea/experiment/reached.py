"""When an accuracy is reached on a network: curves of finished runs, which depend on their plans alone, in seconds."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from astraea.errors import AstraeaError, InputError, RunError
from astraea.experiment.folder import RunFolder
from astraea.experiment.planning import places_tried
from astraea.experiment.settings import RunSettings, resolved
from astraea.federation.plan import SERVER, Chain, ChainState, RoundPlan, Visit
from astraea.network.files import NetworkLike, load_network
from astraea.network.layout import lay_out
from astraea.network.settings import Network
from astraea.network.transfers import placed
from astraea.reading import DAMAGE, damaged, read_text
from astraea.tables import Table, number, short

__all__ = ["Kept", "Reached", "Reaches", "Shape", "kept_runs", "time_to_accuracy"]


@dataclass(frozen=True)
class Kept:
    """A finished run: its settings, the plan of every round, and who trains on how many samples, ``(K,)``."""

    path: Path
    settings: RunSettings
    plans: tuple[RoundPlan, ...]
    sizes: NDArray[np.int64]
    accuracy: tuple[tuple[int, float], ...]  # (rounds done, test accuracy) of each evaluation
    final: float

    @classmethod
    def read(cls, path: Path, *, trust: bool = False) -> Kept:
        """Return the run in a folder; code that it names is imported with ``trust`` alone.

        Raises :class:`RunError` if there is none that is finished.
        """
        folder = RunFolder(path)
        settings = folder.settings(trust=trust)
        summary, scenario = folder.read_json(folder.summary), folder.read_json(folder.scenario)
        lines = folder.read_metrics()
        try:
            rounds = [json.loads(line)["chains"] for line in read_text(folder.chains).splitlines()]
            plans = _plans(settings, rounds[: len(lines)], int(lines[0]["bytes_sent"]))
            curve = tuple((int(line["round"]), float(line["accuracy"])) for line in lines if "accuracy" in line)
            sizes, final = np.array(scenario["trained"]).sum(axis=1), float(summary["accuracy_final"])
        except OSError as error:
            raise RunError(f"{folder.chains} cannot be read ({error.strerror}): is this the folder of a run?") from None
        except DAMAGE as error:
            if isinstance(error, AstraeaError):
                raise
            raise damaged(path, error) from error
        return cls(path, settings, plans, sizes, curve, final)

    def ends(self, network: Network, congestion: str, sharing: str) -> NDArray[np.float64]:
        """Return when each round ends on ``network`` in seconds, shape ``(rounds,)``."""
        from astraea.network.timing import round_time

        batch, sizes = self.settings.train.batch_size, self.sizes

        def steps(client: int) -> int:
            return self.settings.algorithm.local_epochs * math.ceil(int(sizes[client]) / batch)

        ends = [0.0]
        for one in self.plans:
            cost = round_time(
                one, network, congestion, network.followed_by, steps=steps, sharing=sharing, begins=ends[-1]
            )
            ends.append(ends[-1] + cost.seconds)
        return np.array(ends[1:])


class Shape(NamedTuple):
    """What a table says of a plan."""

    algorithm: str
    clients: int
    capacity: int
    epochs: int
    passes: int
    bits: int
    loss: str
    rate: float


@dataclass(frozen=True)
class Reached:
    """When one plan reaches the accuracy: mean ``seconds`` and ``rounds`` over its runs; infinity if one never does."""

    plan: Shape
    run: str  # what the folder of its first run is called
    placement: str
    runs: int
    final: float  # mean final accuracy
    rounds: float
    seconds: float
    whole: float  # mean seconds of the whole runs

    def plain(self) -> dict[str, Any]:
        """Return all as plain values, ready for JSON; ``None`` for a time that never comes."""
        own = {key: None if value == math.inf else value for key, value in self.__dict__.items() if key != "plan"}
        return self.plan._asdict() | own


@dataclass(frozen=True)
class Reaches:
    """Plans by the time at which they reach ``target``, the soonest first. Printed, it is its table."""

    network: Network
    congestion: str
    sharing: str
    target: float
    rows: tuple[Reached, ...]

    def table(self, most: int | None = None) -> Table:
        """Return the first ``most`` plans."""
        return Table(
            [
                "algorithm",
                "c",
                "γ",
                "E",
                "E_m",
                "bits",
                "loss",
                "rate",
                "run",
                "at",
                "runs",
                "final %",
                "rounds",
                "seconds",
                "in all",
            ],
            [
                (
                    *map(str, row.plan),
                    row.run,
                    row.placement,
                    str(row.runs),
                    number(100 * row.final, 1),
                    number(row.rounds, 1),
                    short(row.seconds),
                    short(row.whole),
                )
                for row in self.rows[:most]
            ],
            title=f"time to {100 * self.target:.1f} % on {self.network.name or 'the network'}, {self.congestion}, "
            f"sharing {self.sharing}\n"
            "c clients a round, chains of γ, E epochs, E_m passes, mediators at",
        )

    def plain(self) -> dict[str, Any]:
        """Return all as plain values, ready for JSON."""
        told = {name: getattr(self, name) for name in ("congestion", "sharing", "target")}
        return {"network": self.network.name, **told, "plans": [row.plain() for row in self.rows]}

    def __str__(self) -> str:
        return self.table().text()


def time_to_accuracy(
    runs: Iterable[Path | str],
    network: NetworkLike,
    *,
    target: float | None = None,
    placement: Sequence[str] = (),
    congestion: str = "cubic",
    sharing: str = "fair",
    trust: bool = False,
) -> Reaches:
    """Return when the plans of finished ``runs`` reach ``target`` on ``network``, the soonest first.

    ``runs`` are folders of runs or of comparisons; those that differ in their seed alone are one plan. The accuracy
    after a round depends on the plan, not on the network, so it is read off ``metrics.jsonl`` and nothing is trained;
    rounds are timed in the fluid model, or in packets where links lose some, with mediators at each of ``placement``.
    By default that is each place; for models in few bits the server alone, since how large they are elsewhere a folder
    does not tell. ``target`` is by default the lowest of the final accuracies. Code that the folders name is imported
    with ``trust`` alone. Raises :class:`RunError` for a folder without a finished run, and :class:`InputError` for runs
    on different scenarios, since their accuracies cannot be compared, and for another place for few bits.
    """
    found, kept = load_network(network), kept_runs(runs, trust=trust)
    target = min(run.final for run in kept) if target is None else target
    if not 0 < target <= 1:
        raise InputError(f"the accuracy to be reached is {target:g}: it is a share above 0 and at most 1, such as 0.8")
    groups: dict[str, list[Kept]] = {}
    for run in kept:
        groups.setdefault(_plan_of(run.settings), []).append(run)
    rows = []
    for members in groups.values():
        shape = _shape(members[0].settings)
        single = all(len(chain.visits) == 1 for run in members for one in run.plans for chain in one.chains)
        wanted = placement or (() if shape.bits == 32 else ("server",))
        for place in places_tried(found, wanted, single=single, bits=shape.bits):
            if shape.bits != 32 and place != "server":
                raise InputError(
                    f"{members[0].path} is a run with {shape.bits} bits a weight, which is timed with mediators at the "
                    f"server alone: leave '{place}' out of the placements"
                )
            there = found.model_copy(update={"placement": place})
            ends = [run.ends(there, congestion, sharing) for run in members]
            when = [_first(run.accuracy, target) for run in members]
            seconds = [math.inf if n is None else float(end[n - 1]) for n, end in zip(when, ends, strict=True)]
            rows.append(
                Reached(
                    shape,
                    _called(members[0].path),
                    place,
                    len(members),
                    float(np.mean([run.final for run in members])),
                    float(np.mean([math.inf if n is None else n for n in when])),
                    float(np.mean(seconds)),
                    float(np.mean([end[-1] for end in ends])),
                )
            )
    rows.sort(key=lambda row: (row.seconds, row.whole))
    return Reaches(found, congestion, sharing, target, tuple(rows))


def kept_runs(folders: Iterable[Path | str], *, trust: bool = False) -> list[Kept]:
    """Return the finished runs in ``folders``, of runs or comparisons, as :func:`time_to_accuracy` takes them."""
    paths: list[Path] = []
    for folder in map(Path, folders):
        inside = sorted(found.parent for found in folder.glob("*/seed-*/summary.json"))
        paths += inside if inside and not (folder / "config.toml").is_file() else [folder]
    if not paths:
        raise InputError("no run is named: give folders of finished runs, as 'astraea run --out' leaves them")
    runs = [Kept.read(path, trust=trust) for path in paths]
    first = runs[0].settings
    for run in runs[1:]:
        if (run.settings.data, run.settings.scenario) != (first.data, first.scenario):
            raise InputError(
                f"{run.path} and {runs[0].path} are runs on different scenarios: their accuracies cannot be compared"
            )
    return runs


def _plan_of(settings: RunSettings) -> str:
    """Return what tells plans apart: all settings but the seed, and those that leave a round's accuracy as it is."""
    same = {"seed", "engine", "network"}
    return resolved(settings).model_dump_json(exclude=same)


def _called(folder: Path) -> str:
    """Return the name of a run's folder, that of its arm in a comparison's."""
    return folder.resolve().parent.name if folder.name.startswith("seed-") else folder.resolve().name


def _shape(settings: RunSettings) -> Shape:
    algorithm, train = settings.algorithm, resolved(settings).train
    return Shape(
        algorithm.name,
        algorithm.clients_per_round,
        min(getattr(algorithm, "capacity", 1), algorithm.clients_per_round),
        algorithm.local_epochs,
        algorithm.passes,
        algorithm.bits,
        train.loss.called(),
        train.first_rate,
    )


def _first(curve: Sequence[tuple[int, float]], target: float) -> int | None:
    """Return after how many rounds the accuracy is first reached, or ``None``."""
    return next((round_ for round_, accuracy in curve if accuracy >= target), None)


def _plans(settings: RunSettings, rounds: Sequence[Sequence[Sequence[int]]], sent: int) -> tuple[RoundPlan, ...]:
    """Return the plans of a run that sent ``sent`` bytes in its first round; models are sizes without values."""

    def made(number_: int, size: int) -> RoundPlan:
        chains = tuple(Chain(i, tuple(map(Visit, clients)), SERVER) for i, clients in enumerate(rounds[number_]))
        start = ChainState(torch.empty(size, dtype=torch.uint8, device="meta"), torch.empty(0, device="meta"))
        return RoundPlan(number_, settings.seed, start, chains, training)

    training = settings.train.local(settings.algorithm.local_epochs, 0.0)
    first = made(0, 0)
    if settings.network.name is not None:
        network = settings.network.load()
        if settings.algorithm.bits != 32 and network.placement != "server":
            raise InputError(
                f"a run with {settings.algorithm.bits} bits a weight and mediators away from the server does not tell "
                "how large its models are: run it with network.placement = 'server'"
            )
        clients = [client for chain in first.chains for client in chain.clients]
        first = placed(first, lay_out(network, clients))
    size = round(sent / len(first.hops()))
    return tuple(made(number_, size) for number_ in range(len(rounds)))
