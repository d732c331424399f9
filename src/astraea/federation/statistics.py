"""Frozen running statistics: batch normalisation that uses those which the model came with, and leaves them alone.

So a pretrained model is trained further on small batches, or on one sample, and no client's statistics travel.
"""

from __future__ import annotations

from torch import nn

from astraea.errors import InputError

__all__ = ["freeze_statistics", "keeps_statistics", "moving"]

_MARK = "_astraea_frozen_statistics"  # on the layer itself, so that copies of the model have it too


def freeze_statistics(module: nn.Module) -> None:
    """Let every batch normalisation of ``module`` keep its statistics in training. Raises :class:`InputError`."""
    layers = [part for part in module.modules() if _is_batch_norm(part) and part.running_mean is not None]
    if not layers:
        raise InputError(
            "train.freeze_statistics is set, but the model has no batch normalisation that keeps statistics: leave it "
            "out"
        )
    for part in layers:
        setattr(part, _MARK, True)


def keeps_statistics(module: nn.Module) -> list[nn.Module]:
    """Return the layers of ``module`` whose statistics are frozen."""
    return [part for part in module.modules() if getattr(part, _MARK, False)]


def moving(module: nn.Module) -> bool:
    """Whether ``module`` has batch normalisation that is computed from the batch in training."""
    return any(_is_batch_norm(part) and not getattr(part, _MARK, False) for part in module.modules())


def _is_batch_norm(part: nn.Module) -> bool:
    return isinstance(part, nn.modules.batchnorm._BatchNorm)
