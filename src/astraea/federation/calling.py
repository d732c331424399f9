"""How a model is called: several inputs go in by name, and logits come out of what it returns.

Both are hooks of the module itself, so that it works alike in every engine; nothing is done to models that take one
tensor and return one. :func:`released` takes them off again.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from astraea.data.packing import Input, numbered
from astraea.errors import InputError

__all__ = [
    "attach_columns",
    "attach_cut",
    "attach_dtype",
    "attach_inputs",
    "attach_logits",
    "called_with",
    "fed",
    "has_logits",
    "is_attached",
    "logits_in",
    "released",
    "unpacked",
]

_ALSO = {"attention_mask": ("mask",), "lengths": ("length",)}  # what models call the inputs that are optional


def unpacked(x: Tensor, inputs: Sequence[Input]) -> dict[str, Tensor]:
    """Return the inputs in rows of bytes ``x`` ``(B, width)``, by name; pictures of 8 bits are scaled to [0, 1]."""
    found, begin = {}, 0
    for one in inputs:
        dtype: torch.dtype = getattr(torch, one.dtype)
        part = x[:, begin : begin + one.bytes]
        values = (part if dtype == torch.uint8 else part.view(dtype)).reshape(len(x), *one.shape)
        found[one.name] = values.to(torch.float32) / 255.0 if dtype == torch.uint8 else values
        begin += one.room
    return found


def attach_inputs(module: nn.Module, inputs: Sequence[Input]) -> None:
    """Let ``module`` take rows of bytes, and call its ``forward`` with the inputs in them.

    They go in under the names of its parameters; where it has no such names but one parameter, all go in as a
    mapping, and a single one alone. Raises :class:`InputError` if its parameters have other names.
    """
    module.register_forward_pre_hook(_Feed(inputs, _names(module, inputs)), with_kwargs=True)


def attach_cut(module: nn.Module, samples: Tensor) -> None:
    """Let ``module`` get sequences as long as the longest of a batch, if that changes nothing but its time.

    ``samples`` ``(B, width)`` are rows of bytes to try it on, with padding at the end of each sequence. All stays as it
    is if its answers to them differ, or do not depend on them, or cannot be given for shorter sequences.
    """
    feed = next((hook for hook in module._forward_pre_hooks.values() if isinstance(hook, _Feed)), None)
    if feed is None or feed.mask is None or any(isinstance(part, _BatchNorm) for part in module.modules()):
        return
    training = module.training
    module.eval()
    try:
        with torch.no_grad():
            whole = logits_in(module(samples))
            feed.cuts = True
            feed.cuts = _alike(whole, logits_in(module(samples)))
    except Exception:  # whatever it is, whole sequences will do
        feed.cuts = False
    finally:
        module.train(training)


def called_with(
    module: nn.Module, values: Mapping[str, Any], inputs: Sequence[Input]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return with which arguments ``module``'s ``forward`` takes the ``values`` of several inputs.

    Raises :class:`InputError` if its parameters have other names.
    """
    return _arguments(_names(module, inputs), values)


def attach_dtype(module: nn.Module) -> None:
    """Let a ``module`` whose weights are no float32 take samples in their type."""
    dtype = next((parameter.dtype for parameter in module.parameters() if parameter.is_floating_point()), torch.float32)
    if dtype != torch.float32:
        module.register_forward_pre_hook(_Cast(dtype), with_kwargs=True)


def logits_in(found: Any) -> Any:
    """Return the logits in what a model returned."""
    return found["logits"] if isinstance(found, Mapping) else getattr(found, "logits", found)


def _alike(whole: Tensor, cut: Tensor) -> bool:
    """Whether two answers ``(B, N)`` are the same but for rounding, and those of the samples are not."""
    close = torch.allclose(whole, cut, rtol=1e-3, atol=1e-5)
    return close and not torch.allclose(whole[:1], whole[1:], rtol=1e-3, atol=1e-5)


def has_logits(found: object) -> bool:
    """Whether what a model returned holds logits under that name, as models of Hugging Face do."""
    return isinstance(found["logits"] if isinstance(found, Mapping) and "logits" in found else None, Tensor) or (
        not isinstance(found, Tensor) and isinstance(getattr(found, "logits", None), Tensor)
    )


def attach_logits(module: nn.Module) -> None:
    """Let ``module`` return the logits in what it returns."""
    module.register_forward_hook(_Logits())


def attach_columns(module: nn.Module, outputs: int) -> None:
    """Let ``module`` give ``(B, outputs)`` where it gives one number a sample: for two classes, its logit z as [0, z].

    The softmax of [0, z] is the sigmoid of z, so cross-entropy and every other loss are what they are with one logit.
    """
    module.register_forward_hook(_Columns(outputs))


def is_attached(module: nn.Module) -> bool:
    """Whether something here was attached to ``module``."""
    hooks = (*module._forward_pre_hooks.values(), *module._forward_hooks.values())
    return any(isinstance(hook, (_Feed, _Cast, _Logits, _Columns)) for hook in hooks)


