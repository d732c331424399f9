"""Time to accuracy: ``python studies/time_to_accuracy.py``, from the scores that ``studies/measure.py frontier`` keeps.

How accurate a run is after a round depends on its plan, how long the round takes on the network. So nothing is trained
here: the plans of finished runs are made again and some of their rounds timed, in the fluid model, on each network and
under each way to share it. Each method takes, on each network, the plan that is soonest at FedAvg's final accuracy.

What a plan's rounds take is kept as a line of scores/time-to-accuracy.jsonl, one for each way to share, with what the
line depends on: a second start goes on where the first stopped, and times anew what no longer holds. --arms and --ways
time some methods and ways alone; the page is written once nothing is missing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from rich.console import Console
from searched.plan import Plan, Setup, load_plan
from searched.scores import Scores, append_row, rows_of, setup_of_row, shape_of
from searched.search import Point, point
from study import HERE

from astraea.cli.shell import friendly
from astraea.errors import unknown_name
from astraea.experiment.prepare import Experiment, prepare
from astraea.experiment.rounds import planned_rounds
from astraea.experiment.simulation import Simulation
from astraea.federation.plan import RoundPlan
from astraea.files import write_text
from astraea.network.choice import NetworkSettings
from astraea.network.files import load_network, shipped_networks
from astraea.network.profiles import profile_of
from astraea.tables import Table, number

_CONSOLE = Console(stderr=True, highlight=False)

TRANSPORTS = {
    "CUBIC": ("cubic", "fair"),
    "BBR": ("bbr", "fair"),
    "policy": ("policy", "fair"),
    "round-aware": ("cubic", "longest-path"),
}
"""Controllers that share fairly, and CUBIC with those first that have the longest way to go."""

WAYS = tuple(name for name in TRANSPORTS if name != "CUBIC")

METHODS = {
    "FedAvg": ("fedavg", 32),
    "FedAvg, 4 bits": ("fedavg", 4),
    "FedAvg, copies, running prior": ("fedavg+copies+running-prior", 32),
    "FedAvg, copies anew, running prior": ("fedavg+copies+running-prior+on-the-fly", 32),
    "FedAvg, copies anew, running prior, 4 bits": ("fedavg+copies+running-prior+on-the-fly", 4),
    "Astraea, copies stored": ("astraea", 32),
    "Astraea, one rate a round": ("astraea+on-the-fly", 32),
    "Astraea": ("astraea+on-the-fly+falling-rate", 32),
    "Astraea, 4 bits": ("astraea+on-the-fly+falling-rate", 4),
}
"""Arm and bits a weight by name; copies that are made anew in each epoch take no storage, and are others each time."""


def _method(row: dict[str, Any]) -> str | None:
    """Return the name of what a kept run is of, ``None`` for a method that is not compared here."""
    what = row["arm"], row["knobs"].get("bits", 32)
    return next((name for name, known in METHODS.items() if known == what), None)


class Times(NamedTuple):
    """What a round of a plan takes under one way to share: mean seconds, and the share of it that is training."""

    seconds: float
    training: float


class TimesFile:
    """What plans' rounds take, a line each in ``path``; lines under conditions other than now's are not looked at."""

    def __init__(self, path: Path, timed: int) -> None:
        self._path, self.timed = path, timed
        self._networks = {name: NetworkSettings(name=name).decided().digest for name in shipped_networks()}
        self._known: dict[tuple[Setup, str], dict[tuple[str, str], Times]] = {}
        for row in rows_of(path, "it is timed anew"):
            if row["way"] in TRANSPORTS and row["under"] == self._under(row["way"]):
                self._known[setup_of_row(row), row["way"]] = {
                    (one, at): Times(*times) for one, at, *times in row["rounds"]
                }

    def _under(self, way: str) -> dict[str, Any]:
        """Return what times depend on beside the plan: rounds, networks, the way to share, and its controller."""
        congestion, sharing = TRANSPORTS[way]
        profile = {name: str(value) for name, value in vars(profile_of(congestion)).items()}
        told = {"timed": self.timed, "congestion": congestion, "sharing": sharing, "profile": profile}
        return told | {"networks": self._networks}

    def get(self, setup: Setup, way: str) -> dict[tuple[str, str], Times] | None:
        """Return what a round of ``setup`` takes by network and place of mediators, or ``None`` if it is not known."""
        return self._known.get((setup, way))

    def add(self, setup: Setup, way: str, rounds: dict[tuple[str, str], Times]) -> None:
        """Keep what a round of ``setup`` takes."""
        self._known[setup, way] = rounds
        row = vars(setup) | {"knobs": dict(setup.knobs), "way": way, "under": self._under(way)}
        row["rounds"] = [[*where, *times] for where, times in rounds.items()]
        append_row(self._path, row)


class Timed(NamedTuple):
    """A finished run on a network: its method, knobs, seed, place of mediators, and seconds a round by transport."""

    method: str
    knobs: Point
    seed: int
    placement: str
    seconds: dict[str, float]
    row: dict[str, Any]

    @property
    def final(self) -> float:
        """Its accuracy at the end, rounded as all along the way."""
        return float(self.row["curve"][-1][1])

    def reaches(self, transport: str, target: float) -> float:
        """Return the seconds after which the run is first seen at ``target``; infinity if it never is."""
        a_round = self.row["bytes"] / self.row["rounds"]
        when = (sent for sent, accuracy in self.row["curve"] if accuracy >= target)
        return float(self.seconds[transport] * next(when, math.inf) / a_round)


def main(
    dataset: Annotated[str, typer.Option(help="Dataset of the frontier study.")] = "devanagari",
    case: Annotated[str, typer.Option(help="Case of the frontier study.")] = "random",
    timed: Annotated[int, typer.Option(min=1, help="Rounds of each plan that are timed.")] = 8,
    arms: Annotated[str, typer.Option(help="Methods that are timed, such as fedavg,astraea; by default all.")] = "",
    ways: Annotated[str, typer.Option(help="Ways to share that are timed, such as CUBIC,BBR; by default all.")] = "",
    results: Annotated[Path | None, typer.Option(help="Where the page goes; by default docs/results.")] = None,
    scores: Annotated[Path | None, typer.Option(help="Where times are kept; by default beside the scores.")] = None,
) -> None:
    """Time the plans of finished runs on every network and write the page."""
    with friendly():
        plan = load_plan(HERE / "frontier.toml")
        rows = [
            row
            for row in Scores(HERE / "scores", "frontier", plan).rows
            if (row["dataset"], row["case"]) == (dataset, case) and _method(row) and "curve" in row
        ]
        setups = tuple(dict.fromkeys(shape_of(setup_of_row(row)) for row in rows))
        kept = TimesFile(scores or HERE / "scores" / "time-to-accuracy.jsonl", timed)
        _time(plan, setups, kept, _chosen(arms, {arm for arm, _ in METHODS.values()}), _chosen(ways, TRANSPORTS))
        missing = sum(kept.get(setup, way) is None for setup in setups for way in TRANSPORTS)
        if missing:
            _CONSOLE.print(f"{missing} of {len(TRANSPORTS) * len(setups)} are missing, so no page yet")
            return
        found = _found(rows, kept)
        folder = results or HERE.parent / "docs" / "results"
        write_text(folder / "time-to-accuracy.md", page(found, plan, dataset, case, timed))
        _CONSOLE.print(f"written to {folder / 'time-to-accuracy.md'}")


def _chosen(given: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the names in ``given``, all if there are none. Raises :class:`InputError` for one that is not known."""
    names = tuple(name.strip() for name in given.split(",") if name.strip())
    for name in names:
        if name not in known:
            raise unknown_name("method or way", name, list(known))
    return names or tuple(known)


