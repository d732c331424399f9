"""Real TCP flows of this machine's kernel over emulated links, beside the simulator's prediction for the same worlds.

    sudo ASTRAEA_DATA=... python benchmarks/real_stacks.py --out real-stacks.csv --page docs/results/real-stacks.md

Plays every link with every controller, each --repeats times in real time, --jobs at once, and simulates the same worlds
with as many seeds. Cells that --out already has are not played again; --page writes the page from what it has. A run in
which the machine was too busy is repeated, at most four times, and counted.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

from astraea.congestion import score, simulate
from astraea.congestion.emulation import EmulationSettings, emulate, kernel_world
from astraea.congestion.emulation.worlds import SIMULATED
from astraea.congestion.evaluation.traces import find_traces
from astraea.congestion.simulator.results import FALLBACK_MOST
from astraea.congestion.simulator.settings import WorldSettings
from astraea.errors import RunError

CONTROLLERS = ("cubic", "reno", "bbr", "bandit", "astraea")
TRIES = 5
LATE = 0.05  # of the round-trip time: a run in which 1 packet in 100 is later is repeated
JITTER_MS = 0.2  # in the simulator: without noise, flows lock into phase
JAIN_APART, UTILISATION_APART = 0.05, 0.10
METRICS = ("jain", "utilisation", "queue_ms", "queue_p95_ms", "loss", "convergence_s")
COLUMNS = (*METRICS, "fallback", "late_p99_ms", "load", "tries")
GOLDEN = 0.618  # its multiples fill an interval evenly
EVERY_S = 15.0  # how often a link changes in the long runs


class Place(NamedTuple):
    """A link and who sends over it; ``{}`` stands for the controller."""

    name: str
    told: str
    senders: tuple[str, ...] = ("{}", "{}")
    mbps: float = 20.0
    rtt_ms: float = 40.0
    bdp: float = 1.0
    link: tuple[str, ...] = ()
    stagger_s: float = 0.0
    longer: float = 1.0  # duration, over the usual one
    offload: bool = True
    delay_steps: tuple[tuple[float, float], ...] = ()  # what is added to the delay, in ms, and from when on
    steps: tuple[float, ...] = ()  # rates, one after another
    repeats: int = 99  # at most so many
    spread_s: float = 0.0  # changes come up to this much sooner or later, from run to run, alike for all controllers


RATES = (20, 8, 30, 12, 40, 6, 25, 10, 35, 15, 5, 28, 18, 9, 38, 14, 22, 7, 32, 16)
WAYS = (0, 25, 60, 10, 80, 40, 5, 70, 20, 50, 0, 35, 75, 15, 55, 30, 65, 45, 10, 20)  # ms, on top of 30


PLACES = (
    Place("plain", "2 flows"),
    Place("offload off", "2 flows, each packet handed over on its own", offload=False),
    Place("staggered", "3 flows, one after another", ("{}",) * 3, stagger_s=5, longer=1.5),
    Place("unequal RTT", "2 flows, 20 and 80 ms", ("{},rtt_ms=20", "{},rtt_ms=80")),
    Place("shallow", "2 flows, a fifth of a BDP", bdp=0.2),
    Place("deep", "2 flows, 8 BDP", mbps=10, bdp=8),
    Place("random loss", "2 flows, 0.5 % of packets lost", link=("loss=0.005",)),
    Place("fast", "2 flows", mbps=50, rtt_ms=20),
    Place("long", "2 flows", mbps=10, rtt_ms=150, longer=1.5),
    Place("rate steps", "2 flows, 20, 5, 30 and 10 Mbit/s", steps=(20, 5, 30, 10), longer=2, spread_s=5),
    Place(
        "RTT steps",
        "2 flows, 40, 120, 60 and 40 ms",
        delay_steps=((0, 0), (10, 80), (20, 20), (30, 0)),
        longer=2,
        spread_s=5,
    ),
    Place(
        "rates for 300 s", "2 flows, a rate from 5 to 40 Mbit/s every 15 s", steps=RATES, longer=15, bdp=2, repeats=1
    ),
    Place(
        "ways for 300 s",
        "2 flows, a base RTT from 30 to 110 ms every 15 s",
        rtt_ms=30,
        bdp=4,
        delay_steps=tuple((EVERY_S * k, float(ms)) for k, ms in enumerate(WAYS)),
        longer=15,
        repeats=1,
    ),
    Place("cellular", "2 flows, a trace of Verizon's LTE", link=("trace={Verizon-LTE-short.down}",), bdp=2),
    Place("beside CUBIC", "1 flow and one of CUBIC's", ("{}", "cubic")),
)


def world_of(place: Place, controller: str, seconds: float, seed: int, traces: dict[str, Path]) -> Any:
    """Return the world and the kernel's controllers, or None where a trace is missing."""
    link = list(place.link)
    for i, field in enumerate(link):
        if "{" in field:
            name = field[field.index("{") + 1 : -1]
            if name not in traces:
                return None
            link[i] = f"trace={traces[name]}"
    duration = seconds * place.longer
    world, names = kernel_world(
        [sender.format(controller) for sender in place.senders],
        capacity_mbps=place.mbps,
        rtt_ms=place.rtt_ms,
        buffer_bdp=place.bdp,
        link=link,
        stagger_s=place.stagger_s,
        duration_s=duration,
        seed=seed,
    )
    moved = place.spread_s * (2 * (GOLDEN * seed % 1) - 1)
    steps = tuple((k * duration / len(place.steps) + moved * (k > 0), rate) for k, rate in enumerate(place.steps))
    ways = tuple((at + moved * (at > 0), ms) for at, ms in place.delay_steps)
    changed = world.links[0].model_copy(update={"steps": steps, "delay_steps": ways})
    return world.model_copy(update={"links": (changed,)}), names


