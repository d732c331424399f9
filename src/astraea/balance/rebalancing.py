"""Which classes to augment or to thin out, and by how much: both papers' rules.

A rule reads nothing but the global class counts. What it decides, a :class:`Rebalancing`, is the same for
all clients; each applies it to its own samples (:mod:`astraea.balance.augmentation`).
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from astraea.balance.divergence import kl_to_uniform
from astraea.balance.histograms import as_counts
from astraea.errors import InputError
from astraea.parts import Part

__all__ = [
    "EVEN",
    "AutoRebalancing",
    "MeanPower",
    "NoRebalancing",
    "Rebalancing",
    "RebalancingRule",
    "ZScore",
    "rebalancing",
    "rebalancing_of_held",
    "storage_ratio",
]

EVEN = 0.01
"""KL divergence to uniform, in nats, up to which classes count as even and are left alone: the counts deviate from
their mean by a seventh (root mean square). Mean-power would double classes that are a single sample below it."""

# Ratios of counts closer than this, relatively, are equal: it is far above rounding and far below 1 sample.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Rebalancing:
    """What becomes of a sample of each class.

    ``copies`` has shape ``(N,)``: augmented samples to add for each original one, from 0, fractions being
    expected values. ``keep`` has shape ``(N,)``: the share of the originals to keep, above 0 and up to 1.

    Raises :class:`InputError` for values out of these ranges and for shapes that differ.
    """

    copies: NDArray[np.float64]
    keep: NDArray[np.float64]

    def __post_init__(self) -> None:
        copies, keep = as_counts(self.copies, "copies", ndim=1), as_counts(self.keep, "keep", ndim=1)
        if copies.shape != keep.shape or not ((keep > 0) & (keep <= 1)).all():
            raise InputError("a rebalancing needs copies and a keep above 0 and up to 1 for each class")
        for name, values in (("copies", copies), ("keep", keep)):
            values.setflags(write=False)
            object.__setattr__(self, name, values)

    def expected_counts(self, counts: ArrayLike) -> NDArray[np.float64]:
        """Return what ``counts``, shape ``(..., N)``, become on average: ``counts * keep * (1 + copies)``."""
        return as_counts(counts, "counts") * self.keep * (1 + self.copies)


class RebalancingRule(Part, kind="rebalancing rule", default="auto"):
    """Which classes are augmented or thinned out, and by how much."""

    @abstractmethod
    def change(self, counts: NDArray[np.float64]) -> Rebalancing:
        """Return what becomes of classes that have ``counts`` ``(N,)`` samples over all clients, not all zero."""


def rebalancing(
    class_counts: ArrayLike, rule: str | RebalancingRule = "mean-power", **parameters: float
) -> Rebalancing:
    """Return what ``rule`` does to classes that have ``class_counts``, shape ``(N,)``, over all clients.

    Rules and their parameters:

    - ``"mean-power"`` (ICCD 2019): classes below the mean get ``floor((mean / C_y) ** alpha)`` copies of each
      sample. ``alpha`` is at least 0, recommended up to 1, by default 0.67.
    - ``"z-score"`` (TPDS 2021): classes whose z-score is below ``-1 / tau_down`` are augmented, those above
      ``tau_down`` thinned out. ``tau_down`` is above 0, recommended 3.0 to 3.5, by default 3.0.
    - ``"none"``: no class is changed.

    Classes whose divergence to uniform is at most :data:`EVEN` are left alone by every rule. A class without any
    sample cannot be augmented: it gets no copies, and a ``UserWarning`` names it.

    Raises :class:`InputError`, a ``ValueError``, for negative or all-zero counts, an unknown rule, a
    parameter that the rule does not take and one out of its range.
    """
    counts = as_counts(class_counts, "class counts", ndim=1)
    if not counts.any():
        raise InputError("class counts are all zero: there is no sample to rebalance")
    chosen = RebalancingRule.of(rule, **parameters)
    absent = np.flatnonzero(counts == 0)
    if len(absent) and not isinstance(chosen, NoRebalancing):
        listed = ", ".join(map(str, absent[:5])) + (", ..." if len(absent) > 5 else "")
        warnings.warn(f"no client has a sample of class {listed}: it cannot be rebalanced", stacklevel=2)
    change = chosen.change(counts)
    return _unchanged(counts) if kl_to_uniform(counts) <= EVEN else change


def rebalancing_of_held(class_counts: NDArray[np.integer], rule: RebalancingRule) -> Rebalancing:
    """Return what ``rule`` does to the classes that somebody holds, by their mean; the others are left alone.

    So further class names, of which no client has a sample, change nothing. Raises :class:`InputError` as
    :func:`rebalancing` does.
    """
    held = class_counts > 0
    change = rebalancing(class_counts[held], rule) if held.any() else rebalancing(class_counts, rule)
    copies, keep = np.zeros(len(held)), np.ones(len(held))
    copies[held], keep[held] = change.copies, change.keep
    return Rebalancing(copies, keep)


def storage_ratio(
    class_counts: ArrayLike, change: Rebalancing, storage: Literal["offline", "on-the-fly"] = "offline"
) -> float:
    """Return the expected storage of all clients after ``change``, relative to their original samples.

    ``"offline"`` stores the copies; ``"on-the-fly"`` stores the originals that are kept and nothing else.
    """
    counts = as_counts(class_counts, "class counts", ndim=1)
    stored = change.expected_counts(counts) if storage == "offline" else counts * change.keep
    return float(stored.sum() / counts.sum())


def _unchanged(counts: NDArray[np.float64]) -> Rebalancing:
    """Leave every class as it is."""
    return Rebalancing(np.zeros_like(counts), np.ones_like(counts))


class AutoRebalancing(RebalancingRule, name="auto"):
    """What the algorithm's recipe says: mean-power for Astraea, none for the others."""

    def change(self, counts: NDArray[np.float64]) -> Rebalancing:
        """Raise :class:`InputError`: a recipe must have decided before."""
        raise InputError("the rebalancing rule is 'auto', and no algorithm has decided it: name one")


