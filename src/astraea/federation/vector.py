"""A model as one vector: algorithms are arithmetic on it, and one hand-over is one message.

Only what training changes travels: trainable parameters and persistent buffers. Parameters become views into
a single tensor, so that reading or writing the model is one copy. Tied weights appear once; frozen parameters
stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from astraea.errors import InputError
from astraea.federation.statistics import keeps_statistics, moving

__all__ = ["VectorModel"]

_WORTH_SHARING = 1_000_000
"""Weights of a model from which on a pass over them is divided among threads."""

_WORTH_MOVING = 25_000
"""Weights a part from which on it is cheaper to give a module new memory than to copy what it holds."""


class VectorModel:
    """An ``nn.Module`` whose travelling part is read and written as ``(params, counters)``.

    ``params``: trainable parameters, then floating buffers, shape ``(P,)``; ``counters``: integer and boolean
    buffers as int64, shape ``(Q,)``. ``weights`` (shape ``(W,)``, W <= P) is the trainable part itself, which shares
    memory with the module, and ``parts`` are the module's parameters that lie in it one after another. ``size`` is W,
    ``device`` where the model lives.

    The module is taken over: use :meth:`state_dict` for an independent copy of its state. ``threads`` may work on
    passes over the whole of a large model, which are bounded by memory; what is computed does not depend on it. With
    ``bfloat16``, :meth:`outputs` and gradients are computed in that type where PyTorch's autocast does so; weights
    stay as they are.

    Raises :class:`InputError` if nothing is trainable or if trainable parameters differ in dtype or device.
    """

    def __init__(self, module: nn.Module, *, threads: int = 1, bfloat16: bool = False) -> None:
        trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
        if not trainable:
            raise InputError("the model has no trainable parameter: set requires_grad on what is to be learned")
        odd = next((parameter.dtype for parameter in trainable if not parameter.is_floating_point()), None)
        if odd is not None:
            raise InputError(f"the model has weights of {odd}: keep real and imaginary parts as two parameters")
        kinds = {(parameter.dtype, parameter.device) for parameter in trainable}
        if len(kinds) > 1:
            raise InputError(
                "the model's trainable parameters differ in dtype or device "
                f"({', '.join(sorted(f'{dtype} on {device}' for dtype, device in kinds))}): convert them to one"
            )
        halved = next((dtype for dtype, _ in kinds if bfloat16 and dtype == torch.float16), None)
        if halved is not None:
            raise InputError(f"engine.bfloat16 does not go with weights of {halved}: unset it, or give float32 weights")
        turning = next((name for owner, name in _persistent_buffers(module) if _of(owner, name).is_complex()), None)
        if turning is not None:
            raise InputError(
                f"the model's buffer '{turning}' is complex, which cannot be averaged: keep real and imaginary parts "
                "as two buffers, or make it afresh in the model (persistent=False)"
            )
        self.module = module
        self.parts = trainable
        self._sizes = [parameter.numel() for parameter in trainable]
        self._shapes = [parameter.shape for parameter in trainable]
        flat = torch.cat([parameter.detach().reshape(-1) for parameter in trainable])
        self.weights = flat
        self.size = flat.numel()
        self.device = flat.device
        self._point_into(flat)
        self._threads = threads if flat.numel() >= _WORTH_SHARING else 1
        self._bfloat16 = bfloat16
        self._channels_last: bool | None = None
        self.has_batch_norm = moving(module)
        self._frozen = keeps_statistics(module)
        self._buffers = list(_persistent_buffers(module))
        self._moves = self.size >= _WORTH_MOVING * len(trainable) and not any(True for _ in self._values(floating=True))
        self._like = flat.new_empty(0)
        self._no_counters = flat.new_empty(0, dtype=torch.int64)

    def begin_training(self) -> None:
        """Set the module to training mode, but for layers whose running statistics are frozen."""
        if not self.module.training or self._frozen:
            self.module.train()
            for layer in self._frozen:
                layer.eval()

    def outputs(self, x: Tensor) -> Tensor:
        """Return what the module makes of samples ``(n, *sample)``, in the type of its weights."""
        with self.precision():
            found: Tensor = self.module(x)
        return found.to(self.weights.dtype) if self._bfloat16 else found

    def precision(self) -> AbstractContextManager[Any]:
        """Return the context in which the module is to be called."""
        return torch.autocast(self.device.type, torch.bfloat16) if self._bfloat16 else nullcontext()

    def gradients(self, loss: Tensor) -> list[Tensor]:
        """Return the gradient of ``loss`` by each of ``parts``: zeros by one that it does not depend on.

        They are to be read only, as two of them may share memory.
        """
        for part in self.parts:
            part.grad = None  # so that PyTorch hands its result over instead of adding it to what is there
        loss.backward()  # type: ignore[no-untyped-call]
        return [torch.zeros_like(part) if part.grad is None else part.grad for part in self.parts]

    def laid_out(self, x: Tensor) -> Tensor:
        """Return samples ``(n, *sample)`` in the memory layout in which the model computes fastest.

        On a processor, convolutions and pooling of images are faster with the channels of a pixel side by side.
        A model that cannot take that, as one that calls ``view`` on what a convolution gives, gets what it expects.
        """
        if x.ndim != 4 or x.device.type != "cpu" or not len(x):
            return x
        if self._channels_last is None:
            self._channels_last = self._takes_channels_last(x[:2])
        return x.contiguous(memory_format=torch.channels_last) if self._channels_last else x

    def _takes_channels_last(self, x: Tensor) -> bool:
        convolutions = [part for part in self.module.modules() if isinstance(part, nn.Conv2d)]
        if not convolutions or any(map(_breaks_channels_last, convolutions)):
            return False
        before = self.read()
        try:
            with torch.random.fork_rng(devices=[]), torch.no_grad():
                self.module(x.repeat(2, 1, 1, 1).contiguous(memory_format=torch.channels_last))
        except Exception:  # whatever it is, training in the usual layout will tell if it is an error at all
            return False
        finally:
            self.write(*before)
        return True

    def read(self) -> tuple[Tensor, Tensor]:
        """Return copies of ``(params, counters)``."""
        floating = [value.reshape(-1) for value in self._values(floating=True)]
        params = torch.cat([self.weights, *(value.to(self.weights.dtype) for value in floating)])
        return params, self._counters()

    def release(self) -> tuple[Tensor, Tensor]:
        """Return the content as :meth:`read` does, without a copy if the model is large and has no floating buffers.

        The module must not be trained on before the next :meth:`write`, which gives it memory of its own again.
        """
        return (self.weights, self._counters()) if self._moves else self.read()

    def write(self, params: Tensor, counters: Tensor) -> None:
        """Set the travelling part of the model; the arguments are copied.

        Raises :class:`InputError` if their lengths are not those that :meth:`read` gives.
        """
        with self.sharing():
            if self._moves:
                _check(params, self.size, "parameters")
                self._point_into(params.to(self._like, copy=True))
            else:
                _scatter(params, [self.weights, *self._values(floating=True)], "parameters")
            if self._buffers or counters.numel():
                _scatter(counters, list(self._values(floating=False)), "counters")

    def sharing(self) -> AbstractContextManager[None]:
        """Divide what is done within among as many threads as passes over the whole model may have."""
        return _ALONE if self._threads == 1 else _Threads(self._threads)

    @contextmanager
    def holding(self, params: Tensor, counters: Tensor) -> Iterator[nn.Module]:
        """Lend the module with the given contents, in evaluation mode, and put the old contents back."""
        before, training = self.read(), self.module.training
        try:
            self.write(params, counters)
            self.module.eval()
            yield self.module
        finally:
            self.write(*before)
            self.module.train(training)

    def state_dict(self) -> dict[str, Tensor]:
        """Return an independent copy of the module's whole state, frozen parts included."""
        return {name: value.detach().clone() for name, value in self.module.state_dict().items()}

    def named(self, params: Tensor) -> Mapping[str, Tensor]:
        """Return views into ``params`` under the names of the module's trainable parameters."""
        names = [name for name, parameter in self.module.named_parameters() if parameter.requires_grad]
        return dict(zip(names, self._views(params[: len(self.weights)]), strict=True))

    def named_buffers(self, floats: Tensor, counters: Tensor) -> dict[str, Tensor]:
        """Return the module's persistent buffers, by name, with the contents of ``floats`` and ``counters``.

        ``floats`` is what follows the weights in ``params``, shape ``(P - W,)``.
        """
        buffers: dict[str, Tensor] = {}
        taken = {True: 0, False: 0}
        for name, value in self._named_values():
            kind = value.is_floating_point()
            start = taken[kind]
            taken[kind] = start + value.numel()
            source = floats if kind else counters
            buffers[name] = source[start : taken[kind]].view(value.shape).to(value.dtype, copy=True)
        return buffers

    def joined(self, buffers: Mapping[str, Tensor], like: Tensor) -> tuple[Tensor, Tensor]:
        """Return buffers by name as ``(floats, counters)``: the inverse of :meth:`named_buffers`."""
        floats = [value.reshape(-1).to(like.dtype) for value in buffers.values() if value.is_floating_point()]
        counts = [value.reshape(-1).to(torch.int64) for value in buffers.values() if not value.is_floating_point()]
        return (
            torch.cat(floats) if floats else like[:0],
            torch.cat(counts) if counts else like[:0].to(torch.int64),
        )

    def _named_values(self) -> Iterator[tuple[str, Tensor]]:
        names = {id(owner): name for name, owner in self.module.named_modules()}
        for owner, name in self._buffers:
            value = owner._buffers[name]
            if value is not None:
                prefix = names[id(owner)]
                yield (f"{prefix}.{name}" if prefix else name), value

    def _counters(self) -> Tensor:
        if not self._buffers:
            return self._no_counters
        counting = [value.reshape(-1).to(torch.int64) for value in self._values(floating=False)]
        return torch.cat(counting) if counting else self._no_counters

    def _views(self, vector: Tensor) -> list[Tensor]:
        if len(self._sizes) == 1:
            return [vector.view(self._shapes[0])]
        parts = vector.split_with_sizes(self._sizes)
        return [part.view(shape) for part, shape in zip(parts, self._shapes, strict=True)]

    def _point_into(self, vector: Tensor) -> None:
        """Let the weights, and with them the module's parameters, live in ``vector``, shape ``(W,)``."""
        self.weights = vector
        for parameter, view in zip(self.parts, self._views(vector), strict=True):
            parameter.data = view

    def _values(self, *, floating: bool) -> Iterator[Tensor]:
        # Looked up by name at each call: a module may replace its buffers instead of writing into them.
        for owner, name in self._buffers:
            value = owner._buffers[name]
            if value is not None and value.is_floating_point() == floating:
                yield value


