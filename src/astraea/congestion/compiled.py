"""How this room compiles: cached on disk, without the interpreter's lock, dividing by zero as IEEE 754 does.

Reference counting is switched off (``_nrt``): a world's arrays are held by the interpreter while compiled
code runs, which makes none of its own, and counting at every access makes the loop twenty times slower. So
compiled functions of this room may be called from the interpreter and from each other, and never return an
array to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numba import njit
from numba.core import config

__all__ = ["compiled", "inlined"]

F = TypeVar("F", bound=Callable[..., Any])
Stamp = tuple[tuple[str, int, int], ...]

_INTERPRETED: bool = config.DISABLE_JIT  # type: ignore[attr-defined]
_OPTIONS: Any = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}


def _stamp(files: Iterable[Path]) -> Stamp:
    return tuple((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(files))


_ROOM = Path(__file__).parent
_MADE_OF = [
    path
    for path in _ROOM.rglob("*.py")
    if path.name in ("state.py", "catalogue.py") or __name__ in path.read_text(encoding="utf-8")
]
_CORE = [path for path in _MADE_OF if path.parent.name in ("simulator", "controllers")]
_CORE += [_ROOM / "rng.py", Path(__file__)]
_STAMPS = {True: _stamp(_CORE), False: _stamp(_MADE_OF)}


def compiled(function: F) -> F:
    """Compile a function that is called as a whole."""
    if _INTERPRETED:  # machine code neither warns of overflow nor of division by zero
        return np.errstate(all="ignore")(function)
    dispatcher: F = _stamped(njit(**_OPTIONS)(function))
    return dispatcher


def inlined(function: F) -> F:
    """Compile a function into its callers: a world has too many arrays to be handed over for every packet."""
    dispatcher: F = _stamped(njit(forceinline=True, **_OPTIONS)(function))
    return dispatcher


def _stamped(dispatcher: Any) -> Any:
    """Let the cached code of a function depend on all that may be compiled into it, not on its own file alone."""
    if not _INTERPRETED:
        cache = dispatcher._cache._cache_file
        in_core = Path(dispatcher.py_func.__code__.co_filename) in _CORE
        cache._source_stamp = (cache._source_stamp, _STAMPS[in_core])
    return dispatcher
