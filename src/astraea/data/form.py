"""What an array of samples is: its layout, its scale and the kind of its values, recognised alike for every dtype.

What is recognised is shown before any training, and can be said instead: ``layout``, ``scale`` and ``kind``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from astraea.data.layout import (
    DEPTHS,
    LAYOUTS,
    ONE_CHANNEL,
    Kind,
    Values,
    channel_axis,
    channel_end,
    full_scale,
    looks_like_images,
    time_axis,
)
from astraea.data.packing import Input
from astraea.errors import InputError, unknown_name

__all__ = ["LAYOUTS", "Form", "Kind", "alike", "conventional", "recognise"]

_PIECE = 1 << 22
_SAID = [kind for kind in get_args(Kind) if kind != "inputs"]


@dataclass(frozen=True)
class Form:
    """What samples are, which decides how models get them and how copies of rare classes are varied.

    ``dtype`` and ``layout`` are as the samples came; an empty layout stands for axes that are kept as they are.
    Values were divided by ``scale`` (1: as they are). ``steady`` ``(features,)`` marks features of vectors that
    copies repeat unchanged, since they hold whole numbers only; for other kinds it has one element, which says so of
    all values. Samples of kind ``inputs`` are rows of bytes, in which ``inputs`` lie one behind the other.
    """

    kind: Kind
    dtype: str
    layout: str
    shape: tuple[int, ...]
    scale: float = 1.0
    steady: tuple[bool, ...] = (False,)
    inputs: tuple[Input, ...] = ()

    @property
    def treatment(self) -> str:
        """What makes copies of rare classes differ, in words."""
        if self.kind in ("codes", "volume", "inputs"):
            return "repeated unchanged"
        if self.kind == "image":
            return "rotated, shifted, sheared and zoomed"
        if self.kind == "sequence":
            return "shifted in time" + ("" if self.steady[0] else ", scaled and jittered")
        if all(self.steady):
            return "repeated unchanged"
        if any(self.steady):
            return f"jittered in {self.steady.count(False)} of {len(self.steady)} features, whole numbers unchanged"
        return "jittered"

    def __str__(self) -> str:
        if self.inputs:
            told = ", ".join(map(str, self.inputs))
            return f"inputs {told}; copies of rare classes are {self.treatment}"
        size = " × ".join(map(str, self.shape))
        layout = f"({', '.join(('n', *self.layout))})" if self.layout else "as they are"
        scaled = f", divided by {self.scale:g}" if self.scale != 1 else ""
        plural = self.kind if self.kind == "codes" else f"{self.kind}s"
        return f"{plural} {size} from {self.dtype} {layout}{scaled}; copies of rare classes are {self.treatment}"


def conventional(dtype: object, shape: Sequence[int]) -> Form:
    """Return the form of samples of ``shape`` (n, ...) that are laid out as models take them.

    It follows from the dtype, of NumPy or PyTorch, and the number of axes alone.
    """
    name = str(dtype).removeprefix("torch.")
    kinds: dict[int, tuple[Kind, str]] = {2: ("vector", "F"), 3: ("sequence", "CT"), 4: ("image", "CHW")}
    kind, layout = kinds.get(len(shape), ("volume", ""))
    if kind == "vector" and "float" not in name:
        kind, layout = "codes", ""
    scale = 255.0 if name == "uint8" and kind == "image" else 1.0
    return Form(kind, name, layout, tuple(shape[1:]), scale)


def recognise(
    x: NDArray[np.generic],
    *,
    layout: str | None = None,
    scale: float | None = None,
    kind: str | None = None,
    noise: bool | None = None,
    part: str = "training",
) -> tuple[NDArray[np.generic], Form]:
    """Return samples as models take them, and what they are.

    ``x`` has one row per sample. Images become ``(n, C, H, W)``, ``uint8`` where they are integers from 0 to 255 and
    else ``float32``; sequences ``(n, channels, time)`` and vectors ``(n, features)`` become ``float32``;
    codes keep their dtype and shape. ``layout`` names the axes of one sample (see :data:`LAYOUTS`), ``scale`` is what
    values are divided by, and ``kind`` one of :data:`Kind`; what is not given is recognised. ``noise`` says whether
    noise makes sense in copies of vectors and sequences; unsaid, features of whole numbers get none.

    Raises :class:`InputError` if the samples are no finite numbers, or what they are is unclear or cannot be so.
    """
    if x.dtype.kind not in "biuf" or x.ndim < 2:
        mends = {"U": "number its words or characters", "c": "give the real and the imaginary part as channels"}
        mend = mends.get(x.dtype.kind, "give numbers, one row a sample")
        raise InputError(f"{part} samples of type {x.dtype} and shape {x.shape}: {mend}")
    if kind is not None and kind not in _SAID:
        raise unknown_name("kind of data", kind, _SAID)
    if layout is not None and layout.upper() not in LAYOUTS:
        raise unknown_name("layout", layout, LAYOUTS)
    values = _values(x, part)
    axes = _axes(x, values, layout.upper() if layout else None, kind)
    of = kind or (LAYOUTS[axes][0] if axes else "volume")
    if of not in ("codes", "vector", LAYOUTS[axes][0] if axes else "volume"):
        raise InputError(f"{part} samples of shape {x.shape} cannot be of kind '{of}': choose another, or a layout")
    if kind is None and axes == "F" and layout is None and x.dtype.kind in "biu":
        of, axes = "codes", ""
    if of == "codes":
        return _codes(x, values), Form("codes", str(x.dtype), axes, x.shape[1:])
    pixels = of == "image" or (of == "volume" and x.dtype.kind == "u")
    factor = float(scale) if scale is not None else _scale(values) if pixels else 1.0
    if not 0 < factor < np.inf:
        raise InputError(f"samples cannot be divided by a scale of {factor:g}: give a number above 0")
    ready = _scaled(_arranged(x, axes), values, factor, pixels=of == "image")
    if of == "vector":
        ready = ready.reshape(len(ready), -1)
        kept = _whole_columns(x) if noise is None else (not noise,) * ready.shape[1]
        return ready, Form("vector", str(x.dtype), axes, ready.shape[1:], factor, kept)
    flags = values.whole and values.low >= 0 and values.high <= 1  # such as one-hot letters of a sequence
    steady = of == "sequence" and (flags if noise is None else not noise)
    return ready, Form(_known(of), str(x.dtype), axes, ready.shape[1:], factor, (steady,))


def alike(x: NDArray[np.generic], form: Form, part: str = "test") -> NDArray[np.generic]:
    """Return further samples treated as those of ``form``; their own scale where they come in another dtype.

    Raises :class:`InputError` as :func:`recognise` does, and if they have another number of axes.
    """
    if form.layout and x.ndim != len(form.layout) + 1:
        raise InputError(
            f"training samples have the axes (n, {', '.join(form.layout)}), {part} samples the shape {x.shape}: "
            "both must be the same"
        )
    scale = form.scale if str(x.dtype) == form.dtype else None
    ready, _ = recognise(x, layout=form.layout or None, scale=scale, kind=form.kind, part=part)
    return ready


def _values(x: NDArray[np.generic], part: str) -> Values:
    if not x.size:
        return Values(0.0, 0.0, whole=True)
    if x.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            low, high = float(np.float32(x.min())), float(np.float32(x.max()))  # NaN where any value is NaN
        if not np.isfinite([low, high]).all():
            place = _first_odd(x)
            raise InputError(f"{part} samples hold NaN or infinite values, first {place}: replace or drop them")
        return Values(low, high, all(bool((piece == np.floor(piece)).all()) for piece in _pieces(x)))
    return Values(float(x.min()), float(x.max()), whole=True)


def _first_odd(x: NDArray[np.generic]) -> str:
    for row, sample in enumerate(x):
        with np.errstate(over="ignore"):
            odd = ~np.isfinite(sample.astype(np.float32))
        if odd.any():
            return f"in row {row} at {tuple(int(i) for i in np.argwhere(odd)[0])}"
    return "nowhere"


def _pieces(x: NDArray[np.generic]) -> Iterator[NDArray[np.generic]]:
    rows = max(1, _PIECE // max(x[0].size, 1))
    return (x[start : start + rows] for start in range(0, len(x), rows))


def _axes(x: NDArray[np.generic], values: Values, layout: str | None, kind: str | None) -> str:
    """Return the layout: as said, else as recognised; "" where axes are kept as they are."""
    axes = x.ndim - 1
    if layout is not None:
        if len(layout) != axes:
            raise InputError(f"layout '{layout}' has {len(layout)} axes, but samples have the shape {x.shape[1:]}")
        if kind not in (None, "codes", "vector", LAYOUTS[layout][0]):
            raise InputError(f"layout '{layout}' is of kind '{LAYOUTS[layout][0]}', not '{kind}': leave one out")
        return layout
    if kind in ("codes", "vector"):
        return "F" if axes == 1 and kind == "vector" else ""
    if kind == "volume":
        return {3: "DHW", 4: channel_end(x, "CDHW", "DHWC") or ""}.get(axes, "")
    if axes == 1:
        if kind == "image":
            raise InputError(f"images of shape {x.shape}: give each its height and width, (n, H, W)")
        return "T" if kind == "sequence" else "F"
    if axes == 2:
        is_image = kind == "image" or (kind is None and looks_like_images(x, values))
        return "HW" if is_image else time_axis(x)
    if axes == 3:
        if found := channel_axis(x.shape[1:]):
            return found
        raise InputError(
            f"images of shape {x.shape}: give (n, H, W), (n, C, H, W) or (n, H, W, C) with 1 or 3 channels, "
            "or say which axis is which with layout, such as layout='CHW'"
        )
    return (channel_end(x, "CDHW", "DHWC") or "CDHW") if axes == 4 else ""


def _known(kind: str) -> Kind:
    return next(known for known in get_args(Kind) if known == kind)


def _arranged(x: NDArray[np.generic], layout: str) -> NDArray[np.generic]:
    """Return samples with their axes in the order in which models get them."""
    if not layout:
        return x
    order = LAYOUTS[layout][1]
    if order != tuple(range(len(order))):
        x = np.ascontiguousarray(x.transpose(0, *(axis + 1 for axis in order)))
    return x[:, None] if layout in ONE_CHANNEL else x


def _scale(values: Values) -> float:
    """Return the full scale of pixels: 1 if they reach no further or below 0, else that of 8, 12 or 16 bits."""
    if values.low < 0 or (values.high <= 1 and values.high > values.low):
        return 1.0
    if not values.whole and not 64 < values.high <= DEPTHS[0]:
        return 1.0  # other floating-point features
    if (full := full_scale(values.high)) is not None:
        return full
    raise InputError(f"images with values up to {values.high:g} have no usual full scale: say it with scale")


def _scaled(x: NDArray[np.generic], values: Values, scale: float, *, pixels: bool) -> NDArray[np.generic]:
    if pixels and x.dtype.kind in "iu" and scale == DEPTHS[0] and values.low >= 0 and values.high <= scale:
        return x.astype(np.uint8, copy=False)  # models get them divided by 255
    floats = x.astype(np.float32, copy=False)
    return floats if scale == 1 else floats / np.float32(scale)


def _codes(x: NDArray[np.generic], values: Values) -> NDArray[np.generic]:
    """Return codes in a dtype that PyTorch computes with: their own, except for unsigned ones of 16 bits and more."""
    if x.dtype.kind == "f":
        if not values.whole or max(-values.low, values.high) >= 2**24:
            raise InputError("codes must be whole numbers: give them as integers, or another kind")
        return x.astype(np.int64)
    if max(-values.low, values.high) >= 2**53:  # what models and checks compute with would no longer tell them apart
        raise InputError(f"codes up to {values.high:.4g} are too large: number them from 0, or give floats")
    if x.dtype.kind == "u" and x.dtype != np.uint8:
        return x.astype(np.int32 if x.dtype.itemsize == 2 else np.int64)
    return x


def _whole_columns(x: NDArray[np.generic]) -> tuple[bool, ...]:
    x = x.reshape(len(x), -1)
    whole = np.full(x.shape[1], True)
    if x.dtype.kind == "f":
        for piece in _pieces(x):
            whole &= (piece == np.floor(piece)).all(axis=0)
    return tuple(whole.tolist())
