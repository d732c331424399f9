"""How this room compiles: cached on disk, without the interpreter's lock, dividing by zero as IEEE 754 does.

Reference counting is switched off (``_nrt``): a world's arrays are held by the interpreter while compiled
code runs, which makes none of its own, and counting at every access makes the loop twenty times slower. So
compiled functions of this room may be called from the interpreter and from each other, and never return an
array to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, TypeVar

import numpy as np
from numba import njit
from numba.core import config
from numba.core.types import unliteral

__all__ = ["cache_under", "compiled", "digest_of", "inlined", "inner"]

F = TypeVar("F", bound=Callable[..., Any])

_INTERPRETED: bool = config.DISABLE_JIT  # type: ignore[attr-defined]
_OPTIONS: Any = {"nogil": True, "error_model": "numpy", "_nrt": False}

_ROOM = Path(__file__).parent
_SIMULATOR = {
    *(path for folder in ("connection", "controllers", "simulator") for path in (_ROOM / folder).glob("*.py")),
    *(_ROOM / name for name in ("compiled.py", "rng.py", "settings.py")),
}
_PLAYED = {path for path in _ROOM.rglob("*.py") if path in _SIMULATOR or __name__ in path.read_text(encoding="utf-8")}
_CACHES: list[tuple[Any, str]] = []  # of functions that may call controllers, and the names of their files
_label = ""


def _stamp(files: Iterable[Path]) -> str:
    return sha256(b"".join(path.name.encode() + path.read_bytes() for path in sorted(files))).hexdigest()


_STAMPS = {True: _stamp(_SIMULATOR), False: _stamp(_PLAYED)}


def compiled(function: F) -> F:
    """Compile a function that is called as a whole."""
    return _made(function)


def inner(function: F) -> F:
    """Compile a function that compiled code alone calls: a face towards the interpreter doubles the compiler's work."""
    return _made(function, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def inlined(function: F) -> F:
    """Compile a function into its callers: a world has too many arrays to be handed over for every packet."""
    return _made(function, forceinline=True)


def _made(function: F, **options: Any) -> F:
    if _INTERPRETED:  # machine code neither warns of overflow nor of division by zero
        return np.errstate(all="ignore")(function)
    file = Path(function.__code__.co_filename)
    ours = _ROOM.parent in file.parents  # a user's function is cached as a part of what it is compiled into
    dispatcher: Any
    try:
        dispatcher = njit(cache=ours, **_OPTIONS, **options)(function)
    except RuntimeError:  # nowhere to keep it: the package is read-only, and the user has no folder of their own
        ours, dispatcher = False, njit(**_OPTIONS, **options)(function)
    if ours:
        cache = dispatcher._cache._cache_file
        # what is cached depends on all that may be compiled into it, not on the function's own file alone
        cache._source_stamp = _STAMPS[file in _SIMULATOR]
        if _ROOM not in file.parents:
            cache._source_stamp += _stamp(file.parent.glob("*.py"))
        elif file.parent.name not in ("connection", "controllers"):
            _CACHES.append((cache, cache._index_name.removesuffix(".nbi")))
            _name_files(*_CACHES[-1])
    _generalise(dispatcher)
    made: F = dispatcher
    return made


def _generalise(dispatcher: Any) -> None:
    """Let calls with different constants share one piece of code: numba would compile it anew for each of them."""
    template = dispatcher.get_call_template

    any_constant: Any = unliteral

    def general(args: Any, kws: Any) -> Any:
        return template(tuple(map(any_constant, args)), {name: any_constant(kind) for name, kind in kws.items()})

    dispatcher.get_call_template = general


def cache_under(label: str) -> None:
    """Cache what is compiled from now on apart from that of other labels: it depends on the controllers there are."""
    global _label
    _label = label
    for cache, base in _CACHES:
        _name_files(cache, base)


def _name_files(cache: Any, base: str) -> None:
    name = f"{base}-{_label}" if _label else base
    cache._index_name, cache._data_name_pattern = f"{name}.nbi", f"{name}.{{number:d}}.nbc"
    cache._index_path = str(Path(cache._cache_path, cache._index_name))


def digest_of(value: Any) -> str:
    """Return a text that differs where compiled code of ``value`` might: of functions, what they refer to included."""
    found = sha256()
    _digest(value, found.update, set())
    return found.hexdigest()[:16]


def _digest(value: Any, add: Callable[[bytes], None], seen: set[int]) -> None:
    function = getattr(value, "py_func", value)
    function = getattr(function, "__wrapped__", function)
    if isinstance(value, list | tuple):
        for item in value:
            _digest(item, add, seen)
    elif isinstance(value, set | frozenset):  # in no order, least of all that of another process
        add(repr(sorted(map(repr, value))).encode())
    elif isinstance(value, CodeType):
        add(value.co_code)
        _digest(value.co_consts, add, seen)
        add(repr(value.co_names).encode())
    elif hasattr(function, "__code__"):
        if id(function) not in seen:
            seen.add(id(function))
            _digest(function.__code__, add, seen)
            for name in _names(function.__code__):
                given = function.__globals__.get(name)
                if isinstance(given, ModuleType):
                    parts = [getattr(given, inner, None) for inner in _names(function.__code__)]
                    _digest([part for part in parts if callable(part) or isinstance(part, int | float)], add, seen)
                else:
                    _digest(given, add, seen)
    else:
        add(repr(value).encode())


def _names(code: CodeType) -> list[str]:
    inner = [name for part in code.co_consts if isinstance(part, CodeType) for name in _names(part)]
    return [*code.co_names, *inner]
