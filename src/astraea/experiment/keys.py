"""Every key of a configuration with its default and its meaning: the command line's help and the reference pages."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from astraea.experiment.settings import RunSettings
from astraea.parts import Part

__all__ = ["Key", "describe", "describe_network", "toml"]

_BOUNDS = {"gt": "> ", "ge": "≥ ", "lt": "< ", "le": "≤ "}


class Key(NamedTuple):
    """One key: its dotted name, its default as in TOML (``–`` for none), what it means, who has it, its range."""

    name: str
    default: str
    description: str
    part: str = ""
    allowed: str = ""


def describe(settings: type[BaseModel] = RunSettings) -> list[Key]:
    """Return every key, in the order of ``settings``; the key of a kind of part comes before those of its parts."""
    return list(_walk(settings, ""))


def describe_network() -> dict[str, list[Key]]:
    """Return the keys of a network file by the table of TOML that they stand in; those at the top are under ``""``."""
    from astraea.network.settings import Link, Network, Server, Site, Transport

    tables: dict[str, type[BaseModel]] = {
        "[server]": Server,
        "[[links]]": Link,
        "[[sites]]": Site,
        "[transport]": Transport,
    }
    inner = {title.strip("[]") for title in tables}
    top = [key for key in describe(Network) if key.name.split(".")[0] not in inner]
    return {"": top, **{title: describe(table) for title, table in tables.items()}}


def _walk(model: type[BaseModel], prefix: str) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        kind, key = field.annotation, f"{prefix}{name}"
        if isinstance(kind, type) and issubclass(kind, Part):
            yield from _parts(kind, key, field)
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _walk(kind, f"{key}.")
        else:
            yield Key(
                key, toml(field.get_default(call_default_factory=True)), field.description or "", "", _allowed(field)
            )


def _parts(kind: type[Part], key: str, field: FieldInfo) -> Iterator[Key]:
    """Yield the key that names the part, each choice, the keys that all parts have, and then those of each."""
    usual, known = field.get_default(call_default_factory=True).name, kind.known()
    yield Key(key, toml(usual), f"{field.description} One of: {', '.join(known)}.")
    for name, part in known.items():
        yield Key(f"{key} = {toml(name)}", "", inspect.cleandoc(part.__doc__ or "").split("\n\n")[0])
    keys = {name: list(_walk(part, f"{key}.")) for name, part in known.items()}
    shared = [found for found in keys[usual] if all(found in others for others in keys.values())]
    yield from shared
    for name, own in keys.items():
        yield from (found._replace(part=found.part or name) for found in own if found not in shared)


def _allowed(field: FieldInfo) -> str:
    """Return what a field may be, where it says so: ``0 to < 1``, ``> 0``, or choices; ``""`` where it does not."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(map(str, get_args(field.annotation)))
    bounds = {name: getattr(found, name) for found in field.metadata for name in _BOUNDS if hasattr(found, name)}
    low = next((f"{_BOUNDS[name]}{bounds[name]:g}" for name in ("gt", "ge") if name in bounds), "")
    high = next((f"{_BOUNDS[name]}{bounds[name]:g}" for name in ("lt", "le") if name in bounds), "")
    return f"{low.removeprefix('≥ ')} to {high.removeprefix('≤ ')}" if low and high else low or high


def toml(value: Any) -> str:
    """Return ``value`` as in TOML; ``–`` for none."""
    if value is None or value is PydanticUndefined:
        return "–"
    return json.dumps(value, default=str)
