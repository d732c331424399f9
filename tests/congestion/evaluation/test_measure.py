"""What is kept of a world, on worlds whose outcome is known in closed form."""

from __future__ import annotations

from typing import Any

import pytest

from astraea.congestion import FlowSettings, LinkSettings, Result, simulate
from astraea.congestion.evaluation.measure import against_max_min, completions, rivalry, settled_for, sharing

LINK = LinkSettings(capacity_mbps=1.2, delay_ms=20, buffer_bytes=60_000)  # 100 packets/s


def fixed(window: int, **fields: Any) -> FlowSettings:
    return FlowSettings(**{"controller": "fixed", "parameter": window, "rtt_ms": 40, **fields})


def played(*flows: FlowSettings, duration_s: float = 6.0, **link: Any) -> Result:
    return simulate(links=[LINK.model_copy(update=link)], flows=flows, duration_s=duration_s)


def test_windows_soon_after_an_arrival_do_not_count() -> None:
    result = played(fixed(15), fixed(5, start_s=2.0), duration_s=14.0)
    values = sharing(result)
    assert len(values["jain_windows"]) == 2  # of 12 s and 13 s
    assert values["min_max"] == pytest.approx(1 / 3, rel=0.1)
    assert values["goodput_mbps"] == pytest.approx([0.9, 0.3], rel=0.1)
    assert values["convergences"] == [[12.0, True]]
    assert len(settled_for(0.0)(result)["jain_windows"]) == 12


def test_late_deviation_needs_no_convergence() -> None:
    values = settled_for(0.0)(played(fixed(15), fixed(5, start_s=2.0), duration_s=14.0))
    assert values["deviation_mbps"] != values["deviation_mbps"]  # NaN: they never share alike
    assert 0 <= values["deviation_late_mbps"] < 0.02  # yet each is steady


def test_one_flow_alone_has_no_fairness() -> None:
    values = settled_for(0.0)(played(fixed(10)))
    assert values["min_max"] != values["min_max"]
    assert values["jain_windows"] == values["convergences"] == []
    assert values["utilisation"] > 0.95


def test_rivals_are_told_apart_by_name() -> None:
    flows = fixed(5, name="other"), fixed(15, name="own")
    values = rivalry(played(*flows, duration_s=14.0))
    assert values["own_share"] == pytest.approx(1.5, rel=0.1)  # of 0.6 Mbit/s
    assert values["other_share"] == pytest.approx(0.5, rel=0.1)


def test_goodput_over_max_min_shares() -> None:
    links = [LINK, LINK.model_copy(update={"name": "second", "capacity_mbps": 2.4})]
    flows = [fixed(10, rtt_ms=80), fixed(10, path=("bottleneck",)), fixed(60, path=("second",), rtt_ms=40)]
    values = against_max_min(simulate(links=links, flows=flows, duration_s=13.0))
    assert values["of_share"][2] == pytest.approx(1.0, rel=0.2)  # share 1.8 of 2.4 Mbit/s
    assert values["long_share"] == values["of_share"][0]
    assert values["of_share_least"] == min(values["of_share"])


def test_completions_know_their_ideal_and_who_was_last() -> None:
    result = played(fixed(10, size_bytes=60_000), fixed(10, size_bytes=10**7), fixed(2), duration_s=4.0)
    values = completions(result)
    (first, censored, ideal), second = values["completions"]
    assert not censored
    assert ideal == pytest.approx(0.04 + 10_060_000 * 8 / 1.2e6)  # both start at once
    assert first == pytest.approx(0.8, rel=0.3)  # 40 packets at half of 100 a second
    assert second == [4.0, True, ideal]
    assert values["last"] == second
