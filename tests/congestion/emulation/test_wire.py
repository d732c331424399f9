import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from astraea.congestion.emulation import Wire
from astraea.congestion.emulation.machine import controllers
from astraea.congestion.emulation.wire import ADDRESSES
from astraea.congestion.simulator.settings import LinkSettings
from astraea.errors import InputError, RunError

pytestmark = [pytest.mark.compiled, pytest.mark.usefixtures("privileged")]

_HEADERS = 28  # bytes of IPv4 and UDP
_HERE = Path("/proc/thread-self")


def _pass(wire: Wire, count: int, size: int, wait_s: float) -> list[tuple[int, float, float]]:
    """Send numbered datagrams at once; return the number, time of sending and of arrival (s) of those that came."""
    with wire.inside("far"):
        sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with wire.inside("near"):
        source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    came = []
    with sink, source:
        sink.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)
        source.setsockopt(socket.SOL_SOCKET, 32, 1 << 24)
        sink.bind((ADDRESSES["far"], 9))
        sink.settimeout(wait_s)
        wire.start()
        for number in range(count):
            data = struct.pack("qd", number, time.monotonic()).ljust(size - _HEADERS, b"\0")
            source.sendto(data, (ADDRESSES["far"], 9))
        while len(came) < count:
            try:
                data = sink.recv(2048)
            except TimeoutError:
                break
            came.append((*struct.unpack_from("qd", data), time.monotonic()))
    return came


def test_packets_keep_their_order_their_delay_and_their_rate() -> None:
    with Wire(LinkSettings(capacity_mbps=8, delay_ms=30, buffer_bytes=1_000_000)) as wire:
        came = _pass(wire, 200, 1000, 1.0)
        assert wire.report().fault is None
    assert [number for number, _, _ in came] == list(range(200))
    assert min(there - sent for _, sent, there in came) >= 0.030
    assert came[-1][2] - came[0][1] >= 0.030 + 200 * 1e-3  # 8 Mbit/s carry a byte in a microsecond


def test_steps_of_the_delay_do_not_reorder() -> None:
    steps = ((0.0, 60.0), (0.05, 0.0))
    with Wire(LinkSettings(capacity_mbps=8, delay_ms=1, buffer_bytes=1_000_000, delay_steps=steps)) as wire:
        came = _pass(wire, 150, 1000, 1.0)
    assert [number for number, _, _ in came] == list(range(150))


def test_a_longer_way_takes_longer() -> None:
    steps = ((0.0, 60.0), (1000.0, 0.0))
    with Wire(LinkSettings(capacity_mbps=8, delay_ms=1, buffer_bytes=1_000_000, delay_steps=steps)) as wire:
        ((_, sent, there),) = _pass(wire, 1, 1000, 1.0)
    assert there - sent >= 0.062  # a millisecond of it is the packet's own


def test_a_full_queue_drops_what_comes_last() -> None:
    with Wire(LinkSettings(capacity_mbps=0.1, delay_ms=1, buffer_bytes=10_000), sample_ms=10, duration_s=1.5) as wire:
        came = _pass(wire, 40, 1000, 1.2)
        report = wire.report()
    assert report.dropped[-1] >= 25  # 12.5 kB a second leave room for few more than ten
    assert report.came[-1] == 40
    assert [number for number, _, _ in came][:9] == list(range(9))
    assert report.backlog_bytes.max() <= 10_000
    assert len(report.backlog_bytes) == 150


def test_random_loss_is_that_of_the_simulator() -> None:
    """The draws are those of the link's stream, so which packets are lost is known beforehand."""
    link = LinkSettings(capacity_mbps=100, delay_ms=1, buffer_bytes=10_000_000, loss=0.3)
    with Wire(link, seed=5) as wire:
        first = {number for number, _, _ in _pass(wire, 300, 500, 0.5)}
        corrupted = int(wire.report().corrupted[-1])
    with Wire(link, seed=5) as wire:
        again = {number for number, _, _ in _pass(wire, 300, 500, 0.5)}
    assert first == again
    assert len(first) == 300 - corrupted
    assert 60 <= corrupted <= 120  # 90 expected; 0.3 has a standard deviation of 8 here


