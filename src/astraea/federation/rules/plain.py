"""Plain descent on the loss."""

from __future__ import annotations

from astraea.federation.rule import LocalRule

__all__ = ["Plain"]


class Plain(LocalRule, name="plain"):
    """Nothing beyond descent on the loss."""
