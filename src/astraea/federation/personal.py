"""Personal layers: the parts of a model that stay with each client and are never averaged.

FedBN keeps batch normalisation at home, for clients whose inputs differ (Li et al., ICLR 2021); FedPer keeps the last
layers, for clients whose labels do (Arivazhagan et al., 2019). A client takes its part up where it left it, and the
model that it hands on has that part as the round sent it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch

import torch
from torch import Tensor, nn

from astraea.errors import InputError
from astraea.federation.plan import ChainState
from astraea.federation.vector import VectorModel

__all__ = ["BATCH_NORM", "Personal", "personal_of"]

BATCH_NORM = "batch-norm"
"""Stands for every layer of batch normalisation: its weights and its running statistics."""

_PARAMS, _COUNTERS = "personal/params", "personal/counters"


@dataclass(frozen=True, slots=True)
class Personal:
    """Where the personal part lies: places ``(R,)`` in a model's ``params`` and ``(S,)`` in its ``counters``.

    ``names`` are those of its parameters and buffers.
    """

    params: Tensor
    counters: Tensor
    names: tuple[str, ...] = ()

    def bytes(self, state: ChainState) -> int:
        """Return the bytes of ``state`` that never travel."""
        return self.params.numel() * state.params.element_size() + self.counters.numel() * state.counters.element_size()

    def part(self, params: Tensor, counters: Tensor) -> dict[str, Tensor]:
        """Return the personal part of a model, as a client keeps it."""
        return {
            _PARAMS: params.index_select(0, self.params.to(params.device)),
            _COUNTERS: counters.index_select(0, self.counters.to(counters.device)),
        }

    def with_part(self, params: Tensor, counters: Tensor, kept: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return a model with the part that a client ``kept``, or as it is if the client kept none yet."""
        if _PARAMS not in kept:
            return params, counters
        return (
            params.index_copy(0, self.params.to(params.device), kept[_PARAMS].to(params)),
            counters.index_copy(0, self.counters.to(counters.device), kept[_COUNTERS].to(counters)),
        )

    def starting(self, state: ChainState, kept: Mapping[str, Tensor]) -> ChainState:
        """Return ``state`` as a client that ``kept`` this begins with it."""
        params, counters = self.with_part(state.params, state.counters, kept)
        return replace(state, params=params, counters=counters)

    def handed_on(self, params: Tensor, counters: Tensor, before: ChainState) -> tuple[Tensor, Tensor]:
        """Return a model with the personal part of ``before``, which is all that others see of it."""
        return self.with_part(params, counters, self.part(before.params, before.counters))

    def to(self, device: torch.device | str) -> Personal:
        """Return the places on ``device``."""
        return replace(self, params=self.params.to(device), counters=self.counters.to(device))

    @staticmethod
    def rest(kept: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return what a client kept beside its personal part."""
        if _PARAMS not in kept:
            return kept
        return {name: value for name, value in kept.items() if name not in (_PARAMS, _COUNTERS)}


def personal_of(model: VectorModel, patterns: Sequence[str]) -> Personal | None:
    """Return where the layers that ``patterns`` name lie in ``model``; ``None`` without patterns.

    A pattern is :data:`BATCH_NORM`, the name of a layer, of a parameter or of a buffer, or such a name with ``*``.
    Raises :class:`InputError` for one that matches nothing that travels, and if nothing is left to be shared.
    """
    if not patterns:
        return None
    names, floats, counters = _layout(model)
    norms = [name for name, part in model.module.named_modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    chosen = set[str]()
    for pattern in patterns:
        found = [name for name in names if _matches(name, pattern, norms)]
        if not found:
            what = (
                "the model has no batch normalisation" if pattern == BATCH_NORM else "it matches no layer that travels"
            )
            raise InputError(f"train.personal '{pattern}': {what} (known: {', '.join(names)})")
        chosen |= set(found)
    if all(name in chosen for name, (_, _, trained) in floats.items() if trained):
        raise InputError(
            "train.personal keeps every trained weight with the clients, so that nothing is learned together: "
            "name fewer layers"
        )
    return Personal(
        torch.cat([torch.arange(start, stop) for name, (start, stop, _) in floats.items() if name in chosen] or [_NO]),
        torch.cat([torch.arange(start, stop) for name, (start, stop) in counters.items() if name in chosen] or [_NO]),
        tuple(name for name in names if name in chosen),
    )


_NO = torch.empty(0, dtype=torch.int64)


def _matches(name: str, pattern: str, norms: Sequence[str]) -> bool:
    if pattern == BATCH_NORM:
        return name.rpartition(".")[0] in norms
    return fnmatch(name, pattern) or fnmatch(name, f"{pattern}.*")


def _layout(model: VectorModel) -> tuple[list[str], dict[str, tuple[int, int, bool]], dict[str, tuple[int, int]]]:
    """Return all names, and where each lies: in ``params`` with whether it is trained, and in ``counters``."""
    params, counts = model.read()
    floats: dict[str, tuple[int, int, bool]] = {}
    counters: dict[str, tuple[int, int]] = {}
    for name, start, stop in _places(model.named(params).items()):
        floats[name] = (start, stop, True)
    buffers = model.named_buffers(params[model.size :], counts)
    floating = [(name, value) for name, value in buffers.items() if value.is_floating_point()]
    for name, start, stop in _places(floating):
        floats[name] = (model.size + start, model.size + stop, False)
    for name, start, stop in _places((name, value) for name, value in buffers.items() if name not in floats):
        counters[name] = (start, stop)
    return [*floats, *counters], floats, counters


def _places(values: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, int, int]]:
    end = 0
    for name, value in values:
        start, end = end, end + value.numel()
        yield name, start, end
