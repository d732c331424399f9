"""Every key of a configuration with its default and its meaning: the command line's help and the reference page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from astraea.experiment.settings import RunSettings
from astraea.parts import Part

__all__ = ["Key", "describe"]


class Key(NamedTuple):
    """One key: its dotted name, its default as in TOML (``–`` for none), and what it means."""

    name: str
    default: str
    description: str


def describe() -> list[Key]:
    """Return every key, in the order of the settings; a part's own keys name it."""
    return list(_walk(RunSettings, ""))


def _walk(model: type[BaseModel], prefix: str) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Part):
            yield from _parts(kind, f"{prefix}{name}", field)
            continue
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _walk(kind, f"{prefix}{name}.")
            continue
        default = field.get_default(call_default_factory=True)
        yield Key(f"{prefix}{name}", _toml(default), field.description or "")


def _parts(kind: type[Part], key: str, field: FieldInfo) -> Iterator[Key]:
    """Yield the key that names the part, then the keys of each part; these name it."""
    usual = field.get_default(call_default_factory=True).name
    yield Key(key, _toml(usual), f"{field.description} One of: {', '.join(kind.known())}.")
    for name, part in kind.known().items():
        for found in _walk(part, f"{key}."):
            yield found._replace(description=f"{found.description} ({name})")


def _toml(value: Any) -> str:
    if value is None or value is PydanticUndefined:
        return "–"
    return json.dumps(value, default=str)
