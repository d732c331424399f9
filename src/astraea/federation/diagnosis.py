"""Why a model cannot work on a batch: the layer at fault, and the mend, in one sentence."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from astraea.data.form import Form
from astraea.errors import InputError
from astraea.federation.calling import attach_logits, has_logits

__all__ = ["check_logits", "gives_one", "logits_of", "warn_of_probabilities", "words"]

_MOST = 300
_ENOUGH = 8  # outputs that do not all lie between 0 and 1 by chance


def logits_of(module: nn.Module, x: Tensor, form: Form) -> Tensor:
    """Return what ``module`` makes of samples ``x`` ``(B, *sample)``, which ``form`` describes.

    A model that returns them under the name ``logits`` is from then on one that returns them alone. Raises
    :class:`InputError` that names the layer which fails, or says that no tensor is returned.
    """
    entered: list[tuple[str, nn.Module, tuple[object, ...]]] = []
    with _watched(module, entered):
        try:
            found = module(x)
        except Exception as error:
            raise InputError(_why(error, entered, x, form)) from error
    if isinstance(found, Tensor):
        return found
    if has_logits(found):
        attach_logits(module)
        return logits_of(module, x, form)
    if isinstance(found, Mapping):
        keys = ", ".join(map(str, found))
        raise InputError(f"the model returns a mapping ({keys}) without 'logits': call what it predicts so")
    raise InputError(
        f"the model returns a {type(found).__name__}, not a tensor of logits: wrap it in a module that returns "
        "the logits alone"
    )


def gives_one(logits: Tensor, outputs: int) -> bool:
    """Whether ``logits`` are one number a sample where that says it all: two classes, or a value to be predicted."""
    return outputs <= 2 and (logits.ndim == 1 or (logits.ndim == 2 and logits.shape[1] == 1 < outputs))


def check_logits(logits: Tensor, classes: int) -> None:
    """Raise :class:`InputError` unless ``logits`` are numbers ``(B, classes)``; one class is a value to predict."""
    shape = tuple(logits.shape)
    if logits.ndim == 1 or (logits.ndim == 2 and shape[1] == 1 and classes > 1):
        raise InputError(
            f"the model gives one logit a sample, shape {shape}, but there are {classes} classes: "
            f"end it with {classes} outputs, one for each"
        )
    if logits.ndim != 2:
        mend = ", as behind an nn.Flatten()" if logits.ndim > 2 else ""
        raise InputError(
            f"the model gives outputs of shape {shape}: it must give (batch, {classes}), a logit a class{mend}"
        )
    if shape[1] != classes and classes == 1:
        raise InputError(f"the model gives {shape[1]} outputs, but one number is to be predicted: end it with 1")
    if shape[1] != classes:
        raise InputError(f"the model gives {shape[1]} logits, but there are {classes} classes: end it with {classes}")
    if not logits.is_floating_point():
        raise InputError(f"the model gives outputs of dtype {logits.dtype}: return logits, not the predicted class")


def warn_of_probabilities(logits: Tensor, of_large_weights: Callable[[], Tensor]) -> None:
    """Warn if a model gives probabilities in place of logits: what softmax or a sigmoid makes of them.

    A young model's logits may lie between 0 and 1 too, but not ``of_large_weights``.
    """
    with torch.no_grad():
        if bool((logits >= 0).all()) and bool((logits.sum(dim=1) - 1).abs().max() < 1e-4):
            last = "probabilities that sum to 1: leave out its softmax"
        elif _within_one(logits) and _within_one(of_large_weights()):
            last = "all between 0 and 1, as after a sigmoid: leave it out"
        else:
            return
    warnings.warn(f"the model's outputs are {last}, the loss takes logits", stacklevel=2)


def _within_one(logits: Tensor) -> bool:
    told = logits[:, 1:] if logits.shape[1] == 2 and not bool(logits[:, 0].any()) else logits  # [0, z]
    return told.numel() >= _ENOUGH and bool(((told >= 0) & (told <= 1)).all())


def words(error: Exception) -> str:
    """Return what an exception says, on one line."""
    text = " ".join(str(error).split())[:_MOST]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@contextmanager
def _watched(module: nn.Module, entered: list[tuple[str, nn.Module, tuple[object, ...]]]) -> Iterator[None]:
    """Keep in ``entered`` the modules that are being called, outermost first, and what they were given."""
    handles = []
    for name, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            continue

        def enter(part: nn.Module, given: tuple[object, ...], name: str = name) -> None:
            entered.append((name, part, given))

        def leave(part: nn.Module, given: tuple[object, ...], found: object) -> None:
            entered.pop()

        handles += [part.register_forward_pre_hook(enter), part.register_forward_hook(leave)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _why(error: Exception, entered: list[tuple[str, nn.Module, tuple[object, ...]]], x: Tensor, form: Form) -> str:
    """Return the sentence for a model that fails on a batch: the innermost layer that was at work, and the mend."""
    name, layer, given = entered[-1] if entered else ("", None, ())
    value = given[0] if given and isinstance(given[0], Tensor) else x
    place = f"layer '{name}' ({type(layer).__name__})" if name else f"the model ({type(layer).__name__})"
    samples = f"samples are {form.kind} of shape {tuple(x.shape[1:])} and dtype {str(x.dtype).removeprefix('torch.')}"
    if form.inputs:
        samples = f"samples have the inputs {', '.join(map(str, form.inputs))}"
    integers = not value.is_floating_point()
    if isinstance(layer, (nn.Embedding, nn.EmbeddingBag)):
        if not integers:
            mend = "of shape (n, length)" if form.inputs else "or say kind = 'codes'"
            return f"{place} looks up integers, but {samples}: give codes as integers, {mend}"
        low, high = int(value.min()), int(value.max())
        if low < 0 or high >= layer.num_embeddings:
            return (
                f"{place} has {layer.num_embeddings:,} rows, but the samples hold codes from {low:,} to {high:,}: "
                f"give it {high + 1:,} rows, or number the codes from 0"
            )
    if integers and layer is not None and any(part.is_floating_point() for part in layer.parameters(recurse=False)):
        return (
            f"{place} takes floating-point numbers, but {samples}: begin with an nn.Embedding, "
            "or say kind = 'vector' if the integers are numbers"
        )
    first = value.shape[1:] == x.shape[1:] and not form.inputs
    if isinstance(layer, nn.Linear) and first and value.ndim > 2:
        size = value[0].numel()
        built = "" if size == layer.in_features else f", and build it with in_features = {size}"
        return f"{place} takes rows of {layer.in_features:,} features, but {samples}: begin with nn.Flatten(){built}"
    if isinstance(layer, nn.RNNBase) and value.ndim == 3 and value.shape[1] == layer.input_size != value.shape[2]:
        return (
            f"{place} takes {layer.input_size:,} features at each time, but {samples}, time being the last axis: begin "
            "forward with x = x.transpose(1, 2)"
        )
    axes = _axes(layer)
    if axes is not None and first and value.ndim != axes + 2:
        return f"{place} takes {_AXES[axes][0]}, but {samples}: {_AXES[axes][1]}"
    if isinstance(layer, nn.Linear) and value.shape[-1] != layer.in_features:
        return (
            f"{place} takes {layer.in_features:,} features, but gets {value.shape[-1]:,} ({samples}): "
            f"build it with in_features = {value.shape[-1]}"
        )
    channels = getattr(layer, "in_channels", None) or getattr(layer, "num_features", None)
    if isinstance(channels, int) and value.ndim > 1 and value.shape[1] != channels:
        return (
            f"{place} takes {channels:,} channels, but gets {value.shape[1]:,} ({samples}): "
            f"build it for {value.shape[1]}"
        )
    return f"{place} fails ({words(error)}); {samples}: make the model fit them"


_AXES = {
    1: ("sequences (batch, channels, time)", "say layout = 'T' if a sample is a row in time, or begin with nn.Linear"),
    2: (
        "images (batch, channels, height, width)",
        "give samples as images, such as x.reshape(n, height, width), or begin with nn.Linear",
    ),
    3: (
        "volumes (batch, channels, depth, height, width)",
        "give samples as volumes (n, 1, depth, height, width), or begin with a layer of fewer axes",
    ),
}
"""What layers take of one, two and three axes beside batch and channels, and what to do where samples are others."""


def _axes(layer: nn.Module | None) -> int | None:
    """Return the number of axes, beside batch and channels, of what a convolution, pooling or normalisation takes."""
    kinds: tuple[tuple[type[nn.Module], ...], ...] = (
        (nn.Conv1d, nn.MaxPool1d, nn.AvgPool1d),
        (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, nn.BatchNorm2d),
        (nn.Conv3d, nn.MaxPool3d, nn.AvgPool3d, nn.BatchNorm3d),
    )
    return next((axes for axes, known in enumerate(kinds, 1) if isinstance(layer, known)), None)
