"""The one rule by which every method's knobs are searched: from a start, a ladder's step at a time, until inside.

The first knob (the rate) goes up and down its ladder until both neighbours of the best are worse, then the next
knob, and all again until a sweep over the knobs moves nothing. So the best has been compared with both of its
neighbours on every ladder, but where a ladder of whole numbers ends. Rates at which training breaks down all score the
same, so where the next lower value scores as the best does, the search looks further down. A search is a function of
the scores known so far: it says what it needs next, and the same scores always lead it the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["FAILED", "Ladder", "Outcome", "Point", "point", "search"]

Point = tuple[tuple[str, float], ...]
"""A value for each knob, in the order of their names."""

_FLAT = 8
"""How far a search looks down a ladder without an end while all scores are the same: by factors of two, to 1/256."""

FAILED = float("-inf")
"""The score of a point that cannot be run, or whose run failed."""


class Ladder(BaseModel):
    """The values of a knob: a list, or without an end if each is the last times ``factor``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    values: tuple[float, ...] = ()
    factor: float | None = Field(None, gt=1)

    def neighbours(self, value: float) -> list[float]:
        """Return the next lower and the next higher value, as far as there are any."""
        if self.factor is not None:
            return [_rounded(value / self.factor), _rounded(value * self.factor)]
        below = [other for other in self.values if other < value]
        above = [other for other in self.values if other > value]
        return [*sorted(below)[-1:], *sorted(above)[:1]]


@dataclass(frozen=True)
class Outcome:
    """How far a search is: the best so far, every score that it used, and the points that it needs next, if any.

    ``likely`` are points that it needs later if the best so far stays the best.
    """

    best: Point
    tried: Mapping[Point, float]
    missing: tuple[Point, ...]
    likely: tuple[Point, ...] = ()

    @property
    def done(self) -> bool:
        """Whether the best is compared with all of its neighbours."""
        return not self.missing


def point(knobs: Mapping[str, float]) -> Point:
    """Return knobs as a point; whole numbers are written as such."""
    return tuple(sorted((name, int(value) if value == int(value) else value) for name, value in knobs.items()))


def search(
    start: Point,
    knobs: Sequence[str],
    ladders: Mapping[str, Ladder],
    score: Callable[[Point], float | None],
    possible: Callable[[Point], bool] = lambda _: True,
) -> Outcome:
    """Search ``knobs`` from ``start``; ``score`` says how good a point is, or ``None`` if that is not known yet.

    Points that are not ``possible`` are as if they were not on the ladder. Equal scores leave the best where it is,
    once up to eight values below it were looked at.
    """
    tried: dict[Point, float] = {}
    best = start
    while True:
        before = best
        for knob in knobs or ("",):
            while True:
                beside = [*_neighbours(best, knob, ladders), *_below(best, knob, ladders, score)]
                around = [found for found in dict.fromkeys(beside) if possible(found)]
                scores = {found: score(found) for found in (best, *around)}
                tried |= {found: value for found, value in scores.items() if value is not None}
                missing = tuple(found for found, value in scores.items() if value is None)
                if missing:
                    top = max(tried, key=lambda one: tried[one], default=start)
                    likely = [found for other in knobs for found in _neighbours(top, other, ladders)]
                    later = (found for found in likely if possible(found) and score(found) is None)
                    return Outcome(top, tried, missing, tuple(found for found in later if found not in missing))
                top = max(scores, key=lambda one: tried[one])
                if tried[top] <= tried[best]:
                    break
                best = top
        if best == before:
            return Outcome(best, tried, ())


def _neighbours(best: Point, knob: str, ladders: Mapping[str, Ladder]) -> list[Point]:
    knobs = dict(best)
    return [point(knobs | {knob: value}) for value in ladders[knob].neighbours(knobs[knob])] if knob in knobs else []


def _below(
    best: Point, knob: str, ladders: Mapping[str, Ladder], score: Callable[[Point], float | None]
) -> list[Point]:
    """Return the values below the best on a ladder without an end, to the first that does not score the same."""
    found: list[Point] = []
    ladder, knobs = ladders.get(knob), dict(best)
    while ladder and ladder.factor and knob in knobs and len(found) < _FLAT:
        knobs[knob] = ladder.neighbours(knobs[knob])[0]
        found.append(point(knobs))
        if score(best) is None or score(found[-1]) != score(best):
            break
    return found


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
