"""Flower's named arrays and a model as two vectors: each is turned into the other without a bit being lost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
import torch
from flwr.app import Array, ArrayRecord
from numpy.typing import NDArray
from torch import Tensor, nn

from astraea.errors import InputError
from astraea.federation.handover import Ranges, in_few_bits
from astraea.federation.norm import Squares
from astraea.federation.plan import ChainState
from astraea.federation.sketch import Sketch
from astraea.federation.spare import Spare
from astraea.federation.walk import VisitError
from astraea.flower.messages import MOST

__all__ = ["Layout", "Vectors", "initial_arrays", "sendable"]

_STYPE = "numpy.ndarray"  # how Flower calls the bytes of np.save
_STATISTICS = ("running_mean", "running_var")


class Vectors(NamedTuple):
    """A model: floating point values ``params`` ``(P,)``, integers ``counters`` ``(Q,)`` int64.

    ``exact`` says that the arrays they were read from are those that :meth:`Layout.record` would make of them;
    ``square`` is the sum of the squares of ``params``, or of what they are more than what they were compared with: no
    vector has it that holds NaN or an infinite number. ``direction`` is the sketch of that, if it was asked for.
    """

    params: Tensor
    counters: Tensor
    exact: bool = False
    square: float = math.nan
    direction: bytes | None = None


def initial_arrays(module: nn.Module) -> ArrayRecord:
    """Return what of ``module`` travels, for ``AstraeaStrategy.start``: trainable parameters and persistent buffers.

    ``ArrayRecord(module.state_dict())`` serves as well, but also sends frozen parameters to and fro, and orders a
    model with buffers otherwise than the local engines do, which may change the last bit of an average.
    """
    trainable = {name: value for name, value in module.named_parameters() if value.requires_grad}
    parameters = dict(module.named_parameters(remove_duplicate=False))
    buffers = {name: value for name, value in module.state_dict().items() if name not in parameters}
    return ArrayRecord({name: Array(sendable(value).numpy()) for name, value in (trainable | buffers).items()})


def sendable(value: Tensor) -> Tensor:
    """Return an array of a model as messages carry it: bfloat16, which NumPy lacks, as float32."""
    value = value.detach().cpu()
    return value.float() if value.dtype == torch.bfloat16 else value


@dataclass(frozen=True)
class Layout:
    """The arrays of a model by name: shape and dtype of each, in their order."""

    arrays: tuple[tuple[str, tuple[int, ...], np.dtype[np.generic]], ...]

    @classmethod
    def of(cls, record: ArrayRecord) -> Layout:
        """Return the layout of ``record``. Raises :class:`InputError` if it holds nothing that can be averaged."""
        values = [(name, _view(array)) for name, array in record.items()]
        for name, value in values:
            if value.dtype.kind not in "biuf":
                raise InputError(f"array '{name}' of the model holds {value.dtype}: only numbers can be averaged")
        if not any(value.dtype.kind == "f" for _, value in values):
            raise InputError("the model has no array of floating point numbers: there is nothing to train")
        return cls(tuple((name, value.shape, value.dtype.newbyteorder("=")) for name, value in values))

    def as_json(self) -> list[list[Any]]:
        """Return name, shape and dtype of each array, as JSON takes them."""
        return [[name, list(shape), dtype.name] for name, shape, dtype in self.arrays]

    @cached_property
    def weights(self) -> int | None:
        """How many floating point values come before the first running statistic, ``None`` if there is none.

        Raises :class:`InputError` if other values come after one.
        """
        found, size = None, 0
        for name, shape, dtype in self.arrays:
            if dtype.kind == "f":
                statistic = name.rpartition(".")[2] in _STATISTICS
                if statistic and found is None:
                    found = size
                if not statistic and found is not None:
                    raise InputError(
                        "running statistics lie between the weights here, and neither a server optimiser nor "
                        "algorithm.bits may change them: start with astraea.flower.initial_arrays(model)"
                    )
                size += math.prod(shape)
        return found

    @cached_property
    def in_few_bits(self) -> Ranges:
        """Where the weights lie that travel in few bits, where any do.

        Raises :class:`InputError` as :attr:`weights` does.
        """
        end = self.floats if self.weights is None else self.weights
        placed = zip(self.arrays, self._parts, strict=True)
        return in_few_bits(
            (name, shape) for (name, shape, dtype), part in placed if dtype.kind == "f" and part.start < end
        )

    @cached_property
    def beside(self) -> Layout:
        """The arrays beside those in few bits, which travel as they are: all else, and what is no floating point.

        Raises :class:`InputError` as :attr:`weights` does.
        """
        placed = zip(self.arrays, self._parts, strict=True)
        return Layout(tuple(one for one, part in placed if one[2].kind != "f" or not self._in_few_bits(part)))

    def _in_few_bits(self, part: slice) -> bool:
        return any(begin <= part.start < end for begin, end in self.in_few_bits)

    @cached_property
    def _may_lack(self) -> frozenset[str]:
        """The arrays of batch normalisation, which clients of FedBN keep."""
        names = [name for name, _, _ in self.arrays]
        layers = {name.rpartition(".")[0] for name in names if name.rpartition(".")[2] == "running_mean"}
        return frozenset(name for name in names if name.rpartition(".")[0] in layers)

    def vectors(
        self,
        record: ArrayRecord,
        before: ChainState | None = None,
        minus: Tensor | None = None,
        signs: int | None = None,
    ) -> Vectors:
        """Return the values of ``record``.

        Each array is taken as its own dtype, whatever it came as; integers may come as floating point numbers, as
        averaging leaves them. With ``before``, arrays of batch normalisation may be left out, as clients of FedBN do,
        and keep the values that they have there. With ``minus`` ``(P,)``, ``square`` is that of the difference, and
        ``direction`` its sketch under the signs of a seed ``signs``, where that is given. Raises
        :class:`~astraea.federation.walk.VisitError` if names or shapes differ, or if bytes are no array.
        """
        same = list(record) == self._names
        if not same and set(record) != set(self._names):
            missing, more = sorted(set(self._names) - set(record)), sorted(set(record) - set(self._names))
            if more or before is None or not self._may_lack.issuperset(missing) or len(missing) == len(self.arrays):
                what = f"lacks '{missing[0]}'" if missing else f"has an unknown '{more[0]}'"
                raise VisitError(f"its model {what}: the models differ")
        params, integers = self._spare.vector(), np.empty(self._sizes[1], np.int64)
        floats = params.numpy()
        sketch = None if signs is None else Sketch(len(floats), signs)
        squares = Squares(None if minus is None else minus.numpy(), floats, sketch)
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found by who takes the vectors
            for (name, shape, dtype), head, part in zip(self.arrays, self._heads, self._parts, strict=True):
                if name in record:
                    value = _values(name, record[name], shape, dtype, head)
                    if value.shape != shape:
                        raise VisitError(f"its '{name}' has shape {value.shape}, not {shape}: the models differ")
                    same = same and value.dtype == dtype and value.flags.c_contiguous
                else:
                    assert before is not None
                    value = (before.params if dtype.kind == "f" else before.counters)[part].numpy()
                if dtype.kind == "f":
                    flat = value.astype(dtype, copy=False).reshape(-1)
                    squares.add(flat.astype(floats.dtype, copy=False), part.start)
                else:
                    if value.dtype.kind == "f" and not bool((np.abs(value) < MOST).all()):
                        raise VisitError(f"its '{name}' holds numbers that {dtype} cannot hold")
                    integers[part] = value.round().astype(np.int64).reshape(-1)
        counters = torch.from_numpy(integers) if len(integers) else torch.empty(0, dtype=torch.int64)
        return Vectors(params, counters, same, squares.sum, None if sketch is None else sketch.direction())

    def views(self, record: ArrayRecord) -> list[NDArray[Any]]:
        """Return views of the arrays of ``record``, in order, which must be of these very shapes and dtypes.

        Raises :class:`~astraea.federation.walk.VisitError` if one is not.
        """
        found = []
        for (name, shape, dtype), head in zip(self.arrays, self._heads, strict=True):
            value = _values(name, record[name], shape, dtype, head)
            if (value.shape, value.dtype) != (shape, dtype):
                raise VisitError(f"its '{name}' holds {value.shape} of {value.dtype}, not {shape} of {dtype}")
            found.append(value)
        return found

    def record(self, params: Tensor, counters: Tensor) -> ArrayRecord:
        """Return ``(params, counters)`` as named arrays of the original shapes and dtypes."""
        rest = {"f": params.numpy(), "i": counters.numpy()}
        arrays = {}
        for (name, shape, dtype), head in zip(self.arrays, self._heads, strict=True):
            kind = "f" if dtype.kind == "f" else "i"
            size = math.prod(shape)
            part, rest[kind] = rest[kind][:size], rest[kind][size:]
            value = np.ascontiguousarray(part, dtype=dtype)
            data = b"".join((head, value.view(np.uint8).data if size else b""))  # as Array(value) has it, but one copy
            arrays[name] = Array(dtype=str(dtype), shape=shape, stype=_STYPE, data=data)
        return ArrayRecord(arrays)

    @cached_property
    def _heads(self) -> tuple[bytes, ...]:
        """How the bytes of each array begin, as ``np.save`` has them."""
        heads = []
        for _, shape, dtype in self.arrays:
            head = BytesIO()
            described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(head, described)
            heads.append(head.getvalue())
        return tuple(heads)

    @cached_property
    def _names(self) -> list[str]:
        return [name for name, _, _ in self.arrays]

    @cached_property
    def _parts(self) -> tuple[slice, ...]:
        """Where each array lies in its vector."""
        at, parts = {True: 0, False: 0}, []
        for _, shape, dtype in self.arrays:
            kind = dtype.kind == "f"
            parts.append(slice(at[kind], at[kind] + math.prod(shape)))
            at[kind] = parts[-1].stop
        return tuple(parts)

    @cached_property
    def _sizes(self) -> tuple[int, int]:
        sizes = [(dtype.kind == "f", math.prod(shape)) for _, shape, dtype in self.arrays]
        return sum(size for is_float, size in sizes if is_float), sum(size for is_float, size in sizes if not is_float)

    @property
    def floats(self) -> int:
        """How many floating point values there are."""
        return self._sizes[0]

    def room(self) -> Tensor:
        """Return memory for the floating point values of a model, or for a sum of many."""
        return self._spare.vector()

    @cached_property
    def _spare(self) -> Spare:
        return Spare(self.floats, self.dtype)

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """What all floating point values fit into, and sums of many models too."""
        return np.result_type(np.float32, *(dtype for _, _, dtype in self.arrays if dtype.kind == "f"))


def _unpacked(array: Array) -> NDArray[Any] | None:
    """Return a view of an array's bytes, which cannot be written to; ``None`` if they are not laid out plainly."""
    if array.stype != _STYPE:
        return None
    stream = BytesIO(array.data)
    if np.lib.format.read_magic(stream) != (1, 0):
        return None
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    count, begin = math.prod(shape), stream.tell()
    if fortran or dtype.hasobject or len(array.data) != begin + count * dtype.itemsize or not count:
        return None
    return np.frombuffer(array.data, dtype, count, begin).reshape(shape)


def _view(array: Array) -> NDArray[Any]:
    """Return what ``array.numpy()`` does, without a copy where there need not be one."""
    value = _unpacked(array)
    return array.numpy() if value is None else value


def _values(name: str, array: Array, shape: tuple[int, ...], dtype: np.dtype[Any], head: bytes) -> NDArray[Any]:
    """Return the values of an array, most likely of this ``shape`` and ``dtype``, and so beginning with ``head``."""
    count = math.prod(shape)
    plain = array.stype == _STYPE and count and len(array.data) == len(head) + count * dtype.itemsize
    if plain and array.data.startswith(head):
        return np.frombuffer(array.data, dtype, count, len(head)).reshape(shape)
    try:
        value = _view(array)
    except Exception as error:  # whatever a client sends as an array's bytes is that client's affair
        raise VisitError(f"its '{name}' cannot be read ({error})") from error
    if value.dtype.kind not in "biuf":
        raise VisitError(f"its '{name}' holds {value.dtype}, not numbers")
    return value
