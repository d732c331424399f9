"""Which axis of a sample is which: told from the shape, and from the values where the shape does not tell."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DEPTHS",
    "LAYOUTS",
    "ONE_CHANNEL",
    "Kind",
    "Values",
    "channel_axis",
    "channel_end",
    "full_scale",
    "layout_doubt",
    "looks_like_images",
    "time_axis",
]

Kind = Literal["image", "sequence", "vector", "codes", "volume", "inputs"]
"""``image`` (C, H, W), ``sequence`` (channels, time), ``vector`` (features,): numbers. ``codes``: integers that name
things or count them, in any shape. ``volume``: numbers in any other shape. ``inputs``: several of these, by name."""

LAYOUTS: dict[str, tuple[Kind, tuple[int, ...]]] = {
    "HW": ("image", (0, 1)),
    "CHW": ("image", (0, 1, 2)),
    "HWC": ("image", (2, 0, 1)),
    "T": ("sequence", (0,)),
    "CT": ("sequence", (0, 1)),
    "TC": ("sequence", (1, 0)),
    "F": ("vector", (0,)),
    "DHW": ("volume", (0, 1, 2)),
    "CDHW": ("volume", (0, 1, 2, 3)),
    "DHWC": ("volume", (3, 0, 1, 2)),
}
"""Axes of one sample as it comes, the kind that they make, and the order in which models get them: C channels,
H height, W width, D depth, T time, F features. ``HW``, ``DHW`` and ``T`` get one channel."""

ONE_CHANNEL = ("HW", "DHW", "T")
DEPTHS = (255, 4095, 65_535)  # full scale of 8, 12 and 16 bits
_LEAST_SIDE = 8
_LONGEST_IMAGE = 4
_SMOOTHER = 4.0


class Values(NamedTuple):
    """What is known of an array's values; ``whole``: they are all whole numbers."""

    low: float
    high: float
    whole: bool


def full_scale(high: float) -> float | None:
    """Return the full scale of 8, 12 or 16 bits that values up to ``high`` may have; ``None`` if they have none."""
    return next((float(full) for full in DEPTHS if high <= full), None)


def looks_like_images(x: NDArray[np.generic], values: Values) -> bool:
    """Whether (n, A, B) are images: square ones of 8 a side or more, or pixels that are not drawn out.

    Pixels change alike along both axes, where windows of sensors change less along time.
    """
    short, long = sorted(x.shape[1:])
    if short == long and short >= _LEAST_SIDE:
        return True
    varied = values.low < values.high or x.dtype == np.uint8
    pixels = values.low >= 0 and (values.high <= 1 or (values.whole and values.high <= DEPTHS[-1]))
    return varied and pixels and long <= _LONGEST_IMAGE * short and (x.dtype == np.uint8 or not _smoother(x))


def layout_doubt(x: NDArray[np.generic], layout: str) -> tuple[str, ...]:
    """Return what is to be noted if samples (n, A, B) were taken for images and might be windows of sensors."""
    if layout != "HW" or x.dtype == np.uint8:
        return ()
    first, second = x.shape[1:]
    if first == second and not _smoother(x):
        return ()
    told = f"Samples of {first} × {second} are taken for pictures: if they are windows, set layout (data.layout) to "
    return (told + "TC where time comes first, or to CT.",)


def _smoother(x: NDArray[np.generic]) -> bool:
    """Whether values (n, A, B) change along one axis much less than along the other."""
    rough = _roughness(x)
    return min(rough) * _SMOOTHER < max(rough)


def _roughness(x: NDArray[np.generic]) -> tuple[float, float]:
    some = x[:1000].astype(np.float64)
    first, second = (float(np.mean(np.diff(some, axis=axis) ** 2)) if some.shape[axis] > 1 else 0.0 for axis in (1, 2))
    return first, second


def time_axis(x: NDArray[np.generic]) -> str:
    """Return "CT" or "TC": time is the longer axis, or among like ones that along which values change less."""
    first, second = x.shape[1:]
    if min(first, second) < 2 or max(first, second) >= 2 * min(first, second):
        return "TC" if first > second else "CT"
    rough = _roughness(x)
    if rough[0] * 2 < rough[1]:
        return "TC"
    return "TC" if first > second and rough[0] <= rough[1] * 2 else "CT"


def channel_axis(shape: tuple[int, ...]) -> str | None:
    """Return "CHW", "HWC", or ``None`` if it is unclear: 1 or 3 channels, those beside a square, or few beside many."""
    first, middle, last = shape
    for layout, channels, sides in (("CHW", first, (middle, last)), ("HWC", last, (first, middle))):
        if channels in (1, 3) and channels <= min(sides):
            return layout
    if (middle == last) != (first == middle):
        return "CHW" if middle == last else "HWC"
    for layout, channels, sides in (("CHW", first, (middle, last)), ("HWC", last, (first, middle))):
        if channels * 4 <= min(sides):
            return layout
    return None


def channel_end(x: NDArray[np.generic], channels_first: str, channels_last: str) -> str | None:
    """Return the layout whose end is an axis of 1 or 3 channels; ``None`` if neither is."""
    for layout, size in ((channels_first, x.shape[1]), (channels_last, x.shape[-1])):
        if size in (1, 3):
            return layout
    return None