def played(place: Place, world: WorldSettings, names: tuple[str, ...]) -> dict[str, Any]:
    """Return what real flows did."""
    late_ms = max(1.0, LATE * place.rtt_ms)
    settings = EmulationSettings(offload=place.offload, late_ms=late_ms)
    for tries in range(1, TRIES + 1):
        try:
            done = emulate(world, names, settings)
        except RunError as error:
            print(f"{place.name}, {names[0]}: {error}", file=sys.stderr, flush=True)
            if tries == TRIES:
                return {}
            continue
        found = score(done.result)
        return {
            **{name: getattr(found, name) for name in METRICS},
            "fallback": done.fallback,
            "late_p99_ms": done.relay.late_p99_ms,
            "load": done.load,
            "tries": tries,
        }
    return {}


def predicted(world: WorldSettings) -> dict[str, Any]:
    """Return what simulated flows did."""
    flows = tuple(flow.model_copy(update={"jitter_ms": JITTER_MS}) for flow in world.flows)
    result = simulate(world.model_copy(update={"flows": flows}))
    found = score(result)
    aside = None if math.isnan(result.fallback) else result.fallback
    return {**{name: getattr(found, name) for name in METRICS}, "fallback": aside}


def cell(place: Place, controller: str, repeat: int, seconds: float, traces: dict[str, Path]) -> list[dict[str, Any]]:
    """Return the rows of one run: the kernel's and, where the simulator has the link, its own."""
    made = world_of(place, controller, seconds, repeat, traces)
    if made is None:
        return []
    world, names = made
    key = {"link": place.name, "controller": controller, "repeat": repeat}
    rows = [{**key, "stack": "kernel", **real}] if (real := played(place, world, names)) else []
    if place.offload and controller in SIMULATED:
        rows.append({**key, "stack": "simulator", **predicted(world)})
    return rows


def missing(
    rows: list[dict[str, str]], repeats: int, links: Sequence[str], controllers: Sequence[str]
) -> Iterator[tuple[Place, str, int]]:
    """Go through the cells that are not in ``rows``, in the order of ``links``; the usual one is that of length."""
    places = [place for name in links for place in PLACES if place.name == name]
    have = {(row["link"], row["controller"], int(row["repeat"])) for row in rows if row["stack"] == "kernel"}
    for repeat in range(repeats):
        for place in places:
            for controller in controllers:
                if repeat < place.repeats and (place.name, controller, repeat) not in have:
                    yield place, controller, repeat


def read(file: Path) -> list[dict[str, str]]:
    if not file.is_file():
        return []
    with file.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def value(rows: list[dict[str, str]], name: str, scale: float = 1.0) -> tuple[float, str]:
    """Return the mean of a column and how it is printed."""
    known = [float(row[name]) * scale for row in rows if row[name] not in ("", "nan")]
    if not known:
        return float("nan"), "–"
    places = 3 if name == "jain" else 1
    spread = f" ± {statistics.stdev(known):.{places}f}" if len(known) > 1 else ""
    return statistics.fmean(known), f"{statistics.fmean(known):.{places}f}{spread}"


def settled(rows: list[dict[str, str]]) -> str:
    """Return the median time to converge after an arrival, or in how many runs most arrivals never did."""
    times = sorted(float(row["convergence_s"]) for row in rows if row["convergence_s"] not in ("", "nan"))
    if not times:
        return "–"
    middle = statistics.median_low(times)
    return "never" if middle == float("inf") else f"{middle:.1f}"


