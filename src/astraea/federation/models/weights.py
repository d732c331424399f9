"""Weights from a file: read without running code, compared name by name and shape by shape, then taken over."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

import torch
from torch import Tensor, nn

from astraea.errors import InputError, RunError

__all__ = ["load_weights"]

_INSIDE = ("state_dict", "model_state_dict", "model")  # under which training scripts keep the weights in a checkpoint
_WRAPPERS = ("module.", "_orig_mod.")  # what DataParallel and torch.compile put before every name
_TOLD = 3


def load_weights(model: nn.Module, path: Path, skip: Sequence[str] = (), without: frozenset[str] = frozenset()) -> None:
    """Read the weights in ``path``, a safetensors file or one that ``torch.save`` wrote, into ``model``.

    What patterns in ``skip`` match, such as ``head.*``, keeps the values that it has, and so does what is called in
    ``without``, which the file need not have. Of a checkpoint of ``torch.save`` the state dict is taken; no code in it
    is run. Raises :class:`RunError` if the weights are not there or do not fit, :class:`InputError` for a pattern that
    matches nothing.
    """
    found, wanted = _read(path), model.state_dict()
    for pattern in skip:
        if not any(fnmatch(name, pattern) for name in wanted):
            raise InputError(f"model.skip pattern '{pattern}' matches no weight (known: {', '.join(wanted)})")

    def left(name: str) -> bool:
        return any(fnmatch(name, pattern) for pattern in skip)

    found = {name: value for name, value in found.items() if not left(name)}
    missing = [name for name in wanted if name not in found and name not in without and not left(name)]
    further = [name for name in found if name not in wanted]
    other = [
        f"{name} is {tuple(found[name].shape)} there and {tuple(value.shape)} in the model"
        for name, value in wanted.items()
        if name in found and found[name].shape != value.shape
    ]
    faults = [
        f"{told}: {', '.join(names[:_TOLD])}{f' and {len(names) - _TOLD} more' if len(names) > _TOLD else ''}"
        for told, names in (("not in the file", missing), ("not in the model", further), ("of another shape", other))
        if names
    ]
    if faults:
        raise RunError(
            f"the weights in {path} do not fit the model ({'; '.join(faults)}): name a file made by it, or leave out "
            "with model.skip what is to begin anew, such as ['head.*']"
        )
    model.load_state_dict(found, strict=False)


def _read(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise RunError(f"no weights at {path}: correct model.weights or leave it out")
    try:
        if path.suffix in (".pt", ".pth", ".bin", ".ckpt"):
            found = torch.load(path, map_location="cpu", weights_only=True)
        else:
            found = load_file(path)
    except pickle.UnpicklingError as error:
        raise RunError(
            f"{path} holds more than tensors, such as a whole module, whose code is not run: save the weights alone, "
            "torch.save(model.state_dict(), path)"
        ) from error
    except (SafetensorError, RuntimeError, OSError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RunError(f"the weights in {path} cannot be read ({reason}): replace it with a good copy") from error
    for key in _INSIDE:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise RunError(f"{path} holds no state dict: save one, torch.save(model.state_dict(), path)")
    for wrapper in _WRAPPERS:
        if found and all(name.startswith(wrapper) for name in found):
            found = {name.removeprefix(wrapper): value for name, value in found.items()}
    return dict(found)
