"""Values in memory that several processes map: arrays are written there once and read in place.

A value is pickled with its arrays out of band (PEP 574); the arrays lie in a :class:`Region`, one behind the
other, and whoever loads the value gets tensors over that very memory. Nothing has a name in the file system:
regions are passed on as file descriptors, and the system frees them when the last process is gone, however it
went.
"""

from __future__ import annotations

import copyreg
import io
import mmap
import os
import pickle
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cloudpickle
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Packed", "Region", "pack", "unpack"]

_ALIGNMENT = 64  # bytes: vector instructions may differ in their last bit on data that begins elsewhere


class Region:
    """``size`` bytes of memory behind a file ``descriptor``; without one, new memory."""

    def __init__(self, size: int, descriptor: int | None = None) -> None:
        self.size = size
        self.descriptor = _anonymous_file(size) if descriptor is None else descriptor
        self._mapping = mmap.mmap(self.descriptor, size)

    def bytes(self) -> NDArray[np.uint8]:
        """Return the memory; it stays mapped as long as the array or a part of it is in use."""
        return np.frombuffer(self._mapping, np.uint8)

    def close(self) -> None:
        """Give back the descriptor; arrays in use stay valid."""
        os.close(self.descriptor)


@dataclass(frozen=True)
class Packed:
    """A pickled value: ``data`` without its arrays, and where each of them lies in the region (start, stop)."""

    data: bytes
    spans: tuple[tuple[int, int], ...]


def pack(value: Any, place: Callable[[int], Region], *, by_value: bool = False) -> tuple[Packed, Region]:
    """Pickle ``value``, writing its arrays into the region that ``place(size)`` gives.

    ``by_value`` includes the code of classes and functions that another process could not import, such as
    those of a script or a notebook. Raises whatever the value's own pickling raises.
    """
    stream, buffers = io.BytesIO(), list[pickle.PickleBuffer]()
    pickler = (_ByValue if by_value else _ByReference)(stream, 5, buffer_callback=buffers.append)
    pickler.dump(value)
    raw = [np.frombuffer(buffer.raw(), np.uint8) for buffer in buffers]
    spans, end = [], 0
    for array in raw:
        start = -(-end // _ALIGNMENT) * _ALIGNMENT
        end = start + len(array)
        spans.append((start, end))
    region = place(max(end, 1))
    memory = region.bytes()
    for (start, stop), array in zip(spans, raw, strict=True):
        memory[start:stop] = array
    return Packed(stream.getvalue(), tuple(spans)), region


def unpack(packed: Packed, memory: NDArray[np.uint8]) -> Any:
    """Return the value, its tensors and arrays lying in ``memory``, which they keep in use."""
    return pickle.loads(packed.data, buffers=[memory[start:stop] for start, stop in packed.spans])


def _anonymous_file(size: int) -> int:
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("astraea")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    return descriptor


def _reduce_tensor(tensor: Tensor) -> tuple[Callable[..., Tensor], tuple[Any, ...]]:
    flat = tensor.detach().cpu().contiguous().view(-1)
    return _tensor, (flat.view(torch.uint8).numpy(), tensor.dtype, tuple(tensor.shape))


def _tensor(data: NDArray[np.uint8], dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
    # An empty buffer may come back read-only, which PyTorch warns about.
    return torch.from_numpy(data).view(dtype).view(shape) if len(data) else torch.empty(shape, dtype=dtype)


def _reduce_mapped(array: np.memmap[Any, Any]) -> Any:
    """Send where a mapped file lies instead of what it holds; a part of one is sent like any array."""
    if isinstance(array.base, np.ndarray) or array.filename is None:
        return np.asarray(array).__reduce_ex__(5)
    return np.memmap, (array.filename, array.dtype, "c", array.offset, array.shape)


_REDUCERS: dict[type, Callable[[Any], Any]] = {Tensor: _reduce_tensor, np.memmap: _reduce_mapped}


class _ByReference(pickle.Pickler):
    dispatch_table = {**copyreg.dispatch_table, **_REDUCERS}  # noqa: RUF012  # read by the pickler, once for each value


class _ByValue(cloudpickle.Pickler):  # type: ignore[misc]
    dispatch_table = cloudpickle.Pickler.dispatch_table.new_child(_REDUCERS)
