"""Global label distributions: how many samples of each class a federation holds in all.

Each distribution gives relative weights, shape ``(N,)``, in label order, the commonest class first unless said
otherwise; :func:`class_counts` turns weights into whole numbers that the training pool can supply.
"""

from __future__ import annotations

import string
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from astraea.data.apportion import largest_remainder, water_fill
from astraea.errors import InputError
from astraea.parts import Part

__all__ = [
    "EMNIST_CHARACTERS",
    "AsIs",
    "Balanced",
    "Counts",
    "HalfNormal",
    "LabelDistribution",
    "LetterFrequency",
    "Linear",
    "LongTail",
    "Zipf",
    "class_counts",
    "letter_frequency",
]

EMNIST_CHARACTERS = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt")
"""The 47 classes of EMNIST Balanced and ByMerge in label order; 15 letters have both cases in one class."""

# Percent of letters in English text, a to z: R. E. Lewand, Cryptological Mathematics (2000), table 1.1.
# fmt: off
_PERCENT = (
    8.167, 1.492, 2.782, 4.253, 12.702, 2.228, 2.015, 6.094, 6.966, 0.153, 0.772, 4.025, 2.406,
    6.749, 7.507, 1.929, 0.095, 5.987, 6.327, 9.056, 2.758, 0.978, 2.360, 0.150, 1.974, 0.074,
)
# fmt: on
_ENGLISH = dict(zip(string.ascii_lowercase, _PERCENT, strict=True))