def test_offload_off_hands_over_single_packets() -> None:
    with Wire(LinkSettings(), bursts=False) as wire, wire.inside("near"):
        shown = subprocess.run(["ip", "-d", "link", "show", "astraea0"], capture_output=True, text=True, check=False)
    if shown.returncode:
        pytest.skip("iproute2 is not installed")
    assert "gso_max_segs 1 " in shown.stdout


def test_the_machine_is_as_it_was() -> None:
    before = (_HERE / "ns/net").readlink(), (_HERE / "net/dev").read_text().count(":"), len(os.listdir("/proc/self/fd"))
    with Wire(LinkSettings()) as wire:
        wire.start()
        inner = {os.fstat(namespace).st_ino for namespace in wire.namespaces.values()}
        assert len(inner) == 2
    with pytest.raises(ZeroDivisionError), Wire(LinkSettings()) as wire, wire.inside("far"):
        raise ZeroDivisionError
    after = (_HERE / "ns/net").readlink(), (_HERE / "net/dev").read_text().count(":"), len(os.listdir("/proc/self/fd"))
    assert after == before


_CHILD = """
import os, sys, time
from astraea.congestion.emulation import Wire
from astraea.congestion.simulator.settings import LinkSettings
with Wire(LinkSettings()) as wire:
    wire.start()
    print(*(os.fstat(one).st_ino for one in wire.namespaces.values()), flush=True)
    time.sleep(600)
"""


def test_a_killed_process_leaves_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", _CHILD], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        made = {f"net:[{inode}]" for inode in child.stdout.readline().split()}
        assert len(made) == 2
        assert made & _namespaces()
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert not made & _namespaces()


def _namespaces() -> set[str]:
    """Return the network namespaces that any process is in or holds open, and those that are mounted."""
    found = {line.split()[3] for line in Path("/proc/self/mountinfo").read_text().splitlines() if "net:[" in line}
    for process in Path("/proc").glob("[0-9]*"):
        for place in (process / "ns" / "net", *_entries(process / "fd")):
            try:
                found.add(os.readlink(place))
            except OSError:
                continue
    return found


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def test_a_round_trip_time_below_the_delays_is_refused() -> None:
    with pytest.raises(InputError, match="40 ms: no flow has a smaller"):
        Wire(LinkSettings(delay_ms=40), rtts_ms=[30.0])


def test_the_relay_counts_from_zero() -> None:
    with Wire(LinkSettings(), sample_ms=100, duration_s=0.3) as wire:
        wire.start()
        time.sleep(0.5)
        report = wire.report()
    np.testing.assert_array_equal(report.backlog_bytes, np.zeros(3))
    assert report.carried == 0
    assert report.utilisation == 0


@pytest.mark.parametrize("controller", ["reno", "cubic"])
def test_connections_that_ask_for_nothing_run_under_the_controller_of_the_link(controller: str) -> None:
    if controller not in controllers():
        pytest.skip(f"this kernel has no {controller}")
    with Wire(LinkSettings(delay_ms=1), controller=controller) as wire:
        with wire.inside("far"):
            listener = socket.create_server((ADDRESSES["far"], 80))
        with wire.inside("near"):
            source = socket.socket()
        wire.start()
        with listener, source:
            source.connect((ADDRESSES["far"], 80))
            with listener.accept()[0] as sink:
                used = [one.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16) for one in (source, sink)]
    assert {name.rstrip(b"\0").decode() for name in used} == {controller}


def test_a_controller_the_kernel_lacks_is_refused() -> None:
    with (
        pytest.raises(RunError, match="cannot be led to the controller 'nosuch'"),
        Wire(LinkSettings(), controller="nosuch"),
    ):
        pass
