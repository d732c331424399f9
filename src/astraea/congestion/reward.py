"""What flows are trained for: one reward that all of a world share, or, for comparison, each flow's own.

The five terms are those of Astraea (EuroSys'24): throughput, latency, loss, fairness, stability. There, the unit
of the latency term is not given, and with seconds times packets per second a few milliseconds of queue outweigh
all throughput, so that sending nothing is best. Here each term lies in [0, 1] by construction:

    throughput   sum of delivery rates / sum of max-min shares, at most 1
    latency      mean queueing delay beyond a tolerance / (base RTT + tolerance), at most 1
    loss         packets lost / packets sent, in the last intervals of all flows together
    fairness     coefficient of variation of (mean delivery rate / max-min share) / sqrt(flows - 1);
                 1 if one flow has all; Jain's index is 1 / (1 + (flows - 1) * fairness**2)
    stability    mean over flows of (standard deviation / mean) of the delivery rate, at most 1
    distance     mean over flows of |rate - share| / max(rate, share): 0 at the max-min allocation

    reward = throughput - latency - loss - fairness - stability, or = 1 - distance - latency - loss,

each with its coefficient. With a *credit*, that much of a flow's reward is for its own terms, and the rest for those of
all: it tells a flow among fifty what it did itself. Rates are those of a flow's last interval, means and deviations
those of its last ``window`` intervals. A flow counts from its first interval on. Max-min shares count cross traffic as
flows.
Since every term is bounded, a world in which nothing is sent gains at most the coefficients of latency and loss
over a full one: keep their sum (at the losses to expect) below the throughput's.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import Floats, Rows, dtype_of, rows
from astraea.congestion.observation.frames import FRAMES, Frame, History, frame_at
from astraea.congestion.settings import Settings
from astraea.congestion.simulator.state import ACTIVE, Flow

__all__ = ["COEFFICIENTS", "PUBLISHED", "TERMS", "RewardSettings", "coefficients", "judge", "reward_of"]

TERMS = ("throughput", "latency", "loss", "fairness", "stability", "distance")


class Coefficients:
    """The settings as compiled code reads them."""

    throughput: float
    latency: float
    loss: float
    fairness: float
    stability: float
    distance: float
    constant: float
    limit: float
    tolerance: float
    tolerance_packets: float
    window: int
    credit: float


COEFFICIENTS = dtype_of(Coefficients)


class RewardSettings(Settings):
    """What counts how much."""

    kind: Literal["cooperative", "max-min", "own"] = Field(
        "cooperative",
        description="'cooperative': all flows' terms together; 'max-min': nearness to the max-min allocation in "
        "place of throughput, fairness and stability; 'own': each flow's terms alone",
    )
    credit: float = Field(
        0.0,
        ge=0,
        le=1,
        description="how much a flow's own terms count in its reward, the rest being those of all; 'own' is 1",
    )
    throughput: float = Field(1.0, ge=0, description="coefficient of the throughput (or 1 - distance)")
    latency: float = Field(0.3, ge=0, description="coefficient of the latency")
    loss: float = Field(2.0, ge=0, description="coefficient of the loss")
    fairness: float = Field(1.0, ge=0, description="coefficient of the unfairness")
    stability: float = Field(0.1, ge=0, description="coefficient of the instability")
    tolerance: float = Field(0.1, ge=0, description="queueing delay that costs nothing, in base RTTs")
    tolerance_packets: float = Field(2.0, ge=0, description="the same in packets a flow; the larger of the two counts")
    window: int = Field(5, ge=2, le=FRAMES, description="intervals over which means and deviations are taken")
    limit: float = Field(1.0, gt=0, description="the reward is held within plus and minus this")


PUBLISHED = RewardSettings(
    throughput=0.1, latency=0.02, loss=1.0, fairness=0.02, stability=0.01, limit=0.1, tolerance=0.5, tolerance_packets=0
)
"""The published coefficients, on this page's normalised terms (the tolerance was not published)."""


