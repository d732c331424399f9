from __future__ import annotations

from pathlib import Path

import pytest

from astraea.errors import InputError
from astraea.network.choice import NetworkSettings

OFFICE = """
[server]
up_mbps = 100
down_mbps = 100
[[sites]]
clients = "*"
up_mbps = 10
down_mbps = 50
up_trace = "up.csv"
"""


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network file and its trace in the folder that one works in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "up.csv").write_text("0,8\n1,24\n")
    (tmp_path / "office.toml").write_text(OFFICE)
    return tmp_path


def test_a_file_in_the_folder_at_hand_is_the_same_network_afterwards(office: Path) -> None:
    decided = NetworkSettings(name="office.toml").decided()

    assert decided.name == str(office / "office.toml")
    assert decided.decided() == decided
    assert decided.load().sites[0].up_trace == office / "up.csv"


def test_the_same_files_elsewhere_are_the_same_network(office: Path, tmp_path: Path) -> None:
    decided = NetworkSettings(name="office.toml").decided()
    copied = tmp_path / "copied"
    copied.mkdir()
    for name in ("office.toml", "up.csv"):
        (copied / name).write_text((office / name).read_text())

    assert NetworkSettings(name=str(copied / "office.toml")).decided().digest == decided.digest


def test_a_trace_that_has_changed_is_another_network(office: Path) -> None:
    decided = NetworkSettings(name="office.toml").decided()
    network = decided.load()
    decided.check(network)
    (office / "up.csv").write_text("0,8\n1,23\n")

    with pytest.raises(InputError, match="or a trace that it names has changed since the run began"):
        decided.decided()
    with pytest.raises(InputError, match="or a trace that it names has changed since the last round"):
        decided.check(network)


def test_a_trace_that_is_not_there_is_named_before_a_run(office: Path) -> None:
    (office / "up.csv").unlink()

    with pytest.raises(InputError, match=r"the trace .*up\.csv cannot be read: No such file"):
        NetworkSettings(name="office.toml").decided()


def test_a_lossy_network_wants_packets_before_a_run_begins(office: Path) -> None:
    text = (office / "office.toml").read_text()
    (office / "office.toml").write_text(text + "loss = 0.01\n")

    with pytest.raises(InputError, match="network 'office' loses packets at random, which fluids cannot follow"):
        NetworkSettings(name="office.toml").decided()
    assert NetworkSettings(name="office.toml", fidelity="packets").decided().load().lossy
