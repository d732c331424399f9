"""Samples of several named inputs, such as token ids and a mask: packed into one array of bytes, a row a sample.

So they are stored, divided, sent and drawn like any other samples; a model gets them apart again, by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astraea.errors import InputError

__all__ = ["Collate", "Input", "example", "is_ragged", "numbered", "pack", "padded", "unpack"]

_WORD = 8  # bytes; every input begins at a multiple of it, so that it can be read in place

Collate = Callable[[Sequence[Any]], "NDArray[np.generic] | Mapping[str, NDArray[np.generic]]"]
"""Makes arrays, one row a sample, of a list of samples that differ in shape."""


@dataclass(frozen=True)
class Input:
    """One of the inputs of a sample: ``shape`` values of ``dtype``, which are of a ``kind`` as samples are.

    An ``optional`` one is for models that ask for it. Sequences in it were padded with ``pad``.
    """

    name: str
    kind: str
    dtype: str
    shape: tuple[int, ...]
    optional: bool = False
    pad: int | None = None

    @property
    def bytes(self) -> int:
        """Bytes of its values in a row."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    @property
    def room(self) -> int:
        """Bytes that it takes up in a row."""
        return -(-self.bytes // _WORD) * _WORD

    def __str__(self) -> str:
        return f"{self.name} ({self.kind}, {' × '.join(map(str, self.shape)) or '1'} {self.dtype})"


def pack(arrays: Mapping[str, NDArray[np.generic]], inputs: Sequence[Input]) -> NDArray[np.uint8]:
    """Return arrays ``(n, *shape)``, one for each of ``inputs``, as rows of bytes ``(n, width)``."""
    count = len(arrays[inputs[0].name])
    rows = np.zeros((count, sum(one.room for one in inputs)), np.uint8)
    begin = 0
    for one in inputs:
        values = np.ascontiguousarray(arrays[one.name], one.dtype).reshape(count, -1)
        rows[:, begin : begin + one.bytes] = values.view(np.uint8).reshape(count, one.bytes)
        begin += one.room
    return rows


def unpack(rows: NDArray[np.generic], inputs: Sequence[Input]) -> dict[str, NDArray[np.generic]]:
    """Return the inputs in rows of bytes ``(n, width)`` as arrays ``(n, *shape)``, by name."""
    found, begin = {}, 0
    for one in inputs:
        part = np.ascontiguousarray(rows[:, begin : begin + one.bytes])
        found[one.name] = part.view(one.dtype).reshape(len(rows), *one.shape)
        begin += one.room
    return found


def example(
    inputs: Sequence[Input], count: int, rng: np.random.Generator | None = None, *, padding: bool = False
) -> NDArray[np.uint8]:
    """Return ``count`` packed samples of zeros, or drawn by ``rng``: numbers from 0 to 1, codes 0 or 1.

    Masks are 1 throughout, as a sample of which nothing is seen means nothing to a model; with ``padding`` their second
    half is 0.
    """
    arrays: dict[str, NDArray[np.generic]] = {}
    for one in inputs:
        shape = (count, *one.shape)
        if one.dtype == "bool" or "mask" in one.name or one.name == "lengths":
            arrays[one.name] = np.ones(shape)
            half = -(-one.shape[0] // 2) if one.shape else 0
            if padding and one.shape:
                arrays[one.name][:, half:] = 0
        elif rng is None:
            arrays[one.name] = np.zeros(shape)
        else:
            arrays[one.name] = rng.random(shape) if "float" in one.dtype else rng.integers(0, 2, shape)
    return pack(arrays, inputs)


def numbered(count: int) -> tuple[str, ...]:
    """Return the names of inputs that came without any: what counts is their order."""
    return tuple(f"input_{place}" for place in range(1, count + 1))


def is_ragged(x: object) -> bool:
    """Whether ``x`` is a list of sequences of different lengths."""
    if not isinstance(x, (list, tuple)) and not (isinstance(x, np.ndarray) and x.dtype == object):
        return False
    return len({len(sample) for sample in x if hasattr(sample, "__len__") and getattr(sample, "ndim", 1) != 0}) > 1


def padded(sequences: Sequence[Any], value: int = 0, length: int = 0) -> dict[str, NDArray[np.generic]]:
    """Return sequences of integers, brought to one length by ``value`` behind them, and what is true of each place.

    ``length`` is the least that they are brought to. The result holds ``input_ids`` ``(n, L)``, ``attention_mask``
    ``(n, L)``, 1 where there is an element, and ``lengths`` ``(n,)``, all int64. Raises :class:`InputError` for
    anything but integers in a row.
    """
    arrays = [np.asarray(sequence) for sequence in sequences]
    for place, array in enumerate(arrays):
        if array.ndim != 1 or (array.dtype.kind not in "iub" and array.size):
            raise InputError(
                f"sample {place} has shape {array.shape} and dtype {array.dtype}: samples of different lengths must "
                "be sequences of integers; for others give collate=, a function that makes one array of a list of them"
            )
    lengths = np.array([len(array) for array in arrays], np.int64)
    longest = max(int(lengths.max(initial=0)), length)
    ids = np.full((len(arrays), longest), value, np.int64)
    for row, array in zip(ids, arrays, strict=True):
        row[: len(array)] = array
    mask = (np.arange(longest) < lengths[:, None]).astype(np.int64)
    return {"input_ids": ids, "attention_mask": mask, "lengths": lengths}
