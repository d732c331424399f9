"""Public names of a package that are imported when they are first used, since what they need takes seconds to load.

A package lists them once, in the ``__init__.pyi`` beside its ``__init__.py``, as imports from where they are defined:
so type checkers and editors know what they are.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of ``package``, from its ``__init__.pyi``."""
    file = sys.modules[package].__file__
    assert file is not None
    stub = ast.parse(Path(file).with_suffix(".pyi").read_text(encoding="utf-8"))
    homes = {
        name.asname or name.name: (node.module, name.name)
        for node in stub.body
        if isinstance(node, ast.ImportFrom) and node.module is not None
        for name in node.names
    }
    names = sorted(homes)

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        module, original = homes[name]
        return getattr(import_module(module), original)

    def listed() -> list[str]:
        return [*names, *vars(sys.modules[package])]

    return get, listed, names