def _time(plan: Plan, setups: Iterable[Setup], kept: TimesFile, arms: Sequence[str], ways: Sequence[str]) -> None:
    """Time what is not known yet of ``setups`` of ``arms``, under each of ``ways``."""
    for setup in setups:
        left = [way for way in ways if setup.arm in arms and kept.get(setup, way) is None]
        if not left:
            continue
        experiment = prepare(setup.settings(plan))
        experiment.engine.close()
        plans = list(itertools.islice(planned_rounds(experiment), kept.timed))
        for way in left:
            kept.add(setup, way, _seconds(experiment, plans, way))
        _CONSOLE.print(f"{setup.arm}, {dict(setup.knobs)}, seed {setup.seed}: {', '.join(left)}")


def _seconds(experiment: Experiment, plans: Sequence[RoundPlan], way: str) -> dict[tuple[str, str], Times]:
    """Return what a round takes, by network and place of mediators: where the network has them, and nowhere."""
    congestion, sharing = TRANSPORTS[way]
    chains = experiment.settings.algorithm.name == "astraea"
    found = {}
    for network in shipped_networks():
        own = load_network(network).placement
        # clients cannot hand a model in few bits to each other
        places = {own, "clients"} if experiment.settings.algorithm.bits == 32 else {own}
        for place in sorted(places if chains else {"server"}):
            settings = NetworkSettings(name=network, congestion=congestion, sharing=sharing, placement=place)
            simulation = Simulation(settings, settings.load(), experiment.population)
            times = [simulation.time(one) for one in plans]
            whole = sum(time.seconds for time in times)
            found[network, place] = Times(whole / len(times), sum(time.compute for time in times) / whole)
    return found


