"""Installed, shown, swapped and taken out again; the system is then as it was."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.congestion.kernel.test_program import AVAILABLE, transfer
from typer.testing import CliRunner

from astraea.cli.app import app
from astraea.congestion.kernel import boot, places, system
from astraea.congestion.kernel.libbpf import descriptor_of, look_up
from astraea.congestion.kernel.policies import SIZE
from astraea.congestion.policy.policy import Policy, shipped_policy
from astraea.errors import RunError

DEFAULT = Path("/proc/sys/net/ipv4/tcp_congestion_control")
NAME = f"test_{os.getpid()}_s"


@pytest.fixture
def own(kernel: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install under a name of the test's own, with notes and units of its own."""
    monkeypatch.setattr(system, "NAME", NAME)
    monkeypatch.setattr(system, "_NOTES", tmp_path / "run" / "kernel.json")
    monkeypatch.setattr(boot, "UNIT", tmp_path / "astraea-congestion.service")
    default = DEFAULT.read_text()
    yield
    if system.installed() is not None:
        system.uninstall()
    assert NAME not in AVAILABLE.read_text().split()
    assert DEFAULT.read_text() == default


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["congestion", "kernel", *arguments], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.usefixtures("own")
def test_it_is_installed_used_and_taken_out() -> None:
    assert "not installed" in run("status")
    run("install")
    assert transfer(NAME, 1 << 16) == NAME
    found = json.loads(run("status", "--json"))
    assert found["installed"]
    assert (found["connections"], found["connections_ever"], found["fallback"]) == (0, 1, 0.0)
    assert "is gone" in run("uninstall")
    assert json.loads(run("status", "--json"))["installed"] is False
    assert "nothing to do" in run("uninstall")


@pytest.mark.usefixtures("own")
def test_a_policy_takes_the_place_of_another_without_a_break(tmp_path: Path) -> None:
    run("install")
    first = system.installed()
    shipped = shipped_policy()
    changed = Policy(shipped.header, shipped.weights + np.int32(1))
    changed.save(tmp_path / "mine.safetensors")
    run("install", "--policy", str(tmp_path / "mine.safetensors"))
    second = system.installed()
    assert first is not None
    assert second is not None
    assert first.operations == second.operations  # it has not been loaded anew
    assert second.policy.endswith("mine.safetensors")
    with descriptor_of(second.maps["chosen"]) as chosen, descriptor_of(second.maps["policies"]) as policies:
        slot = int.from_bytes(look_up(chosen, 0, 4), "little")
        numbers = np.frombuffer(look_up(policies, slot, SIZE), "<i4", count=18, offset=56)
    assert numbers.tolist() == changed.weights.tolist()


@pytest.mark.usefixtures("own")
def test_it_is_the_default_of_a_namespace_and_no_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; read _"], stdin=-1, stdout=-1) as apart:
        assert apart.stdin is not None
        assert apart.stdout is not None
        apart.stdout.readline()
        (tmp_path / "mine").symlink_to(f"/proc/{apart.pid}/ns/net")
        monkeypatch.setattr(places, "_NAMESPACES", tmp_path)

        def default() -> str:
            command = ["nsenter", f"--net={tmp_path / 'mine'}", "cat", str(DEFAULT)]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

        before = default()
        assert "network namespace mine do so by default" in run("install", "--netns", "mine")
        assert default() == NAME
        assert f"the network namespace mine has {before} again" in run("uninstall")
        assert default() == before
        apart.stdin.close()


@pytest.mark.usefixtures("own")
def test_where_a_place_is_wrong_nothing_is_installed(tmp_path: Path) -> None:
    for option, path, why in (
        ("--netns", "nowhere", "no network namespace 'nowhere'"),
        ("--cgroup", str(tmp_path), ""),
    ):
        result = CliRunner().invoke(app, ["congestion", "kernel", "install", option, path])
        assert result.exit_code == 1
        assert why in result.output
        assert system.installed() is None


@pytest.mark.usefixtures("own")
def test_without_systemd_it_does_not_start_with_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    if Path("/run/systemd/system").is_dir():
        pytest.skip("systemd runs here")
    result = CliRunner().invoke(app, ["congestion", "kernel", "install", "--at-boot"])
    assert "leave it out" in result.output
    assert system.installed() is None


def test_the_unit_does_what_the_command_did() -> None:
    text = boot.unit(["--default", "--policy", "/a b/50%.safetensors"])
    assert "congestion kernel install --default --policy '/a b/50%%.safetensors'\n" in text


def test_systemd_finds_no_fault_with_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze: apt install systemd")
    file = tmp_path / "astraea-congestion.service"
    file.write_text(boot.unit(["--default", "--cgroup", "/sys/fs/cgroup/a b"]))
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True)
    assert (done.returncode, [line for line in done.stderr.splitlines() if file.name in line]) == (0, [])
    file.write_text(file.read_text().replace("Type=oneshot", "Type=onceshot"))
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True)
    assert "onceshot" in done.stderr  # a fault would be told


@pytest.mark.usefixtures("own")
def test_what_lives_on_is_told() -> None:
    import socket

    run("install")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as sender:
        sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, NAME.encode())
        sender.connect(server.getsockname())
        assert "1 open connections keep it until they end" in run("uninstall")


def test_nobody_installs_what_the_machine_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "obstacles", lambda: ["the library libbpf is missing: apt install libbpf1"])
    with pytest.raises(RunError, match="apt install libbpf1"):
        system.install(shipped_policy(), "here")
    with pytest.raises(RunError, match="apt install libbpf1"):
        system.uninstall()
