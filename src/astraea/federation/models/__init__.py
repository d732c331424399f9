"""Models by name, or any ``nn.Module`` by import path."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import torch
from torch import nn

from astraea.data.form import conventional
from astraea.errors import AstraeaError, InputError, RunError
from astraea.federation.diagnosis import check_logits, logits_of
from astraea.federation.models.auto import AutoModel
from astraea.federation.models.base import Imported, Model, made
from astraea.federation.models.etf import fix_classifier
from astraea.federation.models.general import MLP, MLPModel, SequenceCNN, SequenceCNNModel
from astraea.federation.models.papers import EmnistCNN, EmnistCNNModel, KerasCifarCNN, KerasCifarCNNModel
from astraea.federation.models.resnet import ResNet8, ResNet8Model
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
    "load_weights",
]


def build_model(
    settings: Model,
    shape: tuple[int, ...],
    classes: int,
    seed: int,
    dtype: torch.dtype = torch.float32,
    factory: Callable[..., nn.Module] | None = None,
) -> nn.Module:
    """Return the model for samples of ``shape`` and ``classes`` classes, its initial weights drawn from ``seed``.

    ``dtype`` is that of its input, an integer one for codes. A ``factory`` of the caller's takes the place of the name
    and its options.

    Raises :class:`InputError` for an unknown name, arguments it does not take, a pattern that freezes nothing,
    or a model that does not map a batch to finite logits ``(B, classes)``; :class:`RunError` for a weights
    file that is missing or of another model.
    """
    name = settings.called() if factory is None else getattr(factory, "__qualname__", type(factory).__qualname__)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_seed(seed, Purpose.MODEL))
        try:
            model = settings.build(shape, classes) if factory is None else made(factory, shape, classes, {})
        except AstraeaError:
            raise
        except Exception as error:
            raise InputError(
                f"model '{name}' cannot be built for samples of shape {shape}: {error}; "
                "check its settings, or choose another model.name"
            ) from error
        if not isinstance(model, nn.Module):
            raise InputError(f"'{name}' gave a {type(model).__name__}, not an nn.Module: name one that does")
        model = materialised(model, torch.zeros(2, *shape, dtype=dtype))
        if settings.head == "etf":
            fix_classifier(model, name, classes)
        if settings.weights is not None:
            load_weights(model, settings.weights)
        _freeze(model, settings.freeze)
        _check(model, name, shape, classes, dtype)
    return model


def load_weights(model: nn.Module, path: Path) -> None:
    """Read the weights in ``path`` into ``model``. Raises :class:`RunError` if they are not there or do not fit."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        model.load_state_dict(load_file(path))
    except FileNotFoundError as error:
        raise RunError(f"no weights at {path}: correct model.weights or leave it out") from error
    except (SafetensorError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        raise RunError(f"the weights in {path} do not fit the model ({reason}): name a file made by it") from error


def _freeze(model: nn.Module, patterns: tuple[str, ...]) -> None:
    names = dict(model.named_parameters())
    for pattern in patterns:
        matching = [name for name in names if fnmatch(name, pattern)]
        if not matching:
            raise InputError(f"model.freeze pattern '{pattern}' matches no parameter (known: {', '.join(names)})")
        for name in matching:
            names[name].requires_grad_(False)


def _check(model: nn.Module, name: str, shape: tuple[int, ...], classes: int, dtype: torch.dtype) -> None:
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            device = next((parameter.device for parameter in model.parameters()), None)
            zeros = torch.zeros(2, *shape, dtype=dtype, device=device)
            logits = logits_of(model, zeros, conventional(dtype, zeros.shape))
    except InputError as error:
        raise InputError(f"model '{name}' fails on samples of shape {shape}: {error}") from error
    finally:
        model.train(training)
    try:
        check_logits(logits, classes)
    except InputError as error:
        shape = tuple(logits.shape)
        raise InputError(f"model '{name}' maps 2 samples to {shape}, expected (2, {classes}): {error}") from error
    if not bool(torch.isfinite(logits).all()):
        raise InputError(f"model '{name}' gives NaN or infinite logits before any training: check its weights")