def _found(rows: Sequence[dict[str, Any]], kept: TimesFile) -> dict[str, list[Timed]]:
    """Return every run on each network that ships, with each place of mediators."""
    found: dict[str, list[Timed]] = {name: [] for name in shipped_networks()}
    for row in rows:
        by_way = {way: kept.get(shape_of(setup_of_row(row)), way) or {} for way in TRANSPORTS}
        for network, place in by_way["CUBIC"]:
            seconds = {way: times[network, place].seconds for way, times in by_way.items()}
            seconds["training"] = by_way["CUBIC"][network, place].training
            found[network].append(Timed(str(_method(row)), point(row["knobs"]), row["seed"], place, seconds, row))
    return found


def page(found: dict[str, list[Timed]], plan: Plan, dataset: str, case: str, timed: int) -> str:
    """Return the page of results."""
    searched = [run for run in next(iter(found.values())) if run.seed == plan.search_seed]
    fedavg = max((run for run in searched if run.method == "FedAvg"), key=lambda run: run.row["validation"])
    target, size = fedavg.final, fedavg.row["bytes"] / fedavg.row["rounds"] / dict(fedavg.knobs)["chains"] / 2
    text = [
        f"""# Time to accuracy

When a method reaches the accuracy with which FedAvg ends, in simulated seconds: {dataset}, {plan.cases[case].about}.
The accuracy after a round depends on the plan, the time of the round on the network, so the runs of the frontier study
are timed and not run again: `python studies/time_to_accuracy.py`. {timed} rounds of each plan are timed in the
[fluid model](../reference/networks.md) on the networks that ship. A run is measured ten times, so that times are up to
a tenth of a run too long.

FedAvg's final accuracy is that of its best plan on validation samples ({_told(fedavg.knobs)}):
{100 * target:.1f} % with seed {plan.search_seed}. On each network and under each transport, a method takes the plan, of
all that its search tried with that seed, that gets there first. Models are {size * 1e-6:.2f} MB.

The search looked for accuracy within budgets of bytes and steps, not of seconds, and is not finished: a plan that
nobody has run is not here. The networks are those that ship, with their own training times."""
    ]
    for network, runs in found.items():
        rows, best, measured = [], {}, dict[str, list[float]]()
        for method in METHODS:
            mine = [run for run in runs if run.seed == plan.search_seed and run.method == method]
            if not mine:
                continue
            for transport in TRANSPORTS:
                best[method, transport] = min(mine, key=lambda run: run.reaches(transport, target))
            chosen = best[method, "CUBIC"]
            measured[method] = _measured(runs, chosen, plan)
            times = [best[method, transport].reaches(transport, target) for transport in TRANSPORTS]
            rows.append(
                [
                    method,
                    *(number(seconds, 0) for seconds in times),
                    _times_as_soon(best["FedAvg", "CUBIC"].reaches("CUBIC", target), times[0]),
                    number(chosen.seconds["CUBIC"], 2),
                    number(100 * chosen.seconds["training"], 0),
                    _told(chosen.knobs) + (f", mediators: {chosen.placement}" if method.startswith("Astraea") else ""),
                    _mean(measured[method]),
                ]
            )
        head = ["method", *TRANSPORTS, "times as soon", "s a round", "training %", "plan", "measured seeds"]
        text += [f"## {network}", Table(head, rows).markdown(), _corners(best, measured, target)]
    text.append(
        """*Training %* is the share of a round's critical path. Where it is nearly all, no transport can shorten the
round. A chain's visits come one after the other, so that a long one takes as long as all of its clients train.
Clients cannot hand a model in few bits to each other: it goes back to a mediator between two visits, and is soon there
where links are slow, but not sooner trained.

*Times as soon*, the plan and what a round takes are over CUBIC; *round-aware* lets those with the longest way
to go have the link first. *Measured seeds*: the same plan under seeds that no search saw, each to the final accuracy of
FedAvg's plans under that seed: mean seconds of those that get there, and how many do; in the tables of corners,
FedAvg's mean over CUBIC by that of the method. A dash stands where nothing has been run."""
    )
    return "\n\n".join(text) + "\n"