class LabelDistribution(Part, kind="label distribution", default="as-is"):
    """How many samples of each class a federation holds in all; classes in label order."""

    @abstractmethod
    def weights(self, class_names: Sequence[str], pool: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the relative weight of each class, ``(N,)``; ``pool`` ``(N,)`` counts the training samples of each."""

    @property
    def samples(self) -> int | None:
        """How many samples to take if nobody says; ``None`` for as many as the shape permits."""
        return None


class AsIs(LabelDistribution, name="as-is"):
    """As the training set has them."""

    def weights(self, class_names: Sequence[str], pool: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the counts themselves."""
        return pool.astype(np.float64)


class Balanced(LabelDistribution, name="balanced"):
    """Every class the same."""

    def weights(self, class_names: Sequence[str], pool: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return ones."""
        return np.ones(len(class_names))


class LetterFrequency(LabelDistribution, name="letter-frequency"):
    """Letters as often as in English text, digits at their mean; the same imbalance for other classes."""

    def weights(self, class_names: Sequence[str], pool: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what :func:`letter_frequency` does."""
        return letter_frequency(class_names)


class HalfNormal(LabelDistribution, name="half-normal"):
    """The density of a half-normal distribution at the middle of equal bins on [0, 3 sigma]."""

    def weights(self, class_names: Sequence[str], pool: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the density, 1 for the first class.

        With 10 classes and 18,000 samples of the first this is the imbalanced CINIC-10 of Duan et al. (ICCD 2019,
        TPDS 2021): 75,851 samples, KL divergence to uniform 0.3885.
        """
        middle = 3 / len(class_names) * (np.arange(len(class_names)) + 0.5)
        weights: NDArray[np.float64] = np.exp((middle[0] ** 2 - middle**2) / 2)
        return weights


class Zipf(LabelDistribution, name="zipf"):
    """The class of rank r in proportion to r^-s."""

    exponent: float = Field(2.0, ge=0, description="Exponent s.")

    def weights(self, class_names: Sequence[str], pool: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return ``r ** -exponent``, r = 1..N."""
        weights: NDArray[np.float64] = np.arange(1.0, len(class_names) + 1) ** -self.exponent
        return weights


class Linear(LabelDistribution, name="linear"):
    """N, N-1, ..., 1."""

    def weights(self, class_names: Sequence[str], pool: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the ranks from the last."""
        return np.arange(len(class_names), 0, -1).astype(np.float64)


class LongTail(LabelDistribution, name="long-tail"):
    """Exponential decay, the usual long-tailed benchmark (Cui et al., CVPR 2019; Cao et al., NeurIPS 2019)."""

    factor: float = Field(100.0, ge=1, description="First class to last class.")

    def weights(self, class_names: Sequence[str], pool: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return weights of which the first is ``factor`` times the last."""
        classes = len(class_names)
        return np.power(float(self.factor), -np.arange(classes) / max(classes - 1, 1))


class Counts(LabelDistribution, name="counts"):
    """Your own numbers."""

    counts: tuple[int, ...] = Field(description="Samples of each class; relative where scenario.samples is set too.")

    @field_validator("counts", mode="before")
    @classmethod
    def _from_array(cls, given: Any) -> Any:
        return given.tolist() if isinstance(given, np.ndarray) else given

    @property
    def samples(self) -> int:
        """Their sum."""
        return sum(self.counts)

    def weights(self, class_names: Sequence[str], pool: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the counts; raises :class:`InputError` unless there is one of 0 or more for each class."""
        counts = self.counts
        if len(counts) != len(class_names):
            raise InputError(
                f"scenario.labels.counts has {len(counts)} numbers, the data {len(class_names)} classes: give one each"
            )
        if min(counts) < 0:
            raise InputError(
                f"scenario.labels.counts has {min(counts)} for class '{class_names[int(np.argmin(counts))]}': "
                "use 0 or more"
            )
        return np.array(counts, dtype=np.float64)


def letter_frequency(class_names: Sequence[str]) -> NDArray[np.float64]:
    """Letters as often as in English text, whatever their case; digits at the mean of the letters.

    * 47 classes are EMNIST's in label order. This is our reconstruction of LTRF1 of Duan et al.: with 117,500
      samples, 2,500 of each digit, 7,397 of 'E' and as many of 'e', 43 of 'Z'; KL to uniform 0.265.
    * Classes that are all named by one letter or digit (26 letters, 62 characters) go by their names.
    * Any other number of classes takes the 47 weights sorted from the commonest, read at N equally spaced
      quantiles: the same imbalance for 46 classes of another script as for 10 kinds of clothes.
    """
    characters = EMNIST_CHARACTERS if len(class_names) == len(EMNIST_CHARACTERS) else tuple(class_names)
    known = [name.lower() in _ENGLISH for name in characters]
    if any(known) and all(is_letter or _is_digit(name) for is_letter, name in zip(known, characters, strict=True)):
        letters = np.array([_ENGLISH.get(name.lower(), np.nan) for name in characters])
        return np.where(np.isnan(letters), np.nanmean(letters), letters)
    profile = np.sort(letter_frequency(EMNIST_CHARACTERS))[::-1]
    places = (np.arange(len(class_names)) + 0.5) / len(class_names) * len(profile) - 0.5
    return np.interp(places, np.arange(len(profile)), profile)


def class_counts(
    weights: NDArray[np.float64],
    available: NDArray[np.int64],
    class_names: Sequence[str],
    samples: int | None = None,
    minimum: int = 1,
) -> tuple[NDArray[np.int64], str | None]:
    """Return whole counts (N,) in proportion to ``weights`` that ``available`` (N,) can supply, and a note.

    ``samples`` is their sum; ``None`` takes as many as the shape permits. Each class of positive weight gets
    at least ``minimum``, at the cost of the others. Where a class has fewer samples than asked for, all
    counts are scaled by one factor, which keeps the shape, and the note says so in one sentence.

    Raises :class:`InputError` if a class of positive weight has fewer than ``minimum`` samples, if there are
    fewer than ``minimum`` for each, or if no class has positive weight.
    """
    asked = np.flatnonzero(weights > 0)
    if not len(asked):
        raise InputError("the label distribution asks for no sample of any class: give some class a positive count")
    share, pool = weights[asked], available[asked]
    names = [class_names[c] for c in asked.tolist()]
    _check_supply(pool, names, minimum)
    if samples is not None and samples < minimum * len(asked):
        raise InputError(
            f"{samples} samples cannot give {minimum} to each of {len(asked)} classes: "
            "raise scenario.samples or lower scenario.min_per_class"
        )

    counts = np.zeros(len(weights), dtype=np.int64)
    most = np.maximum((pool / share).min() * share, minimum)
    if samples is None:
        counts[asked] = np.rint(most)
        return counts, None
    wanted = water_fill(share, samples, minimum)
    if (wanted <= most).all():
        counts[asked] = largest_remainder(wanted)
        return counts, None
    counts[asked] = np.rint(np.minimum(wanted, most))
    if counts.sum() == samples:
        return counts, None
    scarce = int((pool / share).argmin())
    return counts, (
        f"Class '{names[scarce]}' has {pool[scarce]:,} training samples where "
        f"{wanted[scarce]:,.0f} are asked for: all counts are scaled by {most[scarce] / wanted[scarce]:.3g}, "
        f"to {counts.sum():,} samples instead of {samples:,}."
    )


def _is_digit(name: str) -> bool:
    return len(name) == 1 and name in "0123456789"


def _check_supply(pool: NDArray[np.int64], names: Sequence[str], minimum: int) -> None:
    scarce = int(pool.argmin())
    if pool[scarce] == 0:
        raise InputError(
            f"class '{names[scarce]}' has no training sample but the label distribution asks for some: "
            "set scenario.labels to 'as-is', or to 'counts' with 0 for it"
        )
    if pool[scarce] < minimum:
        raise InputError(
            f"class '{names[scarce]}' has {pool[scarce]} training samples, "
            f"fewer than scenario.min_per_class = {minimum}: lower it"
        )
