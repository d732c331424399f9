"""Weight averaging over rounds: a model in use that is calmer than the one in training."""

from __future__ import annotations

from torch import Tensor

__all__ = ["averaged"]


def averaged(average: Tensor | None, params: Tensor, round_: int, decay: float) -> Tensor:
    """Return the mean over rounds after ``round_`` of them, counted from 1, shape ``(P,)``.

    ``d * average + (1 - d) * params`` with ``d = min(decay, 1 - 1 / round)``: the plain mean of all rounds so far
    (stochastic weight averaging, Izmailov et al., UAI 2018) until ``1 / (1 - decay)`` of them, and from then on the
    exponential moving average of Polyak & Juditsky's kind. It is used, not trained on.
    """
    if average is None:
        return params.clone()
    return average.lerp(params, 1.0 - min(decay, 1.0 - 1.0 / round_))
