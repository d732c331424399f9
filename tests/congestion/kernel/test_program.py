"""The congestion control is loaded, drives real connections, and is gone afterwards."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from astraea.congestion.connection.settings import PolicySettings
from astraea.congestion.kernel import loaded
from astraea.congestion.kernel.policies import SIZE, packed
from astraea.congestion.kernel.program import opened
from astraea.congestion.policy.policy import Policy, PolicyHeader, load_policy, shipped_policy
from astraea.errors import InputError, RunError

AVAILABLE = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")
NAME = f"test_{os.getpid()}"


def transfer(name: str, size: int) -> str:
    """Send ``size`` bytes over loopback under the congestion control ``name``; return what it was under."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def swallow() -> None:
            connection, _ = server.accept()
            with connection:
                while connection.recv(1 << 16):
                    pass

        reader = threading.Thread(target=swallow)
        reader.start()
        with socket.create_connection(server.getsockname()) as sender:
            sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())
            sender.sendall(bytes(size))
            used = sender.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
        reader.join()
    return used.rstrip(b"\0").decode()


@pytest.mark.usefixtures("kernel")
def test_connections_run_under_it_while_the_context_lasts() -> None:
    with loaded(NAME) as program:
        assert NAME in AVAILABLE.read_text().split()
        assert transfer(NAME, 1 << 20) == NAME
        counters = program.counters()
        assert counters.opened == counters.closed == 1
        assert counters.time_ns > 0 or counters.decisions == 0
    assert NAME not in AVAILABLE.read_text().split()


@pytest.mark.usefixtures("kernel")
def test_a_connection_outlives_the_program() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as sender:
        with loaded(NAME):
            sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, NAME.encode())
            sender.connect(server.getsockname())
        assert NAME not in AVAILABLE.read_text().split()
        receiver, _ = server.accept()
        with receiver:
            sender.sendall(b"still here")
            assert receiver.recv(16) == b"still here"
        with socket.socket() as late, pytest.raises(OSError, match="No such file"):
            late.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, NAME.encode())


@pytest.mark.usefixtures("kernel")
def test_a_killed_process_leaves_nothing() -> None:
    code = f"""if True:
        import time
        from astraea.congestion.kernel import loaded
        with loaded({NAME!r}):
            print(1, flush=True)
            time.sleep(999)"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        assert NAME in AVAILABLE.read_text().split()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert NAME not in AVAILABLE.read_text().split()


@pytest.mark.usefixtures("kernel")
def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(RunError, match="of this name is in the kernel already"), loaded("cubic"):
        pass


@pytest.mark.parametrize("name", ["", "a-b", "sixteen_letters_", "ü"])
def test_names_that_the_kernel_does_not_take_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="1 to 15 letters"):
        opened(name)


def test_a_policy_is_written_as_the_program_reads_it() -> None:
    policy = shipped_policy()
    value = packed(policy)
    assert len(value) == SIZE
    assert int.from_bytes(value[4:8], "little") == policy.header.control.gain * (1 << 20)
    assert int.from_bytes(value[56:60], "little") == policy.weights[0]
    deep = packed(load_policy("deep"))
    kind, layers, shift, leak, into, out, at = struct.unpack_from("<7I", deep, 128)
    assert (kind, layers, shift, leak, into, out, at) == (1, 2, 10, 256, 10, 8, 0)
    assert np.frombuffer(deep, "<i4", count=124, offset=180).tolist() == load_policy("deep").weights[18:].tolist()


def network(widths: tuple[int, ...], **header: Any) -> Policy:
    count = sum((into + 1) * out for into, out in itertools.pairwise(widths))
    return Policy(PolicyHeader(kind="network", widths=widths, **header), np.full(count, 0.25, np.float32))


def test_policies_that_the_program_cannot_run_are_refused() -> None:
    for policy, why in (
        (network((25, 8, 1)), "--quantise"),
        (network((25, 4, 4, 4, 1)).quantised(), "3 layers and 2048 weights, and this network has 4"),
        (network((25, 8, 1), controller="aurora"), "drive a window"),
        (network((25, 8, 1), control=PolicySettings(rivals=False)).quantised(), "believes in rivals"),
    ):
        with pytest.raises(InputError, match=why):
            packed(policy)
