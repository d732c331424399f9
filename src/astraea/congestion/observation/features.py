"""What a flow observes when its control interval closes: one function in integers, for simulator, training and kernel.

Features are counts of 1/1024 (:data:`astraea.congestion.connection.fixed_point.ONE`), so that a float32 observation,
``features / 1024``, is exact. Three sets:

- ``packets``, the design's. Multiplicative actions on signals without any scale would keep the ratio of two flows
  that share a queue for ever, so two things that differ with a flow's share are observed: its own packets in the
  queue, ``cwnd * (1 - base_rtt / rtt)``, on a logarithmic scale, the quantity that Vegas, FAST and Copa steer by;
  and the response of its delivery rate to its own changes of sending rate (a flow with share ``s`` sees
  ``1 - s``, the principle of Jury, EuroSys'25). Extensive quantities are divided by the flow's weight.
- ``scale-free``: ratios only, which in theory cannot become fair. For the ablation.
- ``published``: the ten of Astraea (EuroSys'24), as its released code has them. For the ablation.

The low round-trip time of a slot is the mean of the smallest of blocks of 30 to 60 ms, so that acknowledgement noise
is filtered out, and for all flows over the same time: were it the smallest of a whole round trip, a flow of a longer
one would see less queue. The noise is a feature of its own. Slots of history cover a smoothed round-trip time each
(of ``published``: an interval each).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.fixed_point import ONE, clip, log2, ratio
from astraea.congestion.connection.record import Ints, Rows
from astraea.congestion.observation.frames import Frame, History, frame_at, merge
from astraea.congestion.settings import Settings

__all__ = ["FEATURES", "OBSERVATION_VERSION", "Feature", "ObservationSettings", "observe"]

OBSERVATION_VERSION = 4
"""Rises whenever the same packets would give another observation: a policy belongs to one version."""

PACKETS, SCALE_FREE, PUBLISHED = range(3)

_FINE = 8  # own packets are resolved down to an eighth
_STEP_MAX = 2 * ONE  # changes are held within two doublings
_RESPONSE_PRIOR = 1366  # (1024 * log2(1.025))**2: a change as large as one action, all of it arriving
_TENTH_PERCENT = 1000


@dataclass(frozen=True)
class Feature:
    """One feature: its formula, and the range it is held in, in whole units (not 1/1024)."""

    name: str
    formula: str
    low: float
    high: float


_LOSS = Feature("loss", "log2(1 + 1000 * lost / sent)", 0, 10)
_SENT = Feature("sent_change", "log2(sending rate / that of the slot before)", -2, 2)
_DELIVERED = Feature("delivered_change", "log2(delivery rate / that of the slot before)", -2, 2)
_INFLIGHT = Feature("inflight", "packets in flight / window", 0, 2)
_INTERVAL = Feature("interval", "log2(interval / smoothed RTT)", -4, 8)

FEATURES: dict[str, tuple[tuple[Feature, ...], tuple[Feature, ...]]] = {
    "packets": (
        (
            Feature("own_queue", "log2(1 + 8 * window * (1 - base RTT / low RTT) / weight)", 0, 24),
            _LOSS,
            _SENT,
            _DELIVERED,
        ),
        (
            Feature("mean_queue", "as own_queue, with the mean RTT of the last interval", 0, 24),
            Feature("noise", "log2(1 + 8 * window * jitter / smoothed RTT / weight)", 0, 24),
            Feature("pipe", "log2(1 + 8 * packets delivered per base RTT / weight)", 0, 24),
            Feature("rate", "log2(1 + 8 * packets delivered per 30 ms / weight)", 0, 24),
            Feature("standing", "least / (largest mean + one own packet) of the queueing delay in the history", 0, 1),
            Feature("response", "change of delivery rate per change of sending rate one RTT before", -2, 2),
            _INFLIGHT,
            _INTERVAL,
            Feature(
                "left", "least part of the queueing delay that the last two periods left, or half of what it was", 0, 1
            ),
        ),
    ),
    "scale-free": (
        (Feature("latency", "log2(mean RTT / base RTT)", 0, 8), _LOSS, _SENT, _DELIVERED),
        (_INFLIGHT, _INTERVAL),
    ),
    "published": (
        (
            Feature("throughput_ratio", "delivery rate / its largest so far", 0, 1),
            Feature("latency_ratio", "mean RTT / base RTT", 0, 2),
            Feature("smoothed_latency_ratio", "smoothed RTT / base RTT", 0, 2),
            Feature("window_ratio", "0.8 * window / (largest delivery rate * base RTT)", 0, 2),
            Feature("throughput_scale", "largest delivery rate / 80 Mbit/s", 0, 1000),
            Feature("latency_scale", "base RTT / 500 ms", 0, 1000),
            Feature("loss_ratio", "loss rate / largest delivery rate", 0, 1000),
            Feature("inflight_ratio", "packets in flight / window", 0, 1000),
            Feature("pacing_ratio", "pacing rate / largest delivery rate", 0, 2),
            Feature("resent_ratio", "packets sent again in the interval / window", 0, 1000),
        ),
        (),
    ),
}
"""By set: the features of each slot of history, then those of the present alone."""


class ObservationSettings(Settings):
    """What a flow observes."""

    features: Literal["packets", "scale-free", "published"] = Field("packets", description="set of features")
    history: int = Field(4, ge=1, le=7, description="slots of history: RTTs (of 'published': intervals)")

    @property
    def kind(self) -> int:
        """Number of the set in compiled code."""
        return list(FEATURES).index(self.features)

    @property
    def fields(self) -> tuple[Feature, ...]:
        """The features in the order of the observation: slot by slot, then the present alone.

        Slots go from the newest to the oldest; those of ``published`` from the oldest to the newest, as released.
        """
        slot, present = FEATURES[self.features]
        return slot * self.history + present

    @property
    def size(self) -> int:
        """Length of an observation."""
        return len(self.fields)


@inlined
def observe(kind: int, slots: int, frames: Rows[Frame], history: History, out: Ints) -> None:
    """Write into ``out`` (int32, of the set's size) what a flow with these ``frames`` and ``history`` observes.

    ``history.count`` must be at least 1. ``kind`` and ``slots`` are those of :class:`ObservationSettings`.
    """
    for k in range(len(out)):
        out[k] = 0
    if kind == PUBLISHED:
        _published(slots, frames, history, out)
    else:
        _relative(kind, slots, frames, history, out)


@inlined
def _relative(kind: int, slots: int, frames: Rows[Frame], history: History, out: Ints) -> None:
    newest = frame_at(frames, history, 0)
    base = newest.base_rtt
    back, us, sent, got, lost, rtt_sum, low, window = merge(frames, history, 0, newest.srtt)
    at = 0
    least = low - base
    most = 0
    newer_got_step = 0
    moved = 0
    answered = 0
    for slot in range(slots):
        if us == 0:
            break
        mean = rtt_sum // max(got, 1)
        least = min(least, low - base)
        most = max(most, mean - base)
        if kind == PACKETS:
            out[at] = _own(window, low - base, low, history.weight)
        else:
            out[at] = clip(log2(max(mean, base)) - log2(base), 0, 8 * ONE)
        out[at + 1] = log2(ONE + ratio(_TENTH_PERCENT * min(lost, max(sent, 1)), max(sent, 1))) - 10 * ONE
        back, us2, sent2, got2, lost2, rtt_sum2, low2, window2 = merge(frames, history, back, newest.srtt)
        if us2 > 0:
            sent_step = _change(sent, us, sent2, us2)
            got_step = _change(got, us, got2, us2)
            out[at + 2] = sent_step
            out[at + 3] = got_step
            if slot > 0:  # what was sent in this slot arrives in the newer one
                moved += sent_step * sent_step
                answered += sent_step * newer_got_step
            newer_got_step = got_step
        us, sent, got, lost = us2, sent2, got2, lost2
        rtt_sum, low, window = rtt_sum2, low2, window2
        at += 4
    at = 4 * slots
    if kind == PACKETS:
        mean = newest.rtt_sum // max(newest.delivered, 1)
        out[at] = _own(newest.window, mean - base, mean, history.weight)
        out[at + 1] = _own(newest.window, newest.rtt_step_sum // max(newest.acks, 1), newest.srtt, history.weight)
        out[at + 2] = _extensive(ratio(newest.delivered * base, newest.duration), history.weight)
        out[at + 3] = _extensive(ratio(newest.delivered * 30_000, newest.duration), history.weight)
        own_packet = ratio(newest.srtt, max(newest.window, 1))
        out[at + 4] = clip(ratio(max(least, 0), max(most + own_packet, 1)), 0, ONE)
        out[at + 5] = _response(answered, moved)
        at += 6
    out[at] = clip(ratio(newest.inflight * ONE, max(newest.window, 1)), 0, 2 * ONE)
    out[at + 1] = clip(log2(newest.duration) - log2(newest.srtt), -4 * ONE, 8 * ONE)
    if kind == PACKETS:
        out[at + 2] = newest.drain_left


@inlined
def _extensive(packets: int, weight: int) -> int:
    """Return ``log2(1 + 8 * packets / weight)``; both are counts of 1/1024."""
    return log2(ONE + ratio(_FINE * packets, weight)) - 10 * ONE


@inlined
def _own(window: int, delay: int, rtt: int, weight: int) -> int:
    """Return on that scale the part of ``window`` that ``delay`` is of ``rtt``."""
    return _extensive(window * max(delay, 0) // max(rtt, 1), weight)


@inlined
def _change(count: int, us: int, count_before: int, us_before: int) -> int:
    step = log2(max(count, 1)) - log2(us) - log2(max(count_before, 1)) + log2(us_before)
    return clip(step, -_STEP_MAX, _STEP_MAX)


@inlined
def _response(answered: int, moved: int) -> int:
    """Return ``answered / moved`` as a ridge estimate towards 1, rounded towards zero."""
    top = answered + _RESPONSE_PRIOR
    size = ratio(abs(top), moved + _RESPONSE_PRIOR)
    return clip(size if top >= 0 else -size, -_STEP_MAX, _STEP_MAX)


@inlined
def _published(slots: int, frames: Rows[Frame], history: History, out: Ints) -> None:
    for back in range(min(slots, history.count)):
        f = frame_at(frames, history, back)
        at = 10 * (slots - 1 - back)
        most = f.rate_max  # 1/1024 packets per second
        window = max(f.window, 1)
        if most == 0:
            out[at + 1] = 2 * ONE
            continue
        rate = f.delivered * 1_000_000 * ONE // f.duration
        out[at] = ratio(rate, most) if rate > 0 else ONE // 2
        out[at + 1] = min(ratio(f.rtt_sum // max(f.delivered, 1), f.base_rtt), 2 * ONE)
        out[at + 2] = min(ratio(f.srtt, f.base_rtt), 2 * ONE)
        pipe = max(most * f.base_rtt // 1_000_000, 1)
        out[at + 3] = min(ratio(8 * f.window, 10 * pipe), 2 * ONE)
        out[at + 4] = min(most * history.wire_bytes // 10_000_000, 1000 * ONE)
        out[at + 5] = min(ratio(f.base_rtt, 500_000), 1000 * ONE)
        out[at + 6] = min(ratio(f.lost * 1_000_000 * ONE // f.duration, most), 1000 * ONE)
        out[at + 7] = min(ratio(f.inflight * ONE, window), 1000 * ONE)
        out[at + 8] = min(ratio(f.pacing_rate * ONE, most), 2 * ONE)
        out[at + 9] = min(ratio(f.resent * ONE, window), 1000 * ONE)
