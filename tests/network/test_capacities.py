from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from astraea.errors import InputError
from astraea.network.layout import lay_out
from astraea.network.packets import _unrolled
from astraea.network.settings import Network
from astraea.network.shapes import star
from astraea.network.timing import RoundTime, round_time


def one(plain: Callable[..., Network], site: dict[str, Any], **more: Any) -> Network:
    """Return a network whose only own link carries a megabyte a second unless ``site`` says otherwise."""
    made = plain(8000.0, **more)
    sites = ({"up_mbps": 8, "down_mbps": 8000, **site},)
    return Network(**{**made.model_dump(), "sites": sites})


def sent(network: Network, begins: float = 0.0) -> RoundTime:
    """Return what it takes to send a client 8 MB, in 8 ms, and to have them back."""
    return round_time(star([0.0], 8_000_000), network, begins=begins)


@pytest.mark.parametrize(
    ("outages", "begins", "away"),
    [
        (((2, 5),), 0.0, 3.0),
        (((2, 5),), 4.0, 1.0),  # under way when the round begins
        (((2, 5),), 5.0, 0.0),
        (((2, 5),), 1000.0, 0.0),
        (((2, 5), (7, 9)), 0.0, 5.0),
        (((2, 5), (7, 9)), 1.0, 5.0),
        (((20, 50),), 0.0, 0.0),
    ],
)
def test_nothing_gets_through_in_an_outage(
    plain: Callable[..., Network], outages: tuple[tuple[float, float], ...], begins: float, away: float
) -> None:
    cost = sent(one(plain, {"outages": outages}), begins)

    assert cost.seconds == pytest.approx(8.008 + away)
    assert cost.away == pytest.approx(away)
    assert cost.waiting == pytest.approx(away)


def test_an_outage_of_the_server_counts_once(plain: Callable[..., Network]) -> None:
    network = one(plain, {"outages": ((2, 5),)})
    server = network.server.model_copy(update={"outages": ((3.0, 6.0),)})

    cost = sent(network.model_copy(update={"server": server}))

    assert cost.seconds == pytest.approx(8.008 + 4)
    assert cost.away == pytest.approx(4)


def test_a_trace_goes_on_where_the_last_round_ended(plain: Callable[..., Network], tmp_path: Path) -> None:
    trace = tmp_path / "evening.csv"
    trace.write_text("0,16\n100,4\n")
    network = one(plain, {"up_trace": trace, "trace_phase": "start"})

    # 8 MB at 2 MB/s; a second at 2 MB/s and the rest at half a MB/s; all at that; a lap later
    taken = [sent(network, begins).seconds for begins in (0.0, 98.992, 100.0, 298.992)]

    np.testing.assert_allclose(taken, [4.008, 13.008, 16.008, 13.008])


def test_where_a_client_is_in_a_trace_is_drawn_unless_the_file_says_otherwise(
    plain: Callable[..., Network], tmp_path: Path
) -> None:
    trace = tmp_path / "evening.csv"
    trace.write_text("0,16\n100,4\n")

    def offsets(**more: Any) -> list[float]:
        layout = lay_out(one(plain, {"up_trace": trace, **more}), range(50), begins=30.0)
        return layout.capacities.offset[2::2].tolist()

    assert set(offsets(trace_phase="start")) == {30.0}
    assert len(set(offsets())) == 50
    assert all(0 <= offset < 200 for offset in offsets())


def test_absences_go_on_from_round_to_round(plain: Callable[..., Network]) -> None:
    network = one(plain, {"away_share": 0.25, "away_seconds": 10})
    early, late = (lay_out(network, [0], begins=begins).capacities.offset[2] for begins in (0.0, 15.0))

    assert (late - early) % 40 == pytest.approx(15)


@pytest.mark.parametrize(
    ("site", "sentence"),
    [
        ({"outages": ((1, 2),), "away_share": 0.2}, "site '0' has both away_share and outages"),
        ({"outages": ((1, 2),), "up_trace": "x.csv", "name": "dsl"}, "site 'dsl' has both outages and a trace"),
    ],
)
def test_two_reasons_to_be_away_are_refused(plain: Callable[..., Network], site: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        lay_out(one(plain, site), [0])


def test_packets_are_given_outages_and_laps_as_steps() -> None:
    outage = _unrolled(np.array([0.0, 2.0, 5.0]), np.array([8.0, 0.0, 8.0]), 1e9, 0.0, horizon=60.0)
    laps = _unrolled(np.array([0.0, 3.0]), np.array([16.0, 0.0]), 5.0, 4.0, horizon=7.0)

    assert outage == [(0.0, 8.0), (2.0, 0.0), (5.0, 8.0)]
    assert laps == [(0.0, 0.0), (1.0, 16.0), (4.0, 0.0), (6.0, 16.0)]


def test_the_trace_of_two_packets_a_millisecond_carries_24_mbit_a_second(
    plain: Callable[..., Network], tmp_path: Path
) -> None:
    trace = tmp_path / "short.up"
    trace.write_text("1\n1\n")

    assert sent(one(plain, {"up_trace": trace})).seconds == pytest.approx(0.008 + 64 / 24)
