"""Code that settings name: import paths, followed where they are trusted, and the parts of installed packages."""

from __future__ import annotations

import importlib
import sys
import warnings
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from astraea.errors import InputError, nearest

__all__ = ["ENTRY_POINTS", "Typed", "import_installed", "imported"]

ENTRY_POINTS = "astraea.parts"
"""The group of entry points under which an installed package names the modules of its parts."""

_INSTALLED: set[str] = set()


class Typed(str):
    """Text that the user typed just now, on the command line or in code: import paths in it are trusted."""

    __slots__ = ()


def imported(kind: str, name: str, *, trust: bool) -> Any:
    """Return what lies at an import path, ``package.module:Name``; nothing is imported without ``trust``."""
    module, _, attribute = name.rpartition(":") if ":" in name else name.rpartition(".")
    if not trust:
        raise InputError(
            f"{kind} '{name}' is code that this configuration names, and is imported only if you trust it: "
            "add --trust (in Python trust=True), or bring the class itself"
        )
    here = str(Path.cwd())
    if here not in sys.path:  # a user's own file beside the configuration
        sys.path.insert(0, here)
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise InputError(f"{kind} '{name}' cannot be imported: {_not_there(module, error.name)}") from error
    except Exception as error:  # the module is there, but whatever it does fails
        if not module:
            raise InputError(f"{kind} '{name}' cannot be imported: give it as package.module:Name") from error
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{kind} '{name}' cannot be imported, as its module fails ({reason}): mend it") from error
    for step in attribute.split("."):
        if not hasattr(found, step):
            public = (one for one in getattr(found, "__dict__", ()) if not one.startswith("_"))
            more = nearest(step, public) or ": correct the name"
            raise InputError(f"{kind} '{name}' cannot be imported, as {module} has no '{step}'{more}")
        found = getattr(found, step)
    return found


def _not_there(module: str, missing: str | None) -> str:
    """Return what to do where a module is ``missing``: the one that was named, or one that it needs itself."""
    if missing is None or module == missing or module.startswith(f"{missing}."):
        return f"there is no module '{module}' in this folder or installed, so correct the name, package.module:Name"
    return f"its module '{module}' needs '{missing}', which is not installed here: install it"


def import_installed() -> None:
    """Import the modules that installed packages name as theirs, each once."""
    for entry in _entries(tuple(sys.path)):
        if entry.value not in _INSTALLED:
            _INSTALLED.add(entry.value)
            try:
                entry.load()
            except Exception as error:
                package = entry.dist.name if entry.dist is not None else entry.value
                warnings.warn(
                    f"the parts of the installed package {package} cannot be loaded ({type(error).__name__}: {error}): "
                    "mend or uninstall it",
                    stacklevel=2,
                )


@lru_cache(maxsize=1)
def _entries(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Return what packages on ``path``, which is ``sys.path``, bring: reading that takes 20 ms."""
    return tuple(entry_points(group=ENTRY_POINTS))