class NoRebalancing(RebalancingRule, name="none"):
    """No class is changed."""

    def change(self, counts: NDArray[np.float64]) -> Rebalancing:
        """Leave every class as it is."""
        return _unchanged(counts)


class MeanPower(RebalancingRule, name="mean-power"):
    """Classes below the mean get copies of each sample (ICCD 2019)."""

    alpha: float = Field(
        0.67,
        ge=0,
        allow_inf_nan=False,
        description="Each sample gets floor((mean / count) ** alpha) copies; recommended 0 to 1.",
    )

    def change(self, counts: NDArray[np.float64]) -> Rebalancing:
        """Add ``floor((mean / C_y) ** alpha)`` copies to each sample of the classes below the mean.

        Duan et al., ICCD 2019, Algorithm 2. The paper leaves the rounding open: the floor, with the original
        kept beside its copies, is what reproduces its storage figures.
        """
        with np.errstate(divide="ignore"):
            ratio = counts.mean() / counts
        minority = (counts > 0) & (ratio > 1 + _ROUNDING)
        with np.errstate(over="ignore"):
            power = np.where(minority, ratio, 1.0) ** self.alpha
        if not np.isfinite(power).all():
            raise InputError(f"alpha is {self.alpha}: the number of copies overflows, choose at most 1 or 2")
        return Rebalancing(np.where(minority, np.floor(power * (1 + _ROUNDING)), 0.0), np.ones_like(counts))


class ZScore(RebalancingRule, name="z-score"):
    """Classes of low z-score are augmented, those of high z-score thinned out (TPDS 2021)."""

    tau_down: float = Field(
        3.0,
        gt=0,
        allow_inf_nan=False,
        description="Classes are thinned out above this z-score and augmented below -1 / tau_down; "
        "recommended 3.0 to 3.5.",
    )

    def change(self, counts: NDArray[np.float64]) -> Rebalancing:
        """Augment classes whose z-score is below ``-1 / tau_down``, thin out those above ``tau_down``.

        Duan et al., TPDS 32(1) 2021, Algorithm 2, as printed in its line 9 and with the population standard
        deviation, which reproduces the paper's storage figures: class ``y`` is brought to
        ``mean + std * sqrt(|Z_y| * tau_down)`` samples.
        """
        mean, deviation = counts.mean(), counts.std()
        if deviation <= _ROUNDING * mean:
            return _unchanged(counts)
        z = (counts - mean) / deviation
        rounding = _ROUNDING * np.maximum(1, np.abs(z))
        target = mean + deviation * np.sqrt(np.abs(z) * self.tau_down)
        ratio = np.divide(target, counts, out=np.ones_like(counts), where=counts > 0)
        minority, majority = z < -1 / self.tau_down - rounding, z > self.tau_down + rounding
        return Rebalancing(np.where(minority, ratio - 1, 0.0), np.where(majority, ratio, 1.0))
