"""Models by name, or any ``nn.Module`` by import path."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatch
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from astraea.data.form import Form, conventional
from astraea.data.packing import Input, example
from astraea.errors import AstraeaError, InputError
from astraea.federation.calling import attach_columns, attach_cut, attach_dtype, attach_inputs, is_attached
from astraea.federation.diagnosis import check_logits, gives_one, logits_of
from astraea.federation.models.auto import AutoModel
from astraea.federation.models.base import Imported, Model, made
from astraea.federation.models.etf import fix_classifier
from astraea.federation.models.general import MLP, MLPModel, SequenceCNN, SequenceCNNModel
from astraea.federation.models.papers import EmnistCNN, EmnistCNNModel, KerasCifarCNN, KerasCifarCNNModel
from astraea.federation.models.resnet import ResNet8, ResNet8Model
from astraea.federation.models.weights import load_weights
from astraea.federation.own_models import materialised
from astraea.seeding import Purpose, torch_seed

__all__ = [
    "MLP",
    "AutoModel",
    "EmnistCNN",
    "EmnistCNNModel",
    "Imported",
    "KerasCifarCNN",
    "KerasCifarCNNModel",
    "MLPModel",
    "Model",
    "ResNet8",
    "ResNet8Model",
    "SequenceCNN",
    "SequenceCNNModel",
    "build_model",
    "fitted",
    "load_weights",
]


def build_model(
    settings: Model,
    shape: tuple[int, ...],
    classes: int,
    seed: int,
    dtype: torch.dtype = torch.float32,
    factory: Callable[..., nn.Module] | None = None,
    inputs: tuple[Input, ...] = (),
) -> nn.Module:
    """Return the model for samples of ``shape`` and ``classes`` classes, its initial weights drawn from ``seed``.

    ``dtype`` is that of its input, an integer one for codes. Where there are several ``inputs``, samples are rows of
    bytes, out of which the model is given them by name, and it is built for a mapping of shapes. A ``factory`` of the
    caller's takes the place of the name and its options. See :mod:`astraea.federation.calling` for what is attached.

    Raises :class:`InputError` for an unknown name, arguments it does not take, a pattern that freezes nothing,
    or a model that does not map a batch to logits ``(B, classes)``; :class:`RunError` for a weights
    file that is missing or of another model.
    """
    name = settings.called() if factory is None else getattr(factory, "__qualname__", type(factory).__qualname__)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_seed(seed, Purpose.MODEL))
        try:
            told: Any = {one.name: one.shape for one in inputs} if inputs else shape
            if inputs and factory is None and not isinstance(settings, Imported):
                raise InputError(
                    f"model '{settings.name}' takes one input, but samples have {', '.join(told)}: bring a model of "
                    "your own, whose forward takes these names"
                )
            model = settings.build(told, classes) if factory is None else made(factory, told, classes, {})
        except AstraeaError:
            raise
        except Exception as error:
            raise InputError(
                f"model '{name}' cannot be built for samples of shape {shape}: {error}; "
                "check its settings, or choose another model.name"
            ) from error
        if not isinstance(model, nn.Module):
            raise InputError(f"'{name}' gave a {type(model).__name__}, not an nn.Module: name one that does")
        model = getattr(model, "_orig_mod", model)  # torch.compile's wrapper, whose weights nobody else may move
        if any(one.is_meta for one in model.parameters()):
            raise InputError(
                f"model '{name}' has no weights yet (device meta): build it on a device, as with to_empty()"
            )
        samples = torch.from_numpy(example(inputs, 2)) if inputs else torch.zeros(2, *shape, dtype=dtype)
        if inputs:
            attach_inputs(model, inputs)
        attach_dtype(model)
        model = materialised(model, samples)
        if settings.head == "etf":
            fix_classifier(model, name, classes)
        if settings.weights is not None:
            load_weights(model, settings.weights, settings.skip)
        elif settings.skip:
            raise InputError("model.skip says which weights of a file are left out, and model.weights names none")
        _freeze(model, settings.freeze)
        _check(model, name, samples, classes, inputs)
        if inputs:
            shorten(model, inputs)
    return model


def fitted(model: nn.Module, samples: Tensor, form: Form, outputs: int | None) -> tuple[nn.Module, int]:
    """Return a caller's ``model`` for samples as models get them, and how many outputs it has.

    Inputs go in by name and in the type of its weights, lazy layers are made, and logits come out of what it returns;
    for two ``outputs`` it may give one. A model that :func:`build_model` made is left as it is.
    """
    if not is_attached(model):
        if form.inputs:
            attach_inputs(model, form.inputs)
        attach_dtype(model)
        model = materialised(model, samples)
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            logits = logits_of(model, samples, form)
            if outputs is not None and gives_one(logits, outputs):
                attach_columns(model, outputs)
                logits = logits_of(model, samples, form)
    finally:
        model.train(training)
    check_logits(logits, logits.shape[-1] if outputs is None else outputs)
    if form.inputs:
        shorten(model, form.inputs)
    return model, logits.shape[-1]


def shorten(model: nn.Module, inputs: tuple[Input, ...]) -> None:
    """Let a model of several inputs get sequences no longer than it needs; see :func:`attach_cut`."""
    device = next((one.device for one in model.parameters()), None)
    attach_cut(model, torch.from_numpy(example(inputs, 2, np.random.default_rng(0), padding=True)).to(device))


def _freeze(model: nn.Module, patterns: tuple[str, ...]) -> None:
    names = dict(model.named_parameters())
    for pattern in patterns:
        matching = [name for name in names if fnmatch(name, pattern)]
        if not matching:
            raise InputError(f"model.freeze pattern '{pattern}' matches no parameter (known: {', '.join(names)})")
        for name in matching:
            names[name].requires_grad_(False)


def _check(model: nn.Module, name: str, samples: Tensor, classes: int, inputs: tuple[Input, ...]) -> None:
    """Raise :class:`InputError` unless ``model`` gives logits; where it gives them by that name, take them.

    Whether they are finite is seen on real samples, as a mean over nothing or a sample of no length is no number.
    """
    training, shape = model.training, tuple(samples.shape[1:])
    form = Form("inputs", "uint8", "", shape, inputs=inputs) if inputs else conventional(samples.dtype, samples.shape)
    model.eval()
    try:
        with torch.no_grad():
            device = next((parameter.device for parameter in model.parameters()), None)
            logits = logits_of(model, samples.to(device), form)
            if gives_one(logits, classes):
                attach_columns(model, classes)
                logits = logits_of(model, samples.to(device), form)
    except InputError as error:
        told = "these inputs" if inputs else f"samples of shape {shape}"
        raise InputError(f"model '{name}' fails on {told}: {error}") from error
    finally:
        model.train(training)
    try:
        check_logits(logits, classes)
    except InputError as error:
        raise InputError(
            f"model '{name}' maps 2 samples to {tuple(logits.shape)}, expected (2, {classes}): {error}"
        ) from error
