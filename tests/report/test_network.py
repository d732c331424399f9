from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from astraea.network.files import load_network
from astraea.network.settings import Network
from astraea.network.shapes import chains
from astraea.network.timing import round_time
from astraea.report.network import network_figure, network_summary, network_text, round_figure

ENDS = {"up_mbps": 8, "down_mbps": 8}


@pytest.fixture
def network() -> Network:
    made = Network(
        name="small",
        summary="one cell",
        server=ENDS,
        links=({"name": "cell", **ENDS, "half_duplex": True},),
        sites=({"name": "near", **ENDS}, {"link": "cell", **ENDS, "rate_spread": 0.5}),
    )
    return made.model_copy(update={"transport": made.transport.plain()})


def test_the_summary_holds_sites_links_and_rounds(network: Network) -> None:
    cost = round_time(chains([[1.0, 2.0], [4.0, 5.0]]), network)

    summary = json.loads(json.dumps(network_summary(network, 4, {"astraea": cost})))

    assert [site["clients"] for site in summary["sites"]] == [2, 2]
    assert [link["name"] for link in summary["links"]] == ["server sends", "server receives", "cell"]
    assert summary["links"][0]["mbps"] == pytest.approx(8)
    found = summary["rounds"]["astraea"]
    assert found["transfers"] == 8
    parts = found["compute_seconds"] + found["transfer_seconds"] + found["waiting_seconds"]
    assert found["seconds"] == pytest.approx(parts)
    assert found["straggler"] == 3


def test_the_text_names_what_there_is(network: Network) -> None:
    console = Console(width=120, record=True, file=io.StringIO())

    console.print(network_text(network_summary(network, 4, {})))

    text = console.export_text()
    for words in ("small: one cell", "near", "8 ×/÷ 1.6", "shared links, with 4 clients", "server receives"):
        assert words in text
    assert "a round there" not in text


def test_the_text_of_rounds_fits_into_a_narrow_terminal(network: Network) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    cost = round_time(chains([[1.0, 2.0], [4.0, 5.0]]), network)

    console.print(network_text(network_summary(network, 4, {"fedavg": cost, "astraea": cost})))

    text = console.export_text()
    assert "…" not in text
    for words in ("a round there", "slowest client", "astraea"):
        assert words in text


@pytest.mark.parametrize("name", ["cross-device", "edge"])
def test_a_network_is_drawn_with_all_its_sites(name: str) -> None:
    network = load_network(name)

    figure = network_figure(network, 20)

    texts = [text.get_text() for text in figure.axes[0].texts]
    for site in network.sites:
        assert any(text.startswith(f"{site.name}: ") for text in texts)
    assert sum("ω" in text for text in texts) == 1 + len(network.links)


def test_a_round_is_drawn_as_bars_with_its_critical_path(network: Network) -> None:
    cost = round_time(chains([[1.0, 2.0], [4.0, 5.0]]), network)

    axis: Any = round_figure(cost).axes[0]

    bars = {(round(bar.get_x(), 6), round(bar.get_width(), 6)) for bar in axis.patches}
    for i in range(8):
        begun, arrived = cost.moments.begun[i], cost.moments.arrived[i]
        assert (round(begun, 6), round(arrived - begun, 6)) in bars
    marked = [line for line in axis.lines if len(set(line.get_ydata())) == 1]
    lengths = [float(line.get_xdata()[1] - line.get_xdata()[0]) for line in marked]
    assert sum(lengths) == pytest.approx(cost.seconds)  # it has no gap: something on it is always under way
