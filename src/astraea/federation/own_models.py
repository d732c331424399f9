"""Models that come as modules: copied whole, and their lazy layers made."""

from __future__ import annotations

import copy
import io
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from astraea.errors import InputError
from astraea.federation.diagnosis import words

__all__ = ["copied", "materialised"]


def copied(module: nn.Module) -> nn.Module:
    """Return an independent copy of ``module`` that can be trained."""
    if not isinstance(module, torch.jit.ScriptModule):
        try:
            lazy = [one for one in module.buffers() if isinstance(one, UninitializedBuffer)]  # no copy of their own
            make: Any = UninitializedBuffer
            memo = {id(one): make(device=one.device, dtype=one.dtype) for one in lazy}
            return copy.deepcopy(module, memo)
        except Exception as error:
            raise InputError(
                f"the model cannot be copied ({words(error)}): give a function that makes it; a tensor that was "
                "computed from weights, as by weight_norm, must not be kept in it, nor an open file or a lock"
            ) from error
    # The parameters of a scripted module's deep copy are no leaves: no gradient would arrive at them.
    content = io.BytesIO()
    torch.jit.save(module, content)
    content.seek(0)
    loaded: nn.Module = torch.jit.load(content)  # type: ignore[no-untyped-call]
    return loaded


def materialised(module: nn.Module, x: Tensor) -> nn.Module:
    """Return ``module`` with its lazy layers made for samples ``x`` ``(B, *sample)``; weights come from PyTorch's seed.

    Raises :class:`InputError` if it fails on them.
    """
    if not any(isinstance(parameter, UninitializedParameter) for parameter in module.parameters()):
        return module
    training = module.training
    try:
        with torch.no_grad():
            module.eval()
            module(x)
    except Exception as error:
        raise InputError(f"the model's lazy layers cannot be made: {words(error)}") from error
    return module.train(training)
