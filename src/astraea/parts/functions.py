"""Functions as parts: what is one call may be a plain function, and need be no class."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import inspect
import textwrap
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from astraea.errors import InputError

__all__ = ["code_digest", "part_of", "takes"]

_P = TypeVar("_P")


def takes(function: Callable[..., Any], name: str) -> bool:
    """Whether ``function`` has a parameter called ``name``."""
    try:
        return name in inspect.signature(function).parameters
    except ValueError:  # written in C, without a signature to ask for
        return False


def part_of(base: type[_P], found: Any, call: Callable[..., Any], **constants: Any) -> type[_P] | None:
    """Return a part of the kind ``base`` whose ``__call__`` is ``call``, made of ``found``; ``None`` if it is a class.

    It is known by the import path of ``found``, or that of its class and a hash of what it prints and, of a module, of
    its tensors. Raises :class:`InputError` for an object that is known by nothing but its place in memory.
    """
    if isinstance(found, type) or not callable(found):
        return None
    named = hasattr(found, "__qualname__")
    home, path = (found if named else type(found)), ""
    if not named:
        text = repr(found).encode()
        if b" at 0x" in text:
            raise InputError(
                f"an object of {type(found).__qualname__} cannot be told from another one: give a function, or a class "
                f"with its settings as fields, a subclass of {base.__module__}:{base.__qualname__}"
            )
        for name, value in getattr(found, "state_dict", dict)().items():
            text += name.encode() + value.detach().cpu().numpy().tobytes()
        path = f"-{hashlib.blake2b(text, digest_size=8).hexdigest()}"
    doc = (inspect.getdoc(found) or "").split("\n\n")[0] or f"The function {home.__qualname__}."
    body = {"__module__": home.__module__, "__qualname__": home.__qualname__ + path, "__doc__": doc, "__call__": call}
    make: Any = type(base)
    made: type[_P] = make(home.__name__, (base,), body | constants)
    _MADE_OF[made] = found
    return made


def code_digest(part: type[Any]) -> str:
    """Return a hash of the code that a part stands for: of its function, or of its class and those it is made from.

    Of Python source it is that of the syntax, so that comments and line breaks do not matter; with it go the defaults
    of a function and the plain values that it encloses.
    """
    found = _MADE_OF.get(part, part)
    target = found if inspect.isclass(found) or inspect.isroutine(found) else type(found)
    digest = hashlib.blake2b(_code(target), digest_size=16)
    held = [*(getattr(target, "__defaults__", None) or ()), *(getattr(target, "__kwdefaults__", None) or {}).items()]
    for cell in getattr(target, "__closure__", None) or ():
        with contextlib.suppress(ValueError):  # not filled yet
            held.append(cell.cell_contents)
    digest.update(repr([value for value in held if " at 0x" not in repr(value)]).encode())
    return digest.hexdigest()


_MADE_OF: weakref.WeakKeyDictionary[type[Any], Any] = weakref.WeakKeyDictionary()
"""What parts were made of that were brought as functions or objects."""


def _code(target: Any) -> bytes:
    try:
        return ast.dump(ast.parse(textwrap.dedent(inspect.getsource(target)))).encode()
    except (OSError, TypeError, SyntaxError, ValueError):  # typed in, of another language, or part of a line
        return _compiled(getattr(target, "__code__", None))


def _compiled(code: Any) -> bytes:
    if code is None:
        return b""
    inner = b"".join(_compiled(one) if inspect.iscode(one) else repr(one).encode() for one in code.co_consts)
    return bytes(code.co_code) + inner + repr(code.co_names).encode()
