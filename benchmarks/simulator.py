"""How many packets a second the simulator delivers on one core, and on several by threads.

The peer is PCC-RL's simulator (github.com/PCCproject/PCC-RL), which simulates one flow in plain Python: 133,000
packets a second were measured for it on one core of a 2-core Xeon at 2.1 GHz. Times are those of the processor.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from arena import arguments, bars, write

from astraea.congestion.simulator.build import build
from astraea.congestion.simulator.loop import advance
from astraea.congestion.simulator.settings import FlowSettings, LinkSettings, WorldSettings
from astraea.congestion.simulator.topology import dumbbell

PEER = 133_000
MIXED = ("newreno", "cubic", "vegas", "copa", "bbr", "policy", "cubic", "bbr")


def named(*controllers: str, **fields: Any) -> list[dict[str, Any]]:
    """Return one flow per name."""
    return [{"controller": name, "name": f"{name}-{k}", **fields} for k, name in enumerate(controllers)]


def cases(seconds: float) -> dict[str, WorldSettings]:
    """Return the worlds that are measured, 1 Gbit/s and 20 ms unless their name says otherwise."""
    world: dict[str, Any] = {"capacity_mbps": 1000.0, "rtt_ms": 20.0, "duration_s": seconds, "sample_ms": 0.0}
    real = {"jitter_ms": 0.2, "ack_every": 2, "burst_packets": 2}
    return {
        "4 newreno": dumbbell(named(*["newreno"] * 4), **world),
        "16 newreno": dumbbell(named(*["newreno"] * 16), **world),
        "4 cubic": dumbbell(named(*["cubic"] * 4), **world),
        "16 cubic": dumbbell(named(*["cubic"] * 16), **world),
        "64 cubic": dumbbell(named(*["cubic"] * 64), **world),
        "8 policy, paced": dumbbell(named(*["policy"] * 8), **world),
        "8 mixed": dumbbell(named(*MIXED), **world),
        "8 mixed, real acks": dumbbell(named(*MIXED, **real), **world),
        "4 cubic, 3 hops": WorldSettings(
            links=tuple(
                LinkSettings(name=str(j), capacity_mbps=mbps, delay_ms=3.0, buffer_bytes=2_500_000)
                for j, mbps in enumerate((1100.0, 1050.0, 1000.0))
            ),
            flows=tuple(FlowSettings(**flow) for flow in named(*["cubic"] * 4)),
            duration_s=seconds,
            sample_ms=0.0,
        ),
    }


def measure(settings: WorldSettings) -> tuple[int, int, float]:
    """Return packets delivered, transmissions of links, and seconds of the processor."""
    world = build(settings)
    until = round(settings.duration_s * 1e9)
    began = time.process_time()
    advance(world, until, False)
    spent = time.process_time() - began
    return int(world.flows["delivered"].sum()), int(world.links["carried"].sum()), spent


def parallel(settings: WorldSettings, threads: int) -> float:
    """Return packets delivered per second of the clock by ``threads`` worlds at once."""
    worlds = [build(settings) for _ in range(threads)]
    until = round(settings.duration_s * 1e9)
    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda world: advance(world, until, False), worlds))
    return float(sum(world.flows["delivered"].sum() for world in worlds) / (time.perf_counter() - began))


def main() -> None:
    options = arguments(__doc__ or "", turns=6, seconds=(10.0, "virtual seconds of a world"), threads=(2, "threads"))
    results: dict[str, dict[str, float]] = {}
    for name, settings in cases(options.seconds).items():
        measured = [measure(settings) for _ in range(options.turns)][1:]
        packets, hops, _ = measured[0]
        fastest = min(spent for *_, spent in measured)
        median = sorted(spent for *_, spent in measured)[len(measured) // 2]
        results[name] = {
            "packets": packets,
            "packets a second": packets / median,
            "packets a second, best turn": packets / fastest,
            "transmissions a second": hops / median,
            "ratio": packets / median / PEER,
        }
        print(
            f"{name:20s} {packets / median / 1e6:6.2f} M packets/s (best {packets / fastest / 1e6:.2f}),"
            f" {hops / median / 1e6:6.2f} M transmissions/s, {packets / median / PEER:5.0f} times the peer"
        )
    settings = cases(options.seconds)["16 cubic"]
    speeds = {str(n): parallel(settings, n) for n in (1, options.threads)}
    for threads, speed in speeds.items():
        print(f"16 cubic in {threads} threads: {speed / 1e6:.2f} M packets/s of the clock")
    write(options.out, "simulator", {"cases": results, "threads": speeds})
    shown = {name: {"this": row["packets a second"], "peer": PEER} for name, row in results.items()}
    bars(options.out, "simulator", shown, "packets a second and core")


if __name__ == "__main__":
    main()
