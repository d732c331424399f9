"""A model in few bits as Flower's arrays: codes and scales in place of its weights, and all else as it is.

The numbers are those of :class:`~astraea.federation.handover.HandOver`, so that engines and Flower agree to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from flwr.app import Array, ArrayRecord
from torch import Tensor

from astraea.errors import InputError
from astraea.federation.handover import HandOver
from astraea.federation.plan import ChainState
from astraea.federation.quantisation import BLOCK, Quantised
from astraea.federation.walk import VisitError
from astraea.flower.arrays import Layout, Vectors
from astraea.flower.messages import FewBits

__all__ = ["Packing", "is_packed"]

_CODES, _SCALES = "astraea-codes", "astraea-scales"

_LARGEST = 2.0**60
"""Scales from here on belong to numbers that no average of models can hold."""


@dataclass(frozen=True)
class Packing:
    """How a model of ``layout`` travels with ``bits`` a weight.

    Raises :class:`InputError` for a model with the names that packed arrays have.
    """

    layout: Layout
    bits: int

    def __post_init__(self) -> None:
        taken = [name for name, _, _ in self.layout.arrays if name in (_CODES, _SCALES)]
        if taken:
            raise InputError(f"an array of the model is called '{taken[0]}', as a packed one is: call it otherwise")

    @classmethod
    def of(cls, told: FewBits) -> Packing:
        """Return the packing that a client was told."""
        return cls(Layout(tuple((name, shape, np.dtype(dtype)) for name, shape, dtype in told.arrays)), told.bits)

    def told(self, seed: int) -> FewBits:
        """Return what a client is told, which is to round its change by ``seed``."""
        return FewBits.model_validate({"bits": self.bits, "seed": seed, "arrays": self.layout.as_json()})

    def model(self, sent: Quantised, params: Tensor, counters: Tensor) -> ArrayRecord:
        """Return the arrays that go to a client: what is ``sent`` in place of the weights of ``params`` ``(P,)``."""
        return self._record(sent, params, counters)

    def arrived(self, record: ArrayRecord) -> Vectors:
        """Return the model that a client gets in ``record``. Raises :class:`VisitError` if there is none."""
        sent, beside = self._read(record, None)
        return Vectors(self._handover.arriving(sent, beside.params), beside.counters)

    def change(self, arrived: Vectors, record: ArrayRecord, seed: int) -> ArrayRecord:
        """Return the arrays that go back for a ``record`` of whole ones, which a client made of the model ``arrived``.

        Arrays of batch normalisation that it leaves out count as unchanged. Raises :class:`VisitError` if the models
        differ.
        """
        params, counters, *_ = self.layout.vectors(record, ChainState(arrived.params, arrived.counters))
        return self._record(self._handover.change(arrived.params, params, seed), params, counters)

    def returned(self, before: ChainState, record: ArrayRecord) -> Vectors:
        """Return the model that a client made of ``before``, from the change in ``record``.

        Raises :class:`VisitError` if that is none.
        """
        if not is_packed(record):
            raise VisitError(
                f"its model came back whole, not as a change in {self.bits} bits: put astraea.flower.few_bits() first "
                "of the mods of its ClientApp"
            )
        change, beside = self._read(record, before)
        return Vectors(self._handover.returned(before.params, change, beside.params), beside.counters)

    def _record(self, sent: Quantised, params: Tensor, counters: Tensor) -> ArrayRecord:
        packed = {_CODES: Array(sent.codes.numpy()), _SCALES: Array(sent.scales.numpy())}
        beside = self.layout.beside.record(self._handover.buffers(params), counters)
        return ArrayRecord({**packed, **beside})

    def _read(self, record: ArrayRecord, before: ChainState | None) -> tuple[Quantised, Vectors]:
        lacking = [name for name in (_CODES, _SCALES) if name not in record]
        if lacking:
            raise VisitError(f"its model in {self.bits} bits lacks '{lacking[0]}'")
        codes, scales = self._packed.views(ArrayRecord({name: record[name] for name in (_CODES, _SCALES)}))
        if not bool(((scales >= 0) & (scales < _LARGEST)).all()):  # nor are these NaN
            raise VisitError(f"its '{_SCALES}' are not all numbers from 0 that an average of models can hold")
        if before is not None:
            before = ChainState(self._handover.buffers(before.params), before.counters)
        rest = ArrayRecord({name: array for name, array in record.items() if name not in (_CODES, _SCALES)})
        params, counters, *_ = self.layout.beside.vectors(rest, before)
        whole = params.numpy().astype(self.layout.dtype, copy=False)
        sent = Quantised(torch.tensor(codes), torch.tensor(scales), self._weights, self.bits)
        return sent, Vectors(torch.from_numpy(whole), counters)

    @cached_property
    def _handover(self) -> HandOver:
        return HandOver(self.bits, self.layout.in_few_bits)

    @cached_property
    def _weights(self) -> int:
        return self._handover.count(self.layout.floats)

    @cached_property
    def _packed(self) -> Layout:
        codes, scales = -(-self._weights * self.bits // 8), -(-self._weights // BLOCK)
        return Layout(((_CODES, (codes,), np.dtype(np.uint8)), (_SCALES, (scales,), np.dtype(np.float32))))


def is_packed(record: ArrayRecord) -> bool:
    """Whether the arrays of ``record`` hold a model in few bits."""
    return _CODES in record or _SCALES in record