def _breaks_channels_last(convolution: nn.Conv2d) -> bool:
    """Whether PyTorch's kernels would write beyond their memory: seen with 2.13 in the backward pass of these."""
    narrow = convolution.in_channels < 8 and convolution.kernel_size == (1, 1)
    return narrow and max(int(step) for step in convolution.stride) > 1


def _persistent_buffers(module: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    for owner in module.modules():
        for name, value in owner._buffers.items():
            if value is not None and name not in owner._non_persistent_buffers_set:
                yield owner, name


def _of(owner: nn.Module, name: str) -> Tensor:
    value = owner._buffers[name]
    assert value is not None
    return value


class _Threads:
    """The context in which PyTorch has so many threads."""

    __slots__ = ("before", "threads")

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def __enter__(self) -> None:
        self.before = torch.get_num_threads()
        torch.set_num_threads(self.threads)

    def __exit__(self, *error: object) -> None:
        torch.set_num_threads(self.before)


_ALONE = nullcontext()


def _check(vector: Tensor, expected: int, what: str) -> None:
    if vector.numel() != expected:
        raise InputError(f"the model holds {expected} {what}, but {vector.numel()} arrived: the models differ")


@torch.no_grad()
def _scatter(vector: Tensor, parts: list[Tensor], what: str) -> None:
    _check(vector, sum(part.numel() for part in parts), what)
    if len(parts) == 1:
        parts[0].copy_(vector.view(parts[0].shape))
        return
    offset = 0
    for part in parts:
        stop = offset + part.numel()
        part.copy_(vector[offset:stop].view(part.shape))
        offset = stop
