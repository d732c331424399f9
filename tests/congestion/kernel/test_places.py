"""Connections of a cgroup begin under the policy, and no longer once it is taken out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.congestion.kernel.test_program import AVAILABLE
from typer.testing import CliRunner

from astraea.cli.app import app
from astraea.congestion.kernel import cgroup_default, loaded, system

NAME = f"test_{os.getpid()}_c"
DEFAULT = Path("/proc/sys/net/ipv4/tcp_congestion_control")
CONNECT = """
import socket, sys
from pathlib import Path
Path(sys.argv[1], "cgroup.procs").write_text("0")
with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as near:
    far, _ = server.accept()
    ends = [one.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16) for one in (near, far)]
    print(*(end.rstrip(b"\\0").decode() for end in ends))
"""


@pytest.fixture
def cgroup(kernel: None) -> Iterator[Path]:
    """A cgroup of version 2 of the test's own."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    roots = [Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"]
    if not roots:
        pytest.skip("no cgroups of version 2 are mounted here: mount -t cgroup2 none /mnt")
    path = roots[0] / NAME
    try:
        path.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made in {roots[0]}: {error.strerror}")
    yield path
    path.rmdir()


def controllers_in(cgroup: Path) -> list[str]:
    """Return what both ends of a new connection run under, of a process in ``cgroup``."""
    done = subprocess.run([sys.executable, "-c", CONNECT, str(cgroup)], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_both_ends_begin_under_it_while_the_context_lasts(cgroup: Path) -> None:
    usual = DEFAULT.read_text().strip()
    with loaded(NAME):
        assert controllers_in(cgroup) == [usual, usual]
        with cgroup_default(NAME, cgroup):
            assert controllers_in(cgroup) == [NAME, NAME]
        assert controllers_in(cgroup) == [usual, usual]


def test_it_is_installed_as_the_default_of_a_cgroup_alone(
    cgroup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "NAME", NAME)
    monkeypatch.setattr(system, "_NOTES", tmp_path / "run" / "kernel.json")
    usual = DEFAULT.read_text()

    def run(command: str, *arguments: str) -> str:  # its output in one line, however wide the terminal
        found = CliRunner().invoke(app, ["congestion", "kernel", command, *arguments], env={"COLUMNS": "200"})
        assert found.exit_code == 0, found.output
        return " ".join(found.output.split())

    try:
        assert f"new connections of the cgroup {cgroup} do so by default" in run("install", "--cgroup", str(cgroup))
        assert controllers_in(cgroup) == [NAME, NAME]
        assert DEFAULT.read_text() == usual  # nobody else's
        run("install", "--cgroup", str(cgroup))  # twice is once
    finally:
        told = run("uninstall")
    assert f"the cgroup {cgroup} chooses for itself again" in told
    assert controllers_in(cgroup) == [usual.strip()] * 2
    assert NAME not in AVAILABLE.read_text().split()
