"""Models by name, or any ``nn.Module`` by import path."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from astraea.data.form import conventional
from astraea.errors import AstraeaError, InputError, RunError, unknown_name
from astraea.federation.diagnosis import check_logits, logits_of
from astraea.federation.models.general import MLP, SequenceCNN
from astraea.federation.models.papers import EmnistCNN, KerasCifarCNN
from astraea.federation.own_models import materialised
from astraea.seeding import Purpose, torch_seed

__all__ = [
    "MLP",
    "MODELS",
    "EmnistCNN",
    "KerasCifarCNN",
    "ModelSettings",
    "SequenceCNN",
    "build_model",
    "is_import_path",
    "load_weights",
]

MODELS: dict[str, Callable[..., nn.Module]] = {
    "emnist-cnn": EmnistCNN,
    "keras-cifar-cnn": KerasCifarCNN,
    "mlp": MLP,
    "sequence-cnn": SequenceCNN,
}


class ModelSettings(BaseModel):
    """Which model is trained, and where it begins."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        "auto",
        description="emnist-cnn or keras-cifar-cnn (the papers'), mlp, sequence-cnn, the import path of an "
        "nn.Module or a function that returns one (package.module:Name), or auto: by the samples' shape.",
    )
    options: dict[str, Any] = Field(
        default_factory=dict,
        description="Arguments of the model; shape and classes are passed by themselves where it takes them.",
    )
    weights: Path | None = Field(None, description="A safetensors file to start from (warm start).")
    freeze: tuple[str, ...] = Field(
        (),
        description="Patterns of parameter names that are not trained and do not travel, such as 'features.*'.",
    )


def build_model(
    settings: ModelSettings,
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
    name = _by_shape(shape) if settings.name == "auto" else settings.name
    options = settings.options
    if factory is None:
        factory = _find(name)
    else:
        name, options = getattr(factory, "__qualname__", type(factory).__qualname__), {}
    try:
        accepted = set(inspect.signature(factory).parameters)
    except ValueError:  # written in C, without a signature to ask for
        accepted = set()
    given = {"shape": shape, "classes": classes, "num_classes": classes}
    arguments = {key: value for key, value in given.items() if key in accepted} | options
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_seed(seed, Purpose.MODEL))
        try:
            model = factory(**arguments)
        except AstraeaError:
            raise
        except Exception as error:
            raise InputError(
                f"model '{name}' cannot be built for samples of shape {shape}: {error}; "
                "check model.options, or choose another model.name"
            ) from error
        if not isinstance(model, nn.Module):
            raise InputError(f"'{name}' gave a {type(model).__name__}, not an nn.Module: name one that does")
        model = materialised(model, torch.zeros(2, *shape, dtype=dtype))
        if settings.weights is not None:
            load_weights(model, settings.weights)
        _freeze(model, settings.freeze)
        _check(model, name, shape, classes, dtype)
    return model


def _by_shape(shape: tuple[int, ...]) -> str:
    if len(shape) == 3 and min(shape[1:]) >= 24:
        return "keras-cifar-cnn" if shape[0] == 3 else "emnist-cnn"
    return "sequence-cnn" if len(shape) == 2 and shape[1] >= 16 else "mlp"


def _find(name: str) -> Callable[..., nn.Module]:
    if name in MODELS:
        return MODELS[name]
    module_name, colon, attribute = name.rpartition(":") if ":" in name else name.rpartition(".")
    if not colon or not module_name:
        raise unknown_name("model", name, MODELS)
    here = str(Path.cwd())
    if here not in sys.path:  # a user's own file beside the configuration
        sys.path.insert(0, here)
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(f"model '{name}' cannot be imported ({error}): give it as package.module:Name") from error
    if not callable(found):
        raise InputError(f"model '{name}' is a {type(found).__name__}: name a class or function that makes one")
    factory: Callable[..., nn.Module] = found
    return factory


def is_import_path(name: str) -> bool:
    """Whether ``name`` stands for code of the user's own rather than for a model of this package."""
    return name != "auto" and name not in MODELS


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
