"""What is to be noted of the scale of samples: that of pictures was recognised, and other numbers come as they are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from astraea.data.dataset import Samples
from astraea.data.form import Form
from astraea.data.layout import DEPTHS
from astraea.data.packing import unpack

__all__ = ["dark", "scale_notes", "spread_notes"]

_UNLIKE = 100.0  # times that spreads may differ, and be above or below 1
_DARK = 8  # pictures whose largest value is so much below full scale may have another
_WIDE = 10.0  # values of pictures that were brought to no scale
_MANY = 1 << 16  # samples from which spreads are taken


def scale_notes(samples: Samples, *, said: bool) -> tuple[str, ...]:
    """Return what is to be noted of training samples; ``said``: their scale was."""
    form = samples.form
    if form.inputs:
        parts = unpack(samples.x, form.inputs)
        numbers = [one for one in form.inputs if one.kind in ("vector", "sequence") and "float" in one.dtype]
        told = [(f"of '{one.name}'", _by_feature(parts[one.name], one.kind)) for one in numbers]
        return tuple(note for name, values in told for note in spread_notes(values, name))
    if form.kind in ("vector", "sequence"):
        what = "of the features" if form.kind == "vector" else "of the channels"
        return spread_notes(_by_feature(samples.x, form.kind), what)
    return () if said or form.kind == "codes" else tuple(_of_pictures(samples.x, form))


def spread_notes(values: NDArray[np.generic], what: str, mend: str | None = None) -> tuple[str, ...]:
    """Note numbers ``(n, features)`` that a network cannot learn from equally, or at all, as they are.

    Their standard deviations differ a hundredfold, or are all a hundred times 1 or a hundredth of it.
    """
    if len(values) < 2:
        return ()
    spread = values[:_MANY].std(axis=0, dtype=np.float64)
    spread = spread[spread > 0]
    if not len(spread):
        return ()
    low, high = float(spread.min()), float(spread.max())
    mend = mend or "divide each by its standard deviation"
    if high >= _UNLIKE * low:
        told = f"The spread {what} differs by a factor of {high / low:,.0f}: {mend}, or the smallest will count for "
        return (told + "nothing.",)
    if low >= _UNLIKE or high <= 1 / _UNLIKE:
        return (f"The spread {what} is {low:.3g} to {high:.3g}, far from 1: {mend}, or training may fail.",)
    return ()


def dark(high: float, white: float) -> tuple[str, ...]:
    """Note pictures whose largest value ``high`` is far below what was taken for ``white``."""
    if high * _DARK > white or high <= 0:
        return ()
    told = f"The largest value of the pictures is {high:g}, and they are divided by {white:g}: if {high:g} is white, "
    return (told + f"set scale (data.scale) to {high:g}.",)


def _of_pictures(x: NDArray[np.generic], form: Form) -> Iterator[str]:
    """Note pictures and volumes that use little of the scale that was taken for theirs, or were given none."""
    low, high = (float(x.min()), float(x.max())) if x.size else (0.0, 0.0)
    if form.scale >= DEPTHS[0]:
        yield from dark(high * (1 if x.dtype == np.uint8 else form.scale), form.scale)
    elif max(-low, high) > _WIDE and form.scale == 1:
        yield (
            f"The values of the {form.kind}s go from {low:g} to {high:g} and are not divided by anything: set scale "
            "(data.scale) to what is to become 1."
        )


def _by_feature(x: NDArray[np.generic], kind: str) -> NDArray[np.generic]:
    """Return values ``(rows, features)``; of sequences ``(n, channels, time)`` a row for each moment."""
    x = x[:_MANY]
    if kind == "sequence" and x.ndim == 3:
        x = x[:, :, :: max(1, x.shape[2] // 64)].transpose(0, 2, 1).reshape(-1, x.shape[1])
    return x.reshape(len(x), -1)
