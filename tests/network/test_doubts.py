from __future__ import annotations

from pathlib import Path
from typing import Any

from astraea.network.doubts import doubts_of
from astraea.network.files import load_network, shipped_networks
from astraea.network.settings import Network


def test_networks_that_ship_raise_no_doubts() -> None:
    assert [doubt for name in shipped_networks() for doubt in doubts_of(load_network(name))] == []


def test_values_that_may_be_in_other_units_are_named(tmp_path: Path) -> None:
    trace = tmp_path / "kbit.csv"
    trace.write_text("0,16000\n1,8000\n")
    site: dict[str, Any] = {"name": "dsl", "up_trace": trace, "down_mbps": 0.00001, "delay_ms": 0.004}

    assert doubts_of(Network(server={"up_mbps": 20_000, "down_mbps": 100}, sites=(site,))) == [
        "site 'dsl': up_trace kbit.csv carries 16,000 Mbit/s at most; its second column is in Mbit/s",
        "site 'dsl': down_mbps = 1e-05 is 10 bit/s; it is in Mbit/s",
        "site 'dsl': delay_ms = 0.004 is 4 µs one way; it is in milliseconds",
    ]
