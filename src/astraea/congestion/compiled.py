"""How this room compiles: cached on disk, without the interpreter's lock, dividing by zero as IEEE 754 does.

Reference counting is switched off (``_nrt``): a world's arrays are held by the interpreter while compiled
code runs, which makes none of its own, and counting at every access makes the loop twenty times slower. So
compiled functions of this room may be called from the interpreter and from each other, and never return an
array to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

__all__ = ["compiled", "inlined"]

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: Any = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}


def compiled(function: F) -> F:
    """Compile a function that is called as a whole."""
    return cast(F, njit(**_OPTIONS)(function))


def inlined(function: F) -> F:
    """Compile a function into its callers: a world has too many arrays to be handed over for every packet."""
    return cast(F, njit(forceinline=True, **_OPTIONS)(function))
