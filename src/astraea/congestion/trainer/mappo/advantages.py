"""How much better a decision was than the critic thought."""

from __future__ import annotations

from astraea.congestion.compiled import compiled
from astraea.congestion.connection.record import Floats, Ints

__all__ = ["fill_advantages"]


@compiled
def fill_advantages(
    earned: Floats, discounts: Floats, values: Floats, after: Floats, following: Ints, lam: float, out: Floats
) -> None:
    """Write generalised advantages (GAE, Schulman et al., arXiv:1506.02438) into ``out``, all of shape ``(n,)``.

    ``delta = earned + discount * after - value`` and ``advantage = delta + discount * lam * advantage of the
    following``, where there is one; it lies behind.
    """
    for row in range(len(out) - 1, -1, -1):
        out[row] = earned[row] + discounts[row] * after[row] - values[row]
        if following[row] >= 0:
            out[row] += discounts[row] * lam * out[following[row]]
