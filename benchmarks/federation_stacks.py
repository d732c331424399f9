"""A federation of Flower's over an emulated link, its connections under a congestion controller of the kernel's.

    sudo python benchmarks/federation_stacks.py

SuperNodes stand in one network namespace and the SuperLink in another; the controller is the default of both, so that
Flower and the app (benchmarks/stacks_app) are as they are. Each client returns a model of --megabytes a round over one
shared way up. Prints for each controller how long a round takes after the first, what `ss` says the connections run
under, how they shared the way up, and what the packet simulator says that the uploads alone need. The application is
limited by the network where the link is busy most of the time; --mbps 180 shows what a round takes without one.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from astraea.congestion import simulate
from astraea.congestion.emulation import Wire, kernel_world
from astraea.congestion.emulation.wire import ADDRESSES
from astraea.congestion.kernel import loaded
from astraea.congestion.simulator.settings import LinkSettings
from astraea.congestion.simulator.topology import buffer_for

APP = Path(__file__).parent / "stacks_app"
SCRIPTS = Path(sys.executable).parent
PORT, EVERY_S = 9092, 0.5


def uploads_s(controller: str, mbps: float, rtt_ms: float, bdp: float, nodes: int, model_bytes: int) -> float:
    """Return how long the uploads of a round take in the packet simulator, all begun at once."""
    senders = [f"{controller},size_bytes={model_bytes}"] * nodes
    wire_s = nodes * model_bytes * 8e-6 / mbps
    world, _ = kernel_world(senders, capacity_mbps=mbps, rtt_ms=rtt_ms, buffer_bdp=bdp, duration_s=4 * wire_s + 10)
    return float(simulate(world).completion_s.max())


def federation(
    controller: str, mbps: float, rtt_ms: float, bdp: float, nodes: int, rounds: int, megabytes: float
) -> dict[str, Any]:
    """Run one federation and return what was seen of it."""
    model_bytes = round(megabytes * 1e6)
    link = LinkSettings(capacity_mbps=mbps, delay_ms=rtt_ms / 2, buffer_bytes=buffer_for(mbps, rtt_ms, bdp))
    back = LinkSettings(name="down", capacity_mbps=max(4 * mbps, 50), delay_ms=rtt_ms / 2, buffer_bytes=1_000_000)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        program = stack.enter_context(loaded("astraea")) if controller == "astraea" else None
        wire = stack.enter_context(Wire(link, back=back, controller=controller, sample_ms=100, duration_s=1800))
        begun = wire.start()
        home = folder / "home"
        home.mkdir()
        connection = f'[superlink]\ndefault = "here"\n\n[superlink.here]\naddress = "127.0.0.1:{PORT + 1}"\n'
        (home / "config.toml").write_text(connection + "insecure = true\n", encoding="utf-8")
        env = {name: value for name, value in os.environ.items() if not name.startswith("FLWR_")} | {
            "FLWR_HOME": str(home),
            "FLWR_TELEMETRY_ENABLED": "0",
            "FLWR_DISABLE_UPDATE_CHECK": "1",
            "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}",
        }
        options: dict[str, Any] = {"env": env, "cwd": folder, "stderr": subprocess.STDOUT, "start_new_session": True}

        def start(side: Any, name: str, *words: str) -> None:
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            stack.callback(end, wire.run(side, [str(SCRIPTS / words[0]), *words[1:]], stdout=log, **options))

        start(
            "far",
            "superlink",
            *("flower-superlink", "--insecure", "--host", "0.0.0.0", "--port", str(PORT + 1)),
            "--disable-runtime-dependency-installation",
        )
        await_listener(wire, PORT + 1)
        for number in range(nodes):
            start(
                "near",
                f"node-{number}",
                "flower-supernode",
                "--insecure",
                *(
                    "--superlink",
                    f"{ADDRESSES['far']}:{PORT + 1}",
                    "--host",
                    "127.0.0.1",
                    "--port",
                    str(PORT + 10 + number),
                ),
                *("--node-config", f"partition-id={number} num-partitions={nodes}"),
            )
        out, shares = folder / "ends.json", Shares(wire)
        changes = f'clients={nodes} num-server-rounds={rounds} numbers={model_bytes // 4} out="{out}"'
        with shares:
            with wire.run(
                "far", [str(SCRIPTS / "flwr"), "run", str(APP), "here", "--run-config", changes],
                stdout=subprocess.PIPE, text=True, **options,
            ) as flwr:  # fmt: skip
                said = flwr.communicate()[0]
            if flwr.returncode:
                raise SystemExit(f"flwr run failed: {said[-2000:]}")
            over, log = None, folder / "superlink.log"
            while not (out.exists() and out.stat().st_size) and (over is None or time.monotonic() < over + 5):
                time.sleep(0.2)
                if over is None and "Finished task" in log.read_text(errors="replace"):
                    over = time.monotonic()
        if not out.exists():
            logs = "\n".join(f"{one.name}: {one.read_text(errors='replace')[-1500:]}" for one in folder.glob("*.log"))
            raise SystemExit(f"the federation did not end\n{logs}")
        ends = json.loads(out.read_text(encoding="utf-8"))
        report = wire.report()
        lengths = [after - before for before, after in itertools.pairwise(ends)]
        first = time.time() - (time.monotonic_ns() - begun) * 1e-9
        inside = slice(int((ends[0] - first) * 10), int((ends[-1] - first) * 10))
        waiting = report.backlog_bytes[inside] * 8e-3 / mbps
        return {
            "controller": controller,
            "round_s": [round(one, 2) for one in lengths],
            "wire_s": round(nodes * model_bytes * 8e-6 / mbps, 2),
            "uploads_predicted_s": round(uploads_s(controller, mbps, rtt_ms, bdp, nodes, model_bytes), 2),
            "algorithms": sorted(shares.algorithms),
            "jain": shares.jain(ends[0], ends[-1]),
            "retransmitted": shares.resent,
            "link_busy": round(float((waiting > 0).mean()), 3),
            "queue_busy_ms": round(float(waiting[waiting > 0].mean()), 1) if (waiting > 0).any() else 0.0,
            "limited": {name: round(value, 3) for name, value in shares.limited.items()},
            "fallback": None if program is None else round(program.counters().fallback, 4),
            "late_p99_ms": round(report.late_p99_ms, 2),
            "fault": report.fault,
            "load": round(os.getloadavg()[0], 1),
        }


class Shares:
    """What ``ss`` says of the connections from the SuperNodes to the SuperLink, twice a second."""

    def __init__(self, wire: Wire) -> None:
        self.wire, self.algorithms, self.over = wire, set[str](), threading.Event()
        self.rows: list[tuple[float, dict[str, int]]] = []
        self.resent = 0
        self.limited: dict[str, float] = {}
        self.thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Shares:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def jain(self, begin: float, end: float) -> float | None:
        """Return Jain's index of what connections gained in a second in which two or more were sending, its mean."""
        found = []
        step = round(1 / EVERY_S)
        for (at, before), (_, after) in zip(self.rows, self.rows[step:], strict=False):
            gained = [after[name] - before[name] for name in before if name in after]
            gained = [one for one in gained if one > 20_000]
            if begin <= at <= end and len(gained) >= 2:
                found.append(sum(gained) ** 2 / (len(gained) * sum(one * one for one in gained)))
        return round(sum(found) / len(found), 3) if found else None

    def _watch(self) -> None:
        command = ["ss", "-tinH", "state", "established", f"dport = :{PORT + 1}"]
        while not self.over.wait(EVERY_S):
            with self.wire.run("near", command, stdout=subprocess.PIPE, text=True) as ss:
                said = ss.communicate()[0]
            acked, resent, busy, held = {}, 0, 0, {"rwnd": 0, "sndbuf": 0}
            for name, facts in re.findall(r"(\S+:\d+)\s+\S+:\d+\s*\n\s+(.*)", said):
                self.algorithms.add(facts.split()[0])
                acked[name] = number(r"bytes_acked:(\d+)", facts)
                resent += number(r"retrans:\d+/(\d+)", facts)
                busy += number(r"busy:(\d+)ms", facts)
                for kind in held:
                    held[kind] += number(rf"{kind}_limited:(\d+)ms", facts)
            if acked:
                self.rows.append((time.time(), acked))
                self.resent = resent
                self.limited = {kind: value / max(busy, 1) for kind, value in held.items()}


def number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    return int(found[1]) if found else 0


def await_listener(wire: Wire, port: int) -> None:
    import socket

    for _ in range(3000):
        with wire.inside("far"):
            one = socket.socket()
        with one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the SuperLink does not answer")


def end(process: subprocess.Popen[Any]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, 15)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "controllers", nargs="*", default=["cubic", "bbr", "astraea"], help="controllers of the kernel's"
    )
    options.add_argument("--mbps", type=float, default=10.0, help="way up, which clients share, in Mbit/s")
    options.add_argument("--rtt", type=float, default=40.0, help="round-trip time in ms")
    options.add_argument("--buffer", type=float, default=2.0, help="buffer in bandwidth-delay products")
    options.add_argument("--nodes", type=int, default=3, help="SuperNodes")
    options.add_argument("--megabytes", type=float, default=2.0, help="size of the model")
    options.add_argument("--rounds", type=int, default=4, help="rounds")
    chosen = options.parse_args()
    for controller in chosen.controllers:
        place = chosen.mbps, chosen.rtt, chosen.buffer
        seen = federation(controller, *place, chosen.nodes, chosen.rounds, chosen.megabytes)
        print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    main()
