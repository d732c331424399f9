"""The least that is always done: what is not finite is refused."""

from __future__ import annotations

from astraea.federation.defences.base import Defence

__all__ = ["Finite"]


class Finite(Defence, name="finite"):
    """Models that are NaN or infinite are discarded, and nothing else is."""
