"""Values as tensors by name and JSON beside them, and back: numbers, texts, tensors, mappings, lists, data classes.

Nothing is left out in silence: what cannot be stored is refused, with its place in the value.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor

from astraea.errors import InputError

__all__ = ["packed", "unpacked"]


def packed(value: Any, place: str) -> tuple[Any, dict[str, Tensor]]:
    """Return ``value`` as JSON, and its tensors by name; ``place`` is what names and messages begin with.

    Raises :class:`InputError` for a value of another kind.
    """
    tensors: dict[str, Tensor] = {}
    return _pack(value, place, tensors), tensors


def unpacked(plain: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return the value that :func:`packed` gave as ``plain`` and ``tensors``.

    No module is imported for a data class. Raises :class:`InputError` for one that is not loaded yet.
    """
    if not isinstance(plain, dict):
        return plain
    ((kind, content),) = plain.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "mapping":
        return {key: unpacked(part, tensors) for key, part in content}
    if kind in ("list", "tuple"):
        parts = (unpacked(part, tensors) for part in content)
        return list(parts) if kind == "list" else tuple(parts)
    path, held = content
    made = object.__new__(_loaded(path))
    for name, part in held.items():
        object.__setattr__(made, name, unpacked(part, tensors))
    return made


def _pack(value: Any, place: str, tensors: dict[str, Tensor]) -> Any:
    kind = type(value)
    if isinstance(value, Tensor):
        name = place if place not in tensors else f"{place}#{len(tensors)}"
        tensors[name] = value
        return {"tensor": name}
    if value is None or kind in (bool, int, float, str):
        return value
    if isinstance(value, float):  # NumPy's
        return float(value)
    if kind in (list, tuple):
        parts = [_pack(part, f"{place}/{number}", tensors) for number, part in enumerate(value)]
        return {kind.__name__: parts}
    if isinstance(value, Mapping):
        for key in value:
            if type(key) not in (int, str):
                raise InputError(f"{place} has the key {key!r}, which no checkpoint can hold: use texts and integers")
        return {"mapping": [[key, _pack(part, f"{place}/{key}", tensors)] for key, part in value.items()]}
    if is_dataclass(kind):
        names = [field.name for field in fields(kind)]
        more = sorted(set(getattr(value, "__dict__", ())) - set(names))
        if more:
            raise InputError(f"{place}/{more[0]} is no field of the data class {kind.__name__}: declare it there")
        held = {name: _pack(getattr(value, name), f"{place}/{name}", tensors) for name in names}
        return {"dataclass": [f"{kind.__module__}:{kind.__qualname__}", held]}
    raise InputError(
        f"{place} is of type {kind.__name__}, which no checkpoint can hold: use tensors, numbers, texts, "
        "mappings, lists or data classes of these"
    )


def _loaded(path: str) -> type[Any]:
    """Return the data class at ``path``, ``module:Name``, of a module that is loaded."""
    module, _, name = path.partition(":")
    found: Any = sys.modules.get(module)
    for step in name.split("."):
        found = getattr(found, step, None)
    if not (isinstance(found, type) and is_dataclass(found)):
        raise InputError(f"it holds a {path}, which is not loaded: bring the algorithm that this state belongs to")
    return found