def table(place: Place, rows: list[dict[str, str]]) -> list[str]:
    """Return the table of one link."""
    head = f"{place.told}; {place.mbps:g} Mbit/s, {place.rtt_ms:g} ms, {place.bdp:g} BDP"
    head = head.replace("20 Mbit/s, 40 ms, 2 BDP", "40 ms, 100 kB of buffer") if "trace" in str(place.link) else head
    lines = [f"## {place.name}", "", head + ".", ""]
    lines += ["| controller | stack | Jain's index | utilisation (%) | queueing delay (ms) | its 95th percentile |"]
    lines[-1] += " lost (%) | converged after (s) | in fallback (%) | apart |"
    lines += ["|---|---|---:|---:|---:|---:|---:|---:|---:|---|"]
    for controller in CONTROLLERS:
        means: dict[str, tuple[float, float]] = {}
        for stack in ("kernel", "simulator"):
            some = [row for row in rows if (row["controller"], row["stack"]) == (controller, stack)]
            if not some:
                continue
            jain, use = value(some, "jain"), value(some, "utilisation", 100)
            means[stack] = jain[0], use[0]
            apart = ""
            if len(means) == 2:
                off = means["kernel"][0] - means["simulator"][0], means["kernel"][1] / means["simulator"][1] - 1
                far = [f"Jain {off[0]:+.3f}"] * (abs(off[0]) > JAIN_APART)
                far += [f"utilisation {100 * off[1]:+.0f} %"] * (abs(off[1]) > UTILISATION_APART)
                apart = ", ".join(far) or "no"
            rest = [
                value(some, name, scale)[1] for name, scale in (("queue_ms", 1), ("queue_p95_ms", 1), ("loss", 100))
            ]
            rest.append(settled(some))
            rest.append(value(some, "fallback", 100)[1])
            aside = value(some, "fallback")[0] > FALLBACK_MOST  # False for NaN
            name = f"{controller} (counts as cubic)" if aside else controller
            lines.append(f"| {name} | {stack} | {jain[1]} | {use[1]} | {' | '.join(rest)} | {apart} |")
    return [*lines, ""]


def page(rows: list[dict[str, str]], seconds: float, text: str) -> str:
    """Return the page: what stands above its mark stays, the tables below it are made anew."""
    mark = "<!-- tables -->"
    above = text.partition(mark)[0] if mark in text else "# Real TCP stacks\n\n"
    real = [row for row in rows if row["stack"] == "kernel"]
    loads = sorted(float(row["load"]) for row in real)
    late = max(float(row["late_p99_ms"]) for row in real)
    again = sum(int(row["tries"]) - 1 for row in real)
    told = (
        f"Linux {platform.release().partition('-')[0]}, {os.cpu_count()} cores shared with other work: the load was "
        f"{loads[0]:.1f} to {loads[-1]:.1f}, with a median of {statistics.median(loads):.1f}. {len(real)} runs in the "
        f"kernel, {seconds:g} s each, longer where flows come late or the link changes. In the worst of them the relay "
        f"handed over 1 packet in 100 more than {late:.2f} ms late. {again} runs were repeated since the machine was "
        "too busy.\n"
    )
    lines = [above + mark + "\n", told]
    for place in PLACES:
        some = [row for row in rows if row["link"] == place.name]
        if some:
            lines += table(place, some)
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "--out", type=Path, default=Path("real-stacks.csv"), help="file of all runs, which is added to"
    )
    options.add_argument("--page", type=Path, help="page to write")
    options.add_argument("--repeats", type=int, default=3, help="runs of each cell")
    options.add_argument("--seconds", type=float, default=20.0, help="length of a usual run")
    options.add_argument("--jobs", type=int, default=2, help="runs at once")
    longest = [place.name for place in sorted(PLACES, key=lambda place: -place.longer)]  # so that none is left alone
    options.add_argument("--links", nargs="+", choices=longest, default=longest, help="which, in this order; all")
    options.add_argument("--controllers", nargs="+", choices=CONTROLLERS, default=CONTROLLERS, help="which; all")
    chosen = options.parse_args()
    data = os.environ.get("ASTRAEA_DATA")
    todo = list(missing(read(chosen.out), chosen.repeats, chosen.links, chosen.controllers))
    fields = ("link", "controller", "repeat", "stack", *COLUMNS)
    if not chosen.out.exists():
        chosen.out.write_text(",".join(fields) + "\n", encoding="utf-8")
    with (
        tempfile.TemporaryDirectory() as unpacked,
        ProcessPoolExecutor(chosen.jobs) as pool,
        chosen.out.open("a", newline="", encoding="utf-8") as opened,
    ):
        traces = {path.name: path for path in find_traces(Path(data) if data else None, Path(unpacked))}
        writer = csv.DictWriter(opened, fields)
        running = [pool.submit(cell, *one, chosen.seconds, traces) for one in todo]
        for number, done in enumerate(as_completed(running), 1):
            writer.writerows(done.result())
            opened.flush()
            print(f"{number} of {len(todo)}", time.strftime("%H:%M:%S"), flush=True)
    if chosen.page:
        text = chosen.page.read_text(encoding="utf-8") if chosen.page.exists() else ""
        chosen.page.write_text(page(read(chosen.out), chosen.seconds, text), encoding="utf-8")


if __name__ == "__main__":
    main()
