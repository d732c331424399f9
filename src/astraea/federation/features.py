"""Features: what enters a model's final layer, seen while the model is called as always."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from torch import Tensor, nn

from astraea.errors import InputError

__all__ = ["Features"]


class Features:
    """Within its context, keeps what entered the last linear layer at the latest call of ``module``.

    Raises :class:`InputError` if there is no linear layer.
    """

    def __init__(self, module: nn.Module) -> None:
        layers = [part for part in module.modules() if isinstance(part, nn.Linear)]
        if not layers:
            raise InputError(
                "train.rule reads what enters the final linear layer, and the model has no linear layer that is "
                "trained: choose another rule, and leave model.head out"
            )
        self._layer = layers[-1]
        self._seen: tuple[Tensor, Tensor] | None = None

    def __enter__(self) -> Self:
        self._hook = self._layer.register_forward_hook(self._keep)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hook.remove()
        self._seen = None

    def _keep(self, layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        self._seen = (inputs[0], output)

    def of(self, logits: Tensor) -> Tensor:
        """Return the features ``(B, d)`` from which the model made ``logits`` ``(B, N)``, with their gradient.

        Raises :class:`InputError` if its last linear layer did not make them.
        """
        if self._seen is None or self._seen[1].shape != logits.shape or self._seen[0].ndim != 2:
            raise InputError(
                "train.rule reads what enters the final linear layer, and the model's logits do not come out of its "
                "last linear layer: choose another rule"
            )
        features = self._seen[0]
        return features.to(logits.dtype)
