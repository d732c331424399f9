"""Federation × congestion: what a round costs on a network of sites and links."""

from __future__ import annotations

from astraea.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__)
