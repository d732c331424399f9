"""The observation: worked by hand, and held by golden vectors that any other implementation can be held to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from astraea.congestion.connection.record import rows
from astraea.congestion.observation import FEATURES, ObservationSettings, observe
from astraea.congestion.observation.frames import FRAME, FRAMES, HISTORY, record
from astraea.congestion.simulator.state import INTERVAL
from astraea.errors import InputError

GOLDEN = Path(__file__).with_name("golden.json")
SECOND = 1_000_000

# 40 packets in flight on a path of 30 ms, 10 of them queued: the round trip takes 40 ms, 30 packets arrive in 30 ms
STEADY: dict[str, int] = {
    "duration": 30_000,
    "sent": 30,
    "delivered": 30,
    "lost": 0,
    "resent": 0,
    "acks": 30,
    "rtt_sum": 30 * 40_000,
    "rtt_step_sum": 0,
    "rtt_low": 40_000,
    "srtt": 40_000,
    "base_rtt": 30_000,
    "window": 40 * 1024,
    "inflight": 40,
    "drain_left": 256,
    "pacing_rate": 1000,
    "rate_max": 1000 * 1024,
}


def observed(frames: list[dict[str, int]], features: str = "packets", history: int = 4, weight: int = 1024) -> Any:
    """Return, in 1/1024, what a flow with these ``frames``, the oldest first, observes."""
    settings = ObservationSettings(features=features, history=history)
    ring, row = rows(FRAMES, FRAME), rows(1, HISTORY)[0]
    for number, frame in enumerate(frames):
        for name, value in frame.items():
            ring[name][number % FRAMES] = value
    row.count, row.weight, row.wire_bytes = len(frames), weight, 1500
    out = np.full(settings.size, 12345, np.int32)
    observe(settings.kind, settings.history, ring, row, out)
    return out


def named(out: Any, features: str = "packets", history: int = 4) -> dict[str, list[float]]:
    """Return the values in units by feature, those of the history as they come."""
    values: dict[str, list[float]] = {}
    for feature, value in zip(ObservationSettings(features=features, history=history).fields, out, strict=True):
        values.setdefault(feature.name, []).append(value / 1024)
    return values


def test_a_steady_flow_with_ten_packets_in_the_queue() -> None:
    values = named(observed([STEADY] * 12))
    assert values["own_queue"] == pytest.approx([np.log2(81)] * 4, abs=1e-3)  # 40 * (1 - 30 / 40) = 10
    assert values["mean_queue"] == pytest.approx([np.log2(81)], abs=1e-3)
    assert values["loss"] == values["sent_change"] == values["delivered_change"] == [0] * 4
    assert values["noise"] == [0]
    assert values["pipe"] == pytest.approx([np.log2(1 + 8 * 30)], abs=1e-3)
    assert values["rate"] == pytest.approx([np.log2(1 + 8 * 30)], abs=1e-3)
    assert values["standing"] == pytest.approx([10 / 11], abs=1e-3)  # 10 ms over 10 ms and one packet's 1 ms
    assert values["response"] == [1]  # nothing was varied: the prior
    assert values["inflight"] == [1]
    assert values["interval"] == pytest.approx([np.log2(0.75)], abs=2e-3)
    assert values["left"] == [0.25]


def test_a_flow_of_weight_three_looks_like_one_of_a_third() -> None:
    third = {**STEADY, "sent": 10, "delivered": 10, "rtt_sum": 10 * 40_000, "inflight": 13, "window": 40 * 1024 // 3}
    whole = named(observed([STEADY] * 12, weight=3072))
    part = named(observed([third] * 12))
    for name in ("own_queue", "mean_queue", "pipe", "rate"):
        assert whole[name] == pytest.approx(part[name], abs=2e-3), name


def test_a_slot_covers_a_round_trip() -> None:
    # intervals of half an RTT: a slot is two of them, so packets lost two intervals ago are in the second slot
    half = {**STEADY, "duration": 50_000, "srtt": 100_000, "sent": 100, "delivered": 100, "rtt_sum": 100 * 100_000}
    lossy = {**half, "lost": 2}
    assert named(observed([half] * 8 + [lossy, half, half]))["loss"] == pytest.approx(
        [0, np.log2(1 + 1000 * 2 / 200), 0, 0], abs=2e-3
    )
    # an interval longer than an RTT is a slot by itself
    long = {**STEADY, "duration": 40_000, "sent": 40}
    assert named(observed([long] * 8 + [{**long, "lost": 4}, long]))["loss"] == pytest.approx(
        [0, np.log2(101), 0, 0], abs=2e-3
    )


def test_response_is_one_minus_the_share() -> None:
    """Sending 10 % more and less by turns moves the delivery rate of the next slot by 10 % times 1 - share."""

    def frames(share: float) -> list[dict[str, int]]:
        row = {**STEADY, "duration": 40_000}
        levels = [1.0, 1.1, 1.0, 0.9, 1.0, 1.1, 1.0, 0.9, 1.0]
        got = [1.0] + [1 + (level - 1) * (1 - share) for level in levels[:-1]]  # one RTT later
        return [
            {
                **row,
                "sent": round(40_000 * level),
                "delivered": round(40_000 * g),
                "rtt_sum": round(40_000 * g) * 40_000,
            }
            for level, g in zip(levels, got, strict=True)
        ]

    for share in (0.1, 0.5, 0.9):
        response = named(observed(frames(share), history=7), history=7)["response"][0]
        assert response == pytest.approx(1 - share, abs=0.05)


def test_noise_and_standing_queue_are_told_apart() -> None:
    noisy = {**STEADY, "rtt_low": 30_000, "rtt_step_sum": 30 * 8_000}
    values = named(observed([noisy] * 12))
    assert values["own_queue"] == [0] * 4  # the queue empties: the smallest RTT is the base
    assert values["standing"] == [0]
    assert values["noise"] == pytest.approx([np.log2(1 + 8 * 8)], abs=1e-3)  # 40 packets * 8 ms / 40 ms


def test_a_young_flow_has_no_history() -> None:
    values = named(observed([STEADY]))
    assert values["own_queue"][0] > 0
    assert values["own_queue"][1:] == [0, 0, 0]
    assert values["sent_change"] == [0] * 4


def test_scale_free_features_are_those_of_a_flow_of_any_size() -> None:
    tenfold = {
        name: value * 10 if name in ("sent", "delivered", "acks", "rtt_sum", "window", "inflight") else value
        for name, value in STEADY.items()
    }
    small = observed([STEADY] * 12, "scale-free")
    assert (small == observed([tenfold] * 12, "scale-free")).all()
    assert not (observed([STEADY] * 12) == observed([tenfold] * 12)).all()


def test_published_features() -> None:
    newest = {**STEADY, "lost": 3, "resent": 2, "pacing_rate": 1200, "delivered": 24, "rtt_sum": 24 * 40_000}
    values = observed([STEADY, newest], "published", history=5).reshape(5, 10) / 1024
    assert (values[:3] == 0).all()  # a register that begins with zeros
    # 800 of 1000 packets/s; 40/30 twice; 0.8 * 40 / 30; 1.5 MB/s / 10 MB/s; 30 / 500; 100 / 1000; 40/40; 1.2; 2/40
    assert values[4] == pytest.approx([0.8, 4 / 3, 4 / 3, 32 / 30, 0.15, 0.06, 0.1, 1, 1.2, 0.05], abs=1e-3)
    assert values[3][[0, 6, 9]] == pytest.approx([1, 0, 0])


@pytest.mark.parametrize("features", list(FEATURES))
def test_extreme_measurements_stay_in_range(features: str) -> None:
    least = dict.fromkeys(STEADY, 0) | {"duration": 1, "acks": 1, "rtt_low": 1, "srtt": 1, "base_rtt": 1}
    most = {
        **dict.fromkeys(STEADY, 1 << 20),
        "duration": 60 * SECOND,
        "window": 1 << 30,
        "srtt": 60 * SECOND,
        "rtt_low": 60 * SECOND,
        "rtt_sum": (1 << 20) * 60 * SECOND,
        "rtt_step_sum": (1 << 20) * 60 * SECOND,
        "rate_max": (1 << 20) * 1024,
        "drain_left": 1024,
    }
    fields = ObservationSettings(features=features).fields
    for frames in ([least], [most], [least] * 20, [most] * 20, [least, most] * 10, [most, least] * 10):
        out = observed(frames, features) / 1024
        for feature, value in zip(fields, out, strict=True):
            assert feature.low <= value <= feature.high, feature.name


def test_golden_vectors() -> None:
    for case in json.loads(GOLDEN.read_text()):
        for features, expected in case["features"].items():
            out = observed(case["frames"], features, case["history"], case["weight"])
            assert out.tolist() == expected, (case["name"], features)


def test_silent_intervals_are_counted_into_the_next_frame() -> None:
    ring, row = rows(FRAMES, FRAME), rows(1, HISTORY)[0]
    silent, heard = rows(1, INTERVAL)[0], rows(1, INTERVAL)[0]
    silent.start, silent.end, silent.sent, silent.lost = 0, 30_000_000, 4, 1
    heard.start, heard.end, heard.sent, heard.delivered, heard.acks = 30_000_000, 60_000_000, 6, 5, 5
    heard.rtt_sum, heard.rtt_low, heard.srtt = 250_000_000, 49_999_999, 50_000_000
    heard.min_rtt, heard.window = 40_000_000, 7680
    assert not record(ring, row, silent)
    assert row.count == 0
    assert record(ring, row, heard)
    assert (row.count, row.open) == (1, 0)
    frame = ring[0]
    assert (frame.duration, frame.sent, frame.lost, frame.delivered) == (60_000, 10, 1, 5)
    assert (frame.rtt_sum, frame.rtt_low, frame.srtt, frame.base_rtt) == (250_000, 49_999, 50_000, 40_000)
    assert frame.window == 7680
    assert frame.rate_max == 5 * 1024 * SECOND // 60_000
    assert record(ring, row, heard)
    assert ring[1].duration == 30_000


@pytest.mark.parametrize("fields", [{"features": "raw"}, {"history": 0}, {"history": 8}, {"histroy": 3}])
def test_settings_that_do_not_exist_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"histor|features"):
        ObservationSettings(**fields)
