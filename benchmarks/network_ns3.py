"""ns-3 as an outside judge of the packet simulator: goodput and fairness of Reno, CUBIC and BBR on one bottleneck.

    python3.11 -m venv ~/ns3 && ~/ns3/bin/pip install ns3
    python benchmarks/network_ns3.py --python ~/ns3/bin/python

Two to five flows of one controller with one round-trip time share a drop-tail queue, each starting two seconds after
the one before; goodput and Jain's index of mean rates are taken over the last three quarters of a minute. Rates, round
trips and buffers are drawn. ns-3 sends 1446 bytes in packets of 1500 on the wire, acknowledges every second packet, and
has no queueing discipline beside the queue. Prints each world, and fails if more than two differ by 5 % of goodput or
by 0.03 of the index.

A flow of ns-3 that loses much of a window at the end of slow start may go on at a packet a timeout for good, 0.05 of
12 Mbit/s for a minute. --no-burst ends its slow start at one bandwidth-delay product, --no-sack does without selective
acknowledgements: either frees such flows in some worlds, and the second costs goodput.

Every flow of BBR in ns-3 draws the phases of its cycle from one stream of random numbers (its attribute Stream is 4 for
all), so that flows draw the same phases in the same order. Here each draws its own; --own-phases lets ns-3's, too.

With --phases N every world is played N times in both, after the first with each start put off by up to a tenth of a
second, and means are compared: where flows of BBR that probe in turn meet is a matter of when they began.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CONTROLLERS = {"newreno": "TcpLinuxReno", "cubic": "TcpCubic", "bbr": "TcpBbr"}
GOODPUT, JAIN, MOST = 0.05, 0.03, 2
PAYLOAD, PACKET = 1446, 1500
DURATION_S, SKIPPED_S, LATE_S = 60.0, 15.0, 0.1
EARLY_S = 1e-3
STREAMS = 100


def judged(worlds: list[dict[str, Any]]) -> list[list[float]]:
    """Return the mean goodput of each flow in ns-3 in Mbit/s, wire bytes; runs in the interpreter that has it."""
    from ns import ns

    for name, value in {
        "TcpSocket::SegmentSize": ns.UintegerValue(PAYLOAD),
        "TcpSocket::InitialCwnd": ns.UintegerValue(10),
        "TcpSocket::DelAckCount": ns.UintegerValue(2),
        "TcpSocket::SndBufSize": ns.UintegerValue(1 << 25),
        "TcpSocket::RcvBufSize": ns.UintegerValue(1 << 25),
        "TcpSocketBase::MinRto": ns.TimeValue(ns.MilliSeconds(200)),
    }.items():
        ns.Config.SetDefault(f"ns3::{name}", value)
    return [played(ns, world) for world in worlds]


def played(ns: Any, world: dict[str, Any]) -> list[float]:
    """Return the mean goodput of each flow of one world."""
    kind = ns.TypeId.LookupByName(f"ns3::{CONTROLLERS[world['controller']]}")
    ns.Config.SetDefault("ns3::TcpL4Protocol::SocketType", ns.TypeIdValue(kind))
    pipe = int(world["mbps"] * 125 * world["rtt_ms"]) if world["no_burst"] else 1 << 30
    ns.Config.SetDefault("ns3::TcpSocket::InitialSlowStartThreshold", ns.UintegerValue(pipe))
    ns.Config.SetDefault("ns3::TcpSocketBase::Sack", ns.BooleanValue(not world["no_sack"]))
    routers, ends = ns.NodeContainer(), ns.NodeContainer()
    routers.Create(2)
    ends.Create(2 * world["flows"])
    stack, addresses, nothing = ns.InternetStackHelper(), ns.Ipv4AddressHelper(), ns.TrafficControlHelper()
    stack.Install(routers)
    stack.Install(ends)

    def linked(a: Any, b: Any, mbps: float, delay_ms: float, queue: str, net: int) -> Any:
        link = ns.PointToPointHelper()
        link.SetDeviceAttribute("DataRate", ns.StringValue(f"{mbps}Mbps"))
        link.SetChannelAttribute("Delay", ns.StringValue(f"{delay_ms}ms"))
        link.SetQueue("ns3::DropTailQueue<Packet>", "MaxSize", ns.QueueSizeValue(ns.QueueSize(queue)))
        devices = link.Install(a, b)
        addresses.SetBase(ns.Ipv4Address(f"10.1.{net}.0"), ns.Ipv4Mask("255.255.255.0"))
        given = addresses.Assign(devices)
        nothing.Uninstall(devices)
        return given

    linked(routers.Get(0), routers.Get(1), world["mbps"], world["rtt_ms"] / 2, f"{world['buffer']}B", 0)
    sinks = []
    for i in range(world["flows"]):
        source, sink = ends.Get(2 * i), ends.Get(2 * i + 1)
        linked(source, routers.Get(0), 100 * world["mbps"], 0, "100000p", 1 + 2 * i)
        there = linked(routers.Get(1), sink, 100 * world["mbps"], 0, "100000p", 2 + 2 * i).GetAddress(1)
        to = ns.InetSocketAddress(there, 9).ConvertTo()
        receiver = ns.PacketSinkHelper("ns3::TcpSocketFactory", to).Install(sink)
        sender = ns.BulkSendHelper("ns3::TcpSocketFactory", to)
        sender.SetAttribute("MaxBytes", ns.UintegerValue(0))
        sender.Install(source).Start(ns.Seconds(world["starts"][i]))
        sinks.append(receiver.Get(0).GetObject[ns.PacketSink]())
    ns.Ipv4GlobalRoutingHelper.PopulateRoutingTables()
    now = 0.0
    if world["own_phases"]:  # a socket is made when its flow starts
        for i, start in enumerate(world["starts"]):
            if start > 0:
                ns.Simulator.Stop(ns.Seconds(start - EARLY_S - now))
                ns.Simulator.Run()
                now = start - EARLY_S
            ns.Config.SetDefault("ns3::TcpBbr::Stream", ns.UintegerValue(STREAMS + i))
    ns.Simulator.Stop(ns.Seconds(SKIPPED_S - now))
    ns.Simulator.Run()
    before = [sink.GetTotalRx() for sink in sinks]
    ns.Simulator.Stop(ns.Seconds(DURATION_S - SKIPPED_S))
    ns.Simulator.Run()
    got = [sink.GetTotalRx() - begun for sink, begun in zip(sinks, before, strict=True)]
    ns.Simulator.Destroy()
    return [8e-6 * one * PACKET / PAYLOAD / (DURATION_S - SKIPPED_S) for one in got]


def drawn(count: int, controllers: Sequence[str] = tuple(CONTROLLERS)) -> list[dict[str, Any]]:
    """Return so many worlds of each controller."""
    import numpy as np

    worlds = []
    for j, controller in enumerate(CONTROLLERS):
        if controller not in controllers:
            continue
        rng = np.random.default_rng([19, j])
        for _ in range(count):
            mbps, rtt = float(rng.choice([8, 12, 20, 30])), float(rng.choice([20, 30, 50, 80]))
            buffer = max(int(mbps * 125 * rtt * float(rng.choice([0.5, 1.0, 2.0]))), 10 * PACKET)
            flows = int(rng.integers(2, 6))
            worlds.append({"controller": controller, "flows": flows, "mbps": mbps, "rtt_ms": rtt, "buffer": buffer})
    return worlds


def moved(world: dict[str, Any], phase: int) -> dict[str, Any]:
    """Return the world with the start of each flow; from phase 1 on each is put off by up to ``LATE_S``."""
    import numpy as np

    late = np.random.default_rng([19, phase]).uniform(0, LATE_S if phase else 0.0, world["flows"])
    return {**world, "starts": [2.0 * i + float(late[i]) for i in range(world["flows"])]}


def ours(world: dict[str, Any]) -> list[float]:
    """Return the mean goodput of each flow in our simulator, in Mbit/s."""
    from astraea.congestion import dumbbell, simulate

    flows = [{"controller": world["controller"], "start_s": start, "ack_every": 2} for start in world["starts"]]
    link = {"buffer_bytes": world["buffer"]}
    settings = dumbbell(
        flows, capacity_mbps=world["mbps"], rtt_ms=world["rtt_ms"], link=link, duration_s=DURATION_S, sample_ms=500
    )
    seen = simulate(settings)
    late = seen.times_s > SKIPPED_S + 1e-9
    return [float(rate) for rate in seen.goodput_mbps[:, late].mean(axis=1)]


def jain(rates: list[float]) -> float:
    """Return Jain's index."""
    return sum(rates) ** 2 / (len(rates) * sum(rate * rate for rate in rates))


