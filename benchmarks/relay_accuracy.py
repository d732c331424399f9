"""How exact the emulated link is: rate, delay, loss and order of its packets, against what was asked for.

    sudo python benchmarks/relay_accuracy.py --page docs/results/real-stacks.md

Numbered datagrams of 1500 bytes pass from one namespace to the other, stamped by the kernel as they arrive. A link is
flooded for its rate, and sent a tenth of its rate for delay and loss. What a packet needs beyond propagation and its
own transmission is jitter that the emulation adds. Each rate --repeats times; --page replaces the page's table.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import struct
import threading
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from astraea.congestion.emulation import Wire
from astraea.congestion.emulation.wire import ADDRESSES, Report
from astraea.congestion.simulator.settings import LinkSettings

RATES = (1, 10, 20, 50, 100, 200, 400)
DELAY_MS, QUEUE_MS, LOSS, PACKET, HEADERS = 20.0, 200.0, 0.02, 1500, 28
SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_TIMESTAMPNS = 32, 33, 35


class Seen(NamedTuple):
    """Datagrams that came: number, and times of sending and arrival in s."""

    number: NDArray[np.int64]
    sent: NDArray[np.float64]
    came: NDArray[np.float64]
    given: int
    report: Report


def pass_on(link: LinkSettings, gap_s: float, seconds: float, seed: int) -> Seen:
    """Send packets ``gap_s`` apart for some seconds, and return what came of them."""
    found: list[tuple[int, float, float]] = []
    with Wire(link, seed=seed) as wire:
        with wire.inside("far"):
            sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with wire.inside("near"):
            source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sink, source:
            sink.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 28)
            sink.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            source.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 1 << 22)
            sink.bind((ADDRESSES["far"], 9))
            sink.settimeout(1.0)
            reader = threading.Thread(target=receive, args=(sink, found))
            wire.start()
            reader.start()
            count, begun = 0, time.monotonic()
            while (now := time.monotonic()) < begun + seconds:
                while begun + count * gap_s <= now:
                    data = struct.pack("qd", count, time.time()).ljust(PACKET - HEADERS, b"\0")
                    source.sendto(data, (ADDRESSES["far"], 9))
                    count += 1
                time.sleep(max(begun + count * gap_s - time.monotonic(), 0))
            reader.join()
        report = wire.report()
    number, sent, came = (np.array(column) for column in zip(*found, strict=True))
    return Seen(number, sent, came, count, report)


def receive(sink: socket.socket, found: list[tuple[int, float, float]]) -> None:
    while True:
        try:
            data, extra, _, _ = sink.recvmsg(2048, 64)
        except TimeoutError:
            return
        seconds, nanoseconds = struct.unpack("qq", extra[0][2])
        number, sent = struct.unpack_from("qd", data)
        found.append((number, sent, seconds + nanoseconds * 1e-9))


def measured(mbps: float, seconds: float, seed: int) -> dict[str, float]:
    """Return what a link of this rate does, relative to what was asked for."""
    gap = PACKET * 8e-6 / mbps
    link = LinkSettings(capacity_mbps=mbps, delay_ms=DELAY_MS, buffer_bytes=max(int(mbps * 125 * QUEUE_MS), 4 * PACKET))
    flood = pass_on(link, gap / 1.3, seconds, seed)
    order = int((np.diff(flood.number) < 0).sum())
    calm = pass_on(link.model_copy(update={"loss": LOSS}), gap * 10, seconds, seed)
    order += int((np.diff(calm.number) < 0).sum())
    extra = (calm.came - calm.sent) * 1e3 - DELAY_MS - gap * 1e3
    return {
        "rate": 100 * ((len(flood.came) - 1) * gap / (flood.came[-1] - flood.came[0]) - 1),
        "median": float(np.median(extra)),
        "p99": float(np.percentile(extra, 99)),
        "loss": 100 * (1 - len(calm.came) / calm.given),
        "expected": 100 * 2 * (LOSS * (1 - LOSS) / calm.given) ** 0.5,
        "order": order,
        "late": max(flood.report.late_p99_ms, calm.report.late_p99_ms),
        "void": float(flood.report.fault is not None or calm.report.fault is not None),
    }


def table(rows: list[tuple[float, list[dict[str, float]]]]) -> list[str]:
    lines = [
        "| asked (Mbit/s) | rate (%) | delay, median (ms) | 99 % (ms) | lost (%) | overtaken | late 99 % (ms) | void |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for mbps, some in rows:

        def mean(name: str, form: str, some: list[dict[str, float]] = some) -> str:
            values = [one[name] for one in some]
            return (
                f"{statistics.fmean(values):{form}} ± {statistics.stdev(values) if len(values) > 1 else 0:{form[-3:]}}"
            )

        loss = f"{mean('loss', '.2f')} (2 ± {statistics.fmean(one['expected'] for one in some):.2f})"
        cells = [mean("rate", "+.2f"), mean("median", "+.3f"), mean("p99", "+.3f"), loss]
        cells += [
            f"{sum(one['order'] for one in some):.0f}",
            mean("late", ".2f"),
            f"{sum(one['void'] for one in some):.0f}",
        ]
        lines.append(f"| {mbps:g} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--page", type=Path, help="page whose table is replaced")
    options.add_argument("--repeats", type=int, default=3, help="measurements of each rate")
    options.add_argument("--seconds", type=float, default=3.0, help="length of a measurement")
    options.add_argument("--rates", type=float, nargs="+", default=RATES, help="rates in Mbit/s")
    chosen = options.parse_args()
    rows = []
    for number, mbps in enumerate(chosen.rates):
        seeds = range(number * chosen.repeats, (number + 1) * chosen.repeats)  # each loses other packets
        rows.append((mbps, [measured(mbps, chosen.seconds, seed) for seed in seeds]))
        print(table(rows)[-1], flush=True)
    text = "\n".join([*table(rows), "", f"Load of the machine: {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores."])
    if chosen.page:
        start, end = "<!-- accuracy -->\n", "<!-- end of accuracy -->\n"
        page = chosen.page.read_text(encoding="utf-8")
        above, below = page[: page.index(start)] + start, page[page.index(end) :]
        chosen.page.write_text(f"{above}\n{text}\n\n{below}", encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