def released(module: nn.Module) -> nn.Module:
    """Return ``module`` as its owner knows it, without what was attached."""
    for hooks in (module._forward_pre_hooks, module._forward_hooks):
        for key in [key for key, hook in hooks.items() if isinstance(hook, (_Feed, _Cast, _Logits, _Columns))]:
            del hooks[key]
            module._forward_pre_hooks_with_kwargs.pop(key, None)
    return module


@contextmanager
def fed(module: nn.Module, inputs: Sequence[Input]) -> Iterator[None]:
    """Lend ``module`` as it was trained: it takes rows of bytes where there are ``inputs``, and returns logits."""
    if inputs:
        attach_inputs(module, inputs)
    attach_dtype(module)
    attach_logits(module)
    try:
        yield
    finally:
        released(module)


class _Feed:
    """A hook before ``forward``: takes rows of bytes apart. ``names`` are as :func:`_names` gives them."""

    def __init__(self, inputs: Sequence[Input], names: Names) -> None:
        self.inputs, self.names, self.cuts = tuple(inputs), names, False
        self.mask = next((one for one in inputs if "mask" in one.name and len(one.shape) == 1), None)

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if kwargs or len(args) != 1 or not isinstance(args[0], Tensor):
            return None  # its owner calls it
        values = unpacked(args[0], self.inputs)
        if self.cuts and self.mask is not None:
            values = self._cut(values, self.mask)
        return _arguments(self.names, values)

    def _cut(self, values: dict[str, Tensor], mask: Input) -> dict[str, Tensor]:
        try:
            seen = values[mask.name].bool().any(dim=0).nonzero()
            longest = int(seen[-1]) + 1 if len(seen) else 1
        except RuntimeError:  # many models at once, whose batches must be of one shape
            return values
        along = {one.name for one in self.inputs if one.shape == mask.shape}
        return {name: value[:, :longest] if name in along else value for name, value in values.items()}


class _Cast:
    """A hook before ``forward``: brings numbers to the type of the weights."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return tuple(self._cast(value) for value in args), {name: self._cast(value) for name, value in kwargs.items()}

    def _cast(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._cast(one) for name, one in value.items()}
        return value.to(self.dtype) if isinstance(value, Tensor) and value.is_floating_point() else value


class _Logits:
    """A hook behind ``forward``."""

    def __call__(self, module: nn.Module, args: tuple[Any, ...], found: Any) -> Any:
        return logits_in(found)


class _Columns:
    """A hook behind ``forward``: one number a sample becomes the column, or the two columns, that are expected."""

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs

    def __call__(self, module: nn.Module, args: tuple[Any, ...], found: Tensor) -> Tensor:
        column = found[:, None] if found.ndim == 1 else found
        return torch.cat([torch.zeros_like(column), column], dim=1) if self.outputs == 2 else column


Names = dict[str, str] | tuple[str, ...] | None


def _arguments(names: Names, values: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return positional and named arguments; ``names`` are as :func:`_names` gives them."""
    if names is None:
        return (dict(values),), {}
    if isinstance(names, tuple):
        return (tuple(values[name] for name in names),), {}
    first = (values[names[""]],) if "" in names else ()
    return first, {name: values[source] for name, source in names.items() if name}


def _names(module: nn.Module, inputs: Sequence[Input]) -> Names:
    """Return which parameter of ``forward`` gets which input, "" being the first.

    ``None``: it takes a mapping of them; a tuple: one of those inputs, which came without names.
    """
    parameters = inspect.signature(module.forward).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    asked = [one.name for one in inputs if not one.optional]
    if asked == list(numbered(len(asked))) and not set(asked) & parameters.keys():
        return _in_order(asked, parameters, inputs)
    names, missing = {}, []
    for one in inputs:
        known = (one.name, *(_ALSO.get(one.name, ()) if one.optional else ()))
        name = next((name for name in known if name in parameters), None)
        if name is not None:
            names[name] = one.name
        elif not one.optional:
            missing.append(one.name)
    if inspect.Parameter.VAR_KEYWORD in kinds:
        return names | {name: name for name in missing}
    first = next(iter(parameters), None)
    if missing == [inputs[0].name] and first is not None and first not in names:
        return {"": inputs[0].name} | names
    if missing and not names and len(parameters) == 1:
        return None
    if missing:
        raise InputError(
            f"the samples have the inputs {', '.join(asked)}, but the model's forward takes "
            f"({', '.join(parameters)}): give its parameters those names, or let it take one mapping"
        )
    return names


def _in_order(asked: Sequence[str], parameters: Mapping[str, inspect.Parameter], inputs: Sequence[Input]) -> Names:
    """Return which parameter gets which of the inputs ``asked`` for, which have no names but their order."""
    places = [name for name, one in parameters.items() if one.kind in (one.POSITIONAL_OR_KEYWORD, one.POSITIONAL_ONLY)]
    needed = [name for name in places if parameters[name].default is inspect.Parameter.empty]
    if len(asked) > 1 and len(needed) == len(places) == 1:
        return tuple(asked)
    if not len(needed) <= len(asked) <= len(places):
        raise InputError(
            f"the samples have {len(asked)} inputs without names, but the model's forward takes "
            f"({', '.join(parameters)}): let it take as many, or one tuple"
        )
    names = dict(zip(places, asked, strict=False))
    others = [one.name for one in inputs if one.optional]
    return names | {name: name for name in others if name in parameters and name not in names}