def _span(values: list[float]) -> str:
    """Return the mean, and the range where there are several."""
    mean = f"{sum(values) / len(values):7.3f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.3f} to {max(values):.3f})"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--python", default="python3", help="interpreter that has ns3")
    options.add_argument("--worlds", type=int, default=4, help="worlds of each controller")
    options.add_argument(
        "--no-burst", action="store_true", help="end slow start in ns-3 at one bandwidth-delay product"
    )
    options.add_argument("--no-sack", action="store_true", help="switch selective acknowledgements off in ns-3")
    options.add_argument(
        "--own-phases", action="store_true", help="let each flow of BBR in ns-3 draw the phases of its cycle by itself"
    )
    options.add_argument("--controllers", nargs="*", default=list(CONTROLLERS), choices=list(CONTROLLERS))
    options.add_argument("--phases", type=int, default=1, help="times each world is played, with starts moved; means")
    options.add_argument("--judge", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.judge:
        print(json.dumps(judged(json.load(sys.stdin))))
        return
    switches = {"no_burst": chosen.no_burst, "no_sack": chosen.no_sack, "own_phases": chosen.own_phases}
    drawn_ = [{**world, **switches} for world in drawn(chosen.worlds, chosen.controllers)]
    worlds = [moved(world, phase) for world in drawn_ for phase in range(chosen.phases)]
    command = [chosen.python, str(Path(__file__).resolve()), "--judge"]
    judge = subprocess.run(command, input=json.dumps(worlds), capture_output=True, text=True, check=False)
    if judge.returncode:
        sys.exit(f"ns-3 did not run: {judge.stderr.strip()[-1500:]}")
    theirs = json.loads(judge.stdout.strip().splitlines()[-1])
    apart = 0
    print(f"{'':9}{'flows':>6}{'Mbit/s':>8}{'ms':>5}{'BDP':>6} | goodput ns-3, here (Mbit/s), apart | Jain ns-3, here")
    for k, world in enumerate(drawn_):
        played_ = slice(k * chosen.phases, (k + 1) * chosen.phases)
        rates, mine = theirs[played_], [ours(one) for one in worlds[played_]]
        there, here = (sum(map(sum, runs)) / chosen.phases for runs in (rates, mine))
        fair = [[jain(run) for run in runs] for runs in (rates, mine)]
        off, unfair = here / there - 1, (sum(fair[1]) - sum(fair[0])) / chosen.phases
        differs = abs(off) > GOODPUT or abs(unfair) > JAIN
        apart += differs
        bdp = world["buffer"] / (world["mbps"] * 125 * world["rtt_ms"])
        print(
            f"{world['controller']:9}{world['flows']:6}{world['mbps']:8g}{world['rtt_ms']:5g}{bdp:6.1f} | "
            f"{there:8.2f}{here:8.2f}{100 * off:+7.1f} % | {_span(fair[0])}{_span(fair[1])}"
            f"{'  differs' if differs else ''}",
            flush=True,
        )
    print(
        f"{apart} of {len(drawn_)} worlds differ by more than {100 * GOODPUT:g} % of goodput or {JAIN} of Jain's index"
    )
    sys.exit(1 if apart > MOST else 0)


if __name__ == "__main__":
    main()
