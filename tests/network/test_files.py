from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from astraea.errors import InputError
from astraea.network.demand import oversubscription
from astraea.network.files import load_network, shipped_networks
from astraea.network.layout import lay_out

SMALLEST = """
[server]
up_mbps = 1000
down_mbps = 1000
[[sites]]
clients = "*"
up_mbps = 10
down_mbps = 50
up_trace = "up.csv"
"""


def test_three_networks_ship_and_name_their_sources() -> None:
    assert shipped_networks() == ("cross-device", "cross-silo", "edge")
    for name in shipped_networks():
        network = load_network(name)
        assert network.name == name
        assert network.summary
        assert network.sources


def test_shipped_networks_lie_apart_in_oversubscription() -> None:
    worst = {
        name: max(oversubscription(lay_out(load_network(name), range(100))).values()) for name in shipped_networks()
    }

    assert worst["cross-silo"] <= 1
    assert 3.5 < worst["cross-device"] < 4.5
    assert worst["edge"] >= 10


def test_a_file_is_named_after_itself_and_its_traces_lie_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "home.toml"
    file.write_text(SMALLEST)

    network = load_network(file)

    assert network.name == "home"
    assert network.sites[0].up_trace == tmp_path / "up.csv"


def test_tables_and_networks_are_taken_as_they_are(smallest: dict[str, Any]) -> None:
    network = load_network(smallest)

    assert load_network(network) is network


@pytest.mark.parametrize(
    ("source", "text", "sentence"),
    [
        ("cross-devices", None, "there is no network 'cross-devices'; did you mean 'cross-device'?"),
        ("absent.toml", None, "cannot read absent.toml (No such file or directory)"),
        ("bad.toml", "x = ", "is not TOML"),
        ("empty.toml", "", "empty.toml: 'server' has no default: set it"),
    ],
)
def test_what_is_no_network_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, text: str | None, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path(source).write_text(text)

    with pytest.raises(InputError) as error:
        load_network(source)
    assert sentence in str(error.value)


def test_a_mistake_names_its_site(tmp_path: Path) -> None:
    file = tmp_path / "office.toml"
    file.write_text(SMALLEST.replace('clients = "*"', 'name = "dsl"').replace("up_mbps = 10\n", "up_mbps = true\n"))
    with pytest.raises(InputError, match=r"office.toml: site 'dsl'\.up_mbps: Input should be a valid number"):
        load_network(file)
    file.write_text(SMALLEST.replace("down_mbps = 50\n", ""))
    with pytest.raises(InputError, match=r"office.toml: sites\.0: 'down_mbps' has no default: set it, or name its"):
        load_network(file)


def test_a_trace_stands_in_the_place_of_a_rate(tmp_path: Path) -> None:
    file = tmp_path / "office.toml"
    file.write_text(SMALLEST.replace("up_mbps = 10\n", ""))
    (tmp_path / "up.csv").write_text("0,8\n1,24\n")

    peak = lay_out(load_network(file), [0]).capacities.peak

    assert peak.tolist() == [125e6, 125e6, 3e6, 6.25e6]  # bytes/s: the server's, then 24 and 50 Mbit/s
