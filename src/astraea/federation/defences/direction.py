"""Which way a change goes, beside how far: length alone cannot tell a hostile client from one that has much data.

A model of zeros may lie no further away than an honest visit goes, and a client with most of the data goes twenty times
as far as others. But the first goes back on what others learned, and the second the way that all go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from astraea.federation.defences.base import Guard
from astraea.federation.defences.clip import Clip, lost, too_long
from astraea.federation.sketch import WIDTH, cosine, sketched

if TYPE_CHECKING:
    from astraea.federation.plan import ChainState, VisitReport
    from astraea.federation.walk import Walk

__all__ = ["Direction"]

_OTHERS = 3
"""Other clients whose directions must be known before they count."""

_KEPT = 100
"""Clients whose directions are remembered: those of the latest rounds."""

_ALONG, _SURE = 0.5, 0.8
"""Cosines from which a change counts as going the way of the others, and as doing so beyond doubt."""

_DIRECTION, _WHOSE = "direction", "whose"  # in the memory: the last direction of each client ``(n, WIDTH)``, and whose


class Direction(Clip, name="direction"):
    """Clipped as by clip, and discarded where changes go far back on what other clients do.

    A change is compared with the mean direction of the last changes of other clients, each of which has one vote
    however far it went. What it goes back on them, its length times the cosine, may be ``back`` medians of pace, and
    half of that for a client that says it holds more than it counts for (``balance.most_samples``). Far longer changes
    are spared, for newness or for size, only where they go the way of the others. Those of a large client that does so
    beyond doubt, now and in its change before, may go ``longer``. What a client claims buys it no pace: a client that
    counts for less than it says is taken to do the steps of the median one.
    """

    sketches: ClassVar[bool] = True

    back: float = Field(
        1.5,
        gt=0,
        allow_inf_nan=False,
        description="How far back on the direction of others a change may go, in medians of pace, before it is "
        "discarded; for clients that say they hold more than they count for, half of it.",
    )
    longer: float = Field(
        1.0,
        ge=1,
        allow_inf_nan=False,
        description="How many times as far as others a client may go that says it holds more than it counts for, where "
        "it goes the way of others beyond doubt (a cosine of 0.8), and they have gone its own since.",
    )
    farthest: float = Field(
        60.0,
        gt=0,
        allow_inf_nan=False,
        description="Pace from which a change is discarded whichever way it goes, in medians, where spare_large spares "
        "large clients.",
    )

    def remember(self, memory: Mapping[str, Tensor], reports: Iterable[VisitReport]) -> dict[str, Tensor]:
        """Return what is remembered after a round of these ``reports``: the last direction of each client too."""
        told = list(reports)
        kept = super().remember(memory, told)
        last = dict(zip(*_known(memory), strict=True))
        for report in told:
            if report.direction:
                last.pop(report.client, None)  # so that the latest come last
                last[report.client] = _unpacked(report.direction)
        latest = list(last.items())[-_KEPT:]
        if latest:
            kept[_DIRECTION] = torch.from_numpy(np.stack([direction for _, direction in latest]))
            kept[_WHOSE] = torch.tensor([client for client, _ in latest], dtype=torch.int64)
        return kept

    def prepared(self, memory: Mapping[str, Tensor]) -> Seen:
        """Return the directions that are remembered, added up once for all visits of a round."""
        return Seen(dict(zip(*_known(memory), strict=True)))

    def _looked_at(
        self, before: ChainState, after: ChainState, report: VisitReport, walk: Walk, guard: Guard
    ) -> tuple[float, VisitReport]:
        direction, length = report.direction, report.length
        if direction is None or length is None:
            length, direction = sketched(after.params, before.params, walk.plan.seed)
        report = report._replace(direction=direction)
        seen: Seen = guard.ready
        if not seen.last:  # in the first round, what there is of this chain
            seen = Seen({one.client: _unpacked(one.direction) for one in walk.reports if one.direction})
        others = seen.others(report.client)
        if not direction or others is None:
            return length, report
        own = seen.last.get(report.client)
        stood = None if own is None else cosine(own, others)
        return length, report._replace(agrees=cosine(_unpacked(direction), others), stood=stood)

    def _unit(self, report: VisitReport, walk: Walk) -> float:
        if report.bounded and walk.plan.typical is not None:
            report = report._replace(samples=min(walk.plan.typical * walk.plan.training.epochs, report.samples))
        return super()._unit(report, walk)

    def _refused(self, length: float, usual: float, report: VisitReport, walk: Walk, guard: Guard) -> str | None:
        agrees = report.agrees
        if agrees is None:
            return super()._refused(length, usual, report, walk, guard)
        back = self.back / 2 if report.bounded else self.back
        if -agrees * length > back * usual:
            return (
                f"its change goes back on those of others (cosine {agrees:.2f}) by "
                f"{-agrees * length / usual if usual else np.inf:.3g} times the usual length: {back:g} is allowed"
            )
        if length <= self.discard * usual:
            return None
        if self.spare_large and report.bounded:
            if agrees >= _ALONG and length <= self.farthest * usual:
                return None
        elif agrees >= 0 and (lost(walk) or self._new(report, guard)):
            return None
        return too_long(length, usual, self.discard)

    def _most(self, report: VisitReport) -> float:
        if report.bounded and report.agrees is not None and report.stood is not None:
            return self.multiple * (self.longer if min(report.agrees, report.stood) >= _SURE else 1.0)
        return self.multiple


class Seen:
    """The last direction of each client."""

    __slots__ = ("_sum", "last")

    def __init__(self, last: Mapping[int, NDArray[Any]]) -> None:
        self.last = last
        self._sum: NDArray[np.float64] = np.zeros(WIDTH)
        for direction in last.values():
            self._sum += direction

    def others(self, client: int) -> NDArray[Any] | None:
        """Return the sum of the directions of all but this client, ``None`` if too few others are known."""
        own = self.last.get(client)
        if len(self.last) - (own is not None) < _OTHERS:
            return None
        return self._sum if own is None else np.subtract(self._sum, own)


def _unpacked(direction: bytes) -> NDArray[np.float32]:
    return np.frombuffer(direction, np.float32)


def _known(memory: Mapping[str, Tensor]) -> tuple[list[int], list[NDArray[Any]]]:
    """Return the clients whose directions are remembered, and these."""
    directions = memory.get(_DIRECTION, torch.empty((0, WIDTH)))
    return memory.get(_WHOSE, torch.empty(0, dtype=torch.int64)).tolist(), list(directions.numpy())
