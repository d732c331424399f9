from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from astraea.congestion import simulate
from astraea.congestion.simulator.settings import WorldSettings
from astraea.errors import InputError

LINK = {"capacity_mbps": 12, "delay_ms": 10, "buffer_bytes": 150_000}


def world(*flows: dict[str, Any]) -> dict[str, Any]:
    return {"links": (LINK,), "flows": flows, "duration_s": 3, "sample_ms": 0}


def test_a_flow_starts_when_the_one_before_has_arrived() -> None:
    first = {"name": "first", "size_bytes": 15_000}
    result = simulate(**world(first, {"size_bytes": 15_000, "after": "first", "start_s": 0.5}))

    arrived = result.completion_s[0] - 10e-3  # the last acknowledgement has been on its way for 10 ms
    np.testing.assert_allclose(result.start_s, [0, arrived + 0.5], rtol=0, atol=1e-9)
    assert result.completion_s[1] == pytest.approx(result.completion_s[0], rel=1e-6)


def test_several_flows_may_wait_for_one_and_none_starts_before_it_is_known() -> None:
    first = {"name": "first", "size_bytes": 15_000}
    result = simulate(**world(*({"size_bytes": 3000, "after": "first", "start_s": s} for s in (0.2, 0.0)), first))

    assert result.start_s[0] == pytest.approx(result.completion_s[2] - 10e-3 + 0.2)
    assert result.start_s[1] == pytest.approx(result.completion_s[2])
    assert np.isfinite(result.completion_s).all()


def test_a_flow_whose_turn_does_not_come_has_no_start() -> None:
    result = simulate(
        **world({"name": "long", "size_bytes": 50_000_000}, {"size_bytes": 1500, "after": "long"}) | {"duration_s": 0.2}
    )

    assert np.isnan(result.start_s).tolist() == [False, True]
    assert result.sent[1] == 0


@pytest.mark.parametrize(
    ("flows", "sentence"),
    [
        (
            ({"size_bytes": 1500, "after": "firts"}, {"name": "first", "size_bytes": 1}),
            "unknown flow 'firts'; did you mean 'first'",
        ),
        (
            ({"name": "a", "after": "b", "size_bytes": 1}, {"name": "b", "after": "a", "size_bytes": 1}),
            "flow 'a' waits for itself",
        ),
        (({"name": "a"}, {"after": "a"}), "flow 'a' never ends, so nothing can start after it"),
    ],
)
def test_what_can_never_start_is_refused(flows: tuple[dict[str, Any], ...], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        simulate(WorldSettings(**world(*flows)))
