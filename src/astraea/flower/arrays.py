"""Flower's named arrays and a model as two vectors: each is turned into the other without a bit being lost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from flwr.app import Array, ArrayRecord
from numpy.typing import NDArray
from torch import Tensor, nn

from astraea.errors import InputError
from astraea.federation.walk import VisitError
from astraea.flower.messages import MOST

__all__ = ["Layout", "initial_arrays"]


def initial_arrays(module: nn.Module) -> ArrayRecord:
    """Return what of ``module`` travels, for ``AstraeaStrategy.start``: trainable parameters and persistent buffers.

    ``ArrayRecord(module.state_dict())`` serves as well, but also sends frozen parameters to and fro, and orders a
    model with buffers otherwise than the local engines do, which may change the last bit of an average.
    """
    trainable = {name: value for name, value in module.named_parameters() if value.requires_grad}
    parameters = dict(module.named_parameters(remove_duplicate=False))
    buffers = {name: value for name, value in module.state_dict().items() if name not in parameters}
    return ArrayRecord({name: Array(value.detach().cpu().numpy()) for name, value in (trainable | buffers).items()})


@dataclass(frozen=True)
class Layout:
    """The arrays of a model by name: shape and dtype of each, in their order."""

    arrays: tuple[tuple[str, tuple[int, ...], np.dtype[np.generic]], ...]

    @classmethod
    def of(cls, record: ArrayRecord) -> Layout:
        """Return the layout of ``record``. Raises :class:`InputError` if it holds nothing that can be averaged."""
        values = [(name, array.numpy()) for name, array in record.items()]
        for name, value in values:
            if value.dtype.kind not in "biuf":
                raise InputError(f"array '{name}' of the model holds {value.dtype}: only numbers can be averaged")
        if not any(value.dtype.kind == "f" for _, value in values):
            raise InputError("the model has no array of floating point numbers: there is nothing to train")
        return cls(tuple((name, value.shape, value.dtype) for name, value in values))

    def as_json(self) -> list[list[Any]]:
        """Return name, shape and dtype of each array, as JSON takes them."""
        return [[name, list(shape), dtype.name] for name, shape, dtype in self.arrays]

    def vectors(self, record: ArrayRecord) -> tuple[Tensor, Tensor]:
        """Return ``record`` as ``(params, counters)``: floating point values ``(P,)`` and integers ``(Q,)`` int64.

        Each array is taken as its own dtype, whatever it came as; integers may come as floating point numbers, as
        averaging leaves them. Raises :class:`~astraea.federation.walk.VisitError` if names or shapes differ, or
        if bytes are no array.
        """
        names = [name for name, _, _ in self.arrays]
        if set(record.keys()) != set(names):
            missing, more = sorted(set(names) - set(record.keys())), sorted(set(record.keys()) - set(names))
            what = f"lacks '{missing[0]}'" if missing else f"has an unknown '{more[0]}'"
            raise VisitError(f"its model {what}: the models differ")
        floats: list[Tensor] = []
        integers: list[Tensor] = []
        for name, shape, dtype in self.arrays:
            value = _values(name, record[name])
            if value.shape != shape:
                raise VisitError(f"its '{name}' has shape {value.shape}, not {shape}: the models differ")
            if dtype.kind == "f":
                with np.errstate(over="ignore"):  # what overflows is found by who takes the vector
                    floats.append(torch.tensor(value.astype(dtype, copy=False)).reshape(-1))
            else:
                if value.dtype.kind == "f" and not bool((np.abs(value) < MOST).all()):
                    raise VisitError(f"its '{name}' holds numbers that {dtype} cannot hold")
                integers.append(torch.tensor(value.round().astype(np.int64)).reshape(-1))
        return torch.cat(floats), torch.cat(integers) if integers else torch.empty(0, dtype=torch.int64)

    def record(self, params: Tensor, counters: Tensor) -> ArrayRecord:
        """Return ``(params, counters)`` as named arrays of the original shapes and dtypes."""
        rest = {"f": params.numpy(), "i": counters.numpy()}
        arrays = {}
        for name, shape, dtype in self.arrays:
            kind = "f" if dtype.kind == "f" else "i"
            size = math.prod(shape)
            part, rest[kind] = rest[kind][:size], rest[kind][size:]
            arrays[name] = Array(np.array(part.reshape(shape), dtype=dtype, order="C"))
        return ArrayRecord(arrays)


def _values(name: str, array: Array) -> NDArray[Any]:
    try:
        value = array.numpy()
    except Exception as error:  # whatever a client sends as an array's bytes is that client's affair
        raise VisitError(f"its '{name}' cannot be read ({error})") from error
    if value.dtype.kind not in "biuf":
        raise VisitError(f"its '{name}' holds {value.dtype}, not numbers")
    return value