def coefficients(settings: RewardSettings) -> Rows[Coefficients]:
    """Return ``settings`` as the row, shape ``(1,)``, that compiled code reads."""
    made: Rows[Coefficients] = rows(1, COEFFICIENTS)
    row = made[0]
    near = settings.kind == "max-min"
    row.throughput = 0.0 if near else settings.throughput
    row.constant = row.distance = settings.throughput if near else 0.0
    row.latency = settings.latency
    row.loss = settings.loss
    row.fairness = 0.0 if near else settings.fairness
    row.stability = 0.0 if near else settings.stability
    row.limit = settings.limit
    row.tolerance = settings.tolerance
    row.tolerance_packets = settings.tolerance_packets
    row.window = settings.window
    row.credit = 1.0 if settings.kind == "own" else settings.credit
    return made


@inlined
def judge(
    flows: Rows[Flow],
    count: int,
    frames: Rows[Rows[Frame]],
    histories: Rows[History],
    shares: Floats,
    bases: Floats,
    c: Coefficients,
    only: int,
    terms: Floats,
) -> None:
    """Write the terms of a world's agents, or of agent ``only`` (-1: of all), into ``terms``, shape ``(6,)``.

    ``shares`` are in packets per second, ``bases`` true base RTTs in microseconds, both of shape ``(flows,)``.
    """
    n = 0
    share_sum = rate_sum = x_sum = x_square = queue = tolerance = base = sent = lost = unsteady = distance = 0.0
    for i in range(count):
        f = flows[i]
        if f.external and f.phase == ACTIVE and histories[i].count > 0:
            share_sum += shares[i]
            if only >= 0 and i != only:
                continue
            n += 1
            mean, deviation = _spread(frames[i], histories[i], c.window)
            newest = frame_at(frames[i], histories[i], 0)
            silent = frames[i][histories[i].count & (FRAMES - 1)].duration if histories[i].open else 0
            rate = 1e6 * newest.delivered / (newest.duration + silent)
            share = max(shares[i], 1e-9)
            rate_sum += rate
            x_sum += mean / share
            x_square += (mean / share) ** 2
            unsteady += min(deviation / mean, 1.0) if mean > 0.0 else 0.0
            distance += abs(rate - share) / max(rate, share)
            queue += max(newest.rtt_sum / max(newest.delivered, 1) - bases[i], 0.0)
            tolerance += max(c.tolerance * bases[i], 1e6 * c.tolerance_packets / share)
            base += bases[i]
            sent += newest.sent
            lost += newest.lost
    for k in range(len(terms)):
        terms[k] = 0.0
    if n == 0:
        return
    terms[0] = min(rate_sum / share_sum, 1.0) if share_sum > 0.0 else 0.0
    terms[1] = min(max(queue - tolerance, 0.0) / (base + tolerance), 1.0)
    terms[2] = min(lost / max(sent, 1.0), 1.0)
    if n > 1 and x_sum > 0.0:
        variance = max(n * x_square / (x_sum * x_sum) - 1.0, 0.0)
        terms[3] = math.sqrt(variance / (n - 1))
    terms[4] = unsteady / n
    terms[5] = distance / n


@inlined
def _spread(frames: Rows[Frame], history: History, window: int) -> tuple[float, float]:
    """Return mean and standard deviation of the delivery rate of the last frames, in packets per second."""
    held = min(window, history.count)
    total = square = 0.0
    for back in range(held):
        frame = frame_at(frames, history, back)
        rate = 1e6 * frame.delivered / frame.duration
        total += rate
        square += rate * rate
    mean = total / held
    return mean, math.sqrt(max(square / held - mean * mean, 0.0))


@inlined
def reward_of(terms: Floats, c: Coefficients) -> float:
    """Return the reward that ``terms`` earn under the coefficients ``c``."""
    total: float = (
        c.constant
        + c.throughput * terms[0]
        - c.latency * terms[1]
        - c.loss * terms[2]
        - c.fairness * terms[3]
        - c.stability * terms[4]
        - c.distance * terms[5]
    )
    return float(min(max(total, -c.limit), c.limit))
