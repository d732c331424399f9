"""Federation × congestion: what a round costs on a network of sites and links."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Network": "settings",
    "RoundTime": "timing",
    "load_network": "files",
    "round_time": "timing",
    "shipped_networks": "files",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: the compiler takes a second to load."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
