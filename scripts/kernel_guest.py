"""What ``scripts/kernel-in-qemu`` runs in its guest: the policy is loaded, told golden traces, installed, taken out.

With ``boot``, what it does at each of three starts of the machine under systemd.
"""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import threading
from pathlib import Path

from astraea.congestion.connection.record import Interval, dtype_of
from astraea.congestion.golden.path import policy_of
from astraea.congestion.golden.traces import Trace, load_traces
from astraea.congestion.kernel import loaded, obstacle
from astraea.congestion.kernel.golden import INTERVAL, KernelDecision, KernelSender
from astraea.congestion.kernel.system import install, uninstall
from astraea.congestion.policy import load_policy, shipped_policy

SETTINGS = Path("/proc/sys/net/ipv4")


def setting(name: str) -> str:
    """Return a setting of TCP."""
    return (SETTINGS / name).read_text().strip()


def transfer(controller: str) -> None:
    """Send 4 MB over loopback under ``controller``."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def swallow() -> None:
            connection, _ = server.accept()
            with connection:
                while connection.recv(1 << 16):
                    pass

        reader = threading.Thread(target=swallow)
        reader.start()
        with socket.create_connection(server.getsockname()) as sender:
            sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, controller.encode())
            sender.sendall(bytes(1 << 22))
        reader.join()


def holds(trace: Trace) -> bool:
    """Return whether the kernel decides as ``trace`` says."""
    fields = dtype_of(Interval).names or ()
    kernel = KernelSender(policy_of(trace.control))
    told = [found for event, numbers in trace.events if (found := kernel.tell(event, numbers)) is not None]
    kernel.close()
    wanted = []
    for decision in trace.decisions:
        interval = dict(zip(fields, decision.interval, strict=True))
        wanted.append(KernelDecision({name: interval[name] for name in INTERVAL}, *decision[1:]))
    return told == wanted


def main() -> None:
    """Do all of it; what fails ends it."""
    print("Linux", platform.release(), obstacle() or "can load it")
    before = setting("tcp_available_congestion_control"), setting("tcp_congestion_control")
    with loaded("guest") as program:
        transfer("guest")
        assert program.counters().closed == 1
        print("loaded, 4 MB sent")
    for trace in load_traces():
        assert holds(trace), trace.name
        print(f"golden trace '{trace.name}': {len(trace.decisions)} decisions, the same")
    with loaded("guest", load_policy("deep")):
        transfer("guest")
        print("the policy with a network loaded, 4 MB sent")
    install(shipped_policy(), "the shipped one", default=True)
    assert setting("tcp_congestion_control") == "astraea"
    transfer("astraea")
    print("installed;", "; ".join(uninstall()))
    assert (setting("tcp_available_congestion_control"), setting("tcp_congestion_control")) == before
    print("all is well")


def say(*words: str) -> str:
    """Run a command, show what it says, and return that."""
    done = subprocess.run(words, capture_output=True, text=True)
    said = (done.stdout + done.stderr).strip()
    print("#", *words[-3:], "->", said, flush=True)
    return said


def start() -> None:
    """What is done at a start of the machine: install, look and take out, look again."""
    astraea = (sys.executable, "-m", "astraea", "congestion", "kernel")
    unit, notes = "astraea-congestion.service", Path("/var/lib/guest")
    number = int(notes.read_text()) if notes.exists() else 0
    notes.write_text(str(number + 1))
    print(f"start {number + 1}, Linux {platform.release()}", flush=True)
    before = setting("tcp_available_congestion_control"), setting("tcp_congestion_control")
    if number == 0:
        say(*astraea, "install", "--default", "--at-boot")
        assert say("systemctl", "is-enabled", unit) == "enabled"
    elif number == 1:
        assert say("systemctl", "is-active", unit) == "active"
        assert before[1] == "astraea"
        transfer("astraea")
        say(*astraea, "status")
        say(*astraea, "uninstall")
        assert "astraea" not in setting("tcp_available_congestion_control") + setting("tcp_congestion_control")
        say("systemctl", "is-enabled", unit)
    else:
        assert "astraea" not in " ".join(before)
        assert say("systemctl", "list-unit-files", "--no-legend", unit) in ("", "0 unit files listed.")
        assert not list(Path("/etc/systemd").rglob("*astraea*"))
        print("all is well")
    os.sync()  # the restart that follows is forced, and writes nothing back


if __name__ == "__main__":
    start() if sys.argv[1:] == ["boot"] else main()
