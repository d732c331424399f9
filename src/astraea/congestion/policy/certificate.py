"""A proof that a law yields to its own queue: bounds on how its action changes with it, over all it can observe.

Interval arithmetic carries, for every quantity of :func:`astraea.congestion.policy.law.decide`, an interval that
holds its value and one that holds its derivative with respect to the flow's newest own queue, all other features
anywhere in their ranges (Moore, Kearfott and Cloud, 'Introduction to Interval Analysis', SIAM 2009, ch. 6). If the
derivative's upper bound is not above 0, no observation exists at which more of its own packets in the queue would
make a flow push harder. Where the error changes its sign, momentum changes from pushing to yielding, which is a fall
as well. Roundings of the integers are monotone and cannot break this.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from astraea.congestion.connection.fixed_point import ONE
from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.policy.law import FAST, FASTER, LAW
from astraea.congestion.policy.policy import Policy
from astraea.congestion.policy.residual import REACH, TURNED
from astraea.errors import InputError

__all__ = ["Certificate", "certify"]

Bounds = tuple[float, float]


@dataclass(frozen=True)
class Certificate:
    """Bounds on the change of the action per doubling of the own queue."""

    steepest: float
    flattest: float

    @property
    def holds(self) -> bool:
        """Whether the action never rises with the own queue."""
        return self.flattest <= 0.0


@dataclass(frozen=True)
class _Known:
    """What is known of a quantity: bounds of its value and of its derivative by the own queue."""

    value: Bounds
    slope: Bounds = (0.0, 0.0)

    def __add__(self, other: _Known) -> _Known:
        return _Known(_sum(self.value, other.value), _sum(self.slope, other.slope))

    def __sub__(self, other: _Known) -> _Known:
        return self + other.times(-1.0)

    def __mul__(self, other: _Known) -> _Known:
        slope = _sum(_product(self.slope, other.value), _product(self.value, other.slope))
        return _Known(_product(self.value, other.value), slope)

    def times(self, factor: float) -> _Known:
        return _Known(_product(self.value, (factor, factor)), _product(self.slope, (factor, factor)))

    def least(self, other: _Known) -> _Known:
        """Return the smaller of the two: where either may be, its derivative is one of both."""
        if self.value[1] < other.value[0]:
            return self
        if other.value[1] < self.value[0]:
            return other
        value = (min(self.value[0], other.value[0]), min(self.value[1], other.value[1]))
        return _Known(value, _hull(self.slope, other.slope))

    def most(self, other: _Known) -> _Known:
        return self.times(-1.0).least(other.times(-1.0)).times(-1.0)

    def within(self, low: float, high: float) -> _Known:
        return self.most(_Known((low, low))).least(_Known((high, high)))

    def power_of_two(self) -> _Known:
        value = (2.0 ** self.value[0], 2.0 ** self.value[1])
        return _Known(value, _product(_product(value, (math.log(2), math.log(2))), self.slope))


def certify(policy: Policy) -> Certificate:
    """Return what interval arithmetic proves of ``policy``.

    Of a residual, whatever its network says. Raises :class:`astraea.errors.InputError` for a plain network.
    """
    if policy.header.kind in ("network", "quantised"):
        raise InputError("only a law can be certified: a network's bounds would say nothing")
    p = _numbers(policy)
    ranges = {field.name: (field.low, field.high) for field in ObservationSettings().fields}
    own = _Known(ranges["own_queue"], (1.0, 1.0))
    past, loss, sent = _Known(ranges["own_queue"]), _Known(ranges["loss"]), _Known(ranges["sent_change"])
    pipe, rate, interval = (_Known(ranges[name]) for name in ("pipe", "rate", "interval"))
    zero, one = _Known((0.0, 0.0)), _Known((1.0, 1.0))

    fast = (rate - _Known((FAST / ONE, FAST / ONE))).most(zero).times(FASTER / ONE)
    target = p["target"] + p["target_rate"] * rate + fast
    cost = p["loss_cut"] * (loss - p["loss_free"]).most(zero)
    whole = target - own - cost
    base = p["gain"] + target - pipe + p["gain_interval"] * interval
    pace = p["momentum"] * interval.within(-math.inf, 0.0).power_of_two() * _Known((3.0, 3.0))
    alone = []
    above = _Known((max(whole.value[0], 0.0), whole.value[1]), whole.slope)
    below = _Known((whole.value[0], min(whole.value[1], 0.0)), whole.slope)
    for error, lasting, going in (
        (above, (target - own.most(past)).most(zero), sent.most(zero)),
        (below, (own.least(past) - target).most(zero), sent.least(zero)),
    ):
        gain = base + p["haste"] * lasting.least(p["haste_most"])
        alone.append((gain.least(p["gain_most"]).power_of_two() * error + pace * going).within(-1.0, 1.0))
    step = _Known(_hull(alone[0].value, alone[1].value), _hull(alone[0].slope, alone[1].slope))

    strange = (past - pipe - p["rival_queue"]).least(past - target - p["rival_excess"])
    rivals = (p["rival_slope"] * strange).within(0.0, 1.0)  # or 0, which lies within
    growth = (p["rival_growth"] - p["rival_scale"] * pipe).power_of_two()
    among = (growth - p["rival_cut"] * (loss - p["rival_free"]).most(zero)).within(-1.0, 1.0)
    action = step * (one - rivals) + among * rivals
    return Certificate(*action.slope)


def _numbers(policy: Policy) -> dict[str, _Known]:
    """Return what is known of the law's numbers: of those that a network turns, blind to the own queue, bounds."""
    turned = TURNED if policy.header.kind == "residual" else ()
    known = {}
    for number, w in zip(LAW, (policy.weights[: len(LAW)] / ONE).tolist(), strict=True):
        reach = REACH if number.name in turned else 0.0
        known[number.name] = _Known((max(w - reach, min(w, number.low)), min(w + reach, max(w, number.high))))
    return known


def _sum(a: Bounds, b: Bounds) -> Bounds:
    return a[0] + b[0], a[1] + b[1]


def _product(a: Bounds, b: Bounds) -> Bounds:
    ends = [x * y for x in a for y in b]
    return min(ends), max(ends)


def _hull(a: Bounds, b: Bounds) -> Bounds:
    return min(a[0], b[0]), max(a[1], b[1])