def _measured(runs: Sequence[Timed], chosen: Timed, plan: Plan) -> list[float]:
    """Return the times over CUBIC of the ``chosen`` plan under measured seeds, each to FedAvg's final accuracy there.

    Infinity stands for one that does not get there.
    """
    times = []
    for seed in plan.seeds:
        mine = [run for run in runs if run.seed == seed]
        same = [
            run
            for run in mine
            if (run.method, run.knobs, run.placement) == (chosen.method, chosen.knobs, chosen.placement)
        ]
        rivals = [run for run in mine if run.method == "FedAvg"]
        if same and rivals:
            target = max(rivals, key=lambda run: run.row["validation"]).final
            times.append(same[0].reaches("CUBIC", target))
    return times


def _times_as_soon(base: float, seconds: float) -> str:
    """Return how many times as soon as ``base`` something is; a dash where one of them is not known or never comes."""
    return number(base / seconds, 2) if math.isfinite(base) and math.isfinite(seconds) else "–"


def _mean(times: Sequence[float]) -> str:
    there = [time for time in times if math.isfinite(time)]
    return f"{number(float(np.mean(there)), 0)} ({len(there)} of {len(times)})" if there else "–"


def _corners(best: dict[tuple[str, str], Timed], measured: dict[str, list[float]], target: float) -> str:
    """Return plan and transport apart: how many times as soon as FedAvg over CUBIC each is alone, and both."""

    def seconds(method: str, transport: str) -> float:
        return best[method, transport].reaches(transport, target)

    rows = []
    for method in METHODS:
        if method != "FedAvg" and (method, "CUBIC") in best:
            own, mine = (min(WAYS, key=lambda way: seconds(one, way)) for one in ("FedAvg", method))
            base = seconds("FedAvg", "CUBIC")
            gains = [seconds(method, "CUBIC"), seconds("FedAvg", own), seconds(method, mine)]
            ours, theirs = (float(np.mean(measured[one])) if measured[one] else math.nan for one in (method, "FedAvg"))
            seeds = _times_as_soon(theirs, ours)
            rows.append([method, *(_times_as_soon(base, one) for one in gains), f"{own}, {mine}", seeds])
    return Table(
        ["corners", "the plan alone", "the transport alone", "both", "transports", "measured seeds"], rows
    ).markdown()


def _told(knobs: Point) -> str:
    values = dict(knobs)
    told = f"{values['chains']} × {values['chain']}" if "chain" in values else f"{values['chains']} clients"
    passes = f", {values['passes']} passes" if values.get("passes", 1) != 1 else ""
    return f"{told}, {values['epochs']} epochs{passes}, rate {values['rate']:g}"


if __name__ == "__main__":
    typer.run(main)
