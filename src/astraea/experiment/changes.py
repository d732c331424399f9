"""Changes to a run's settings: dotted keys and values, typed on the command line or named by arms."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from pydantic import BaseModel

from astraea.errors import InputError
from astraea.experiment.presets import PRESETS
from astraea.experiment.settings import RunSettings
from astraea.parts import Part, Settings
from astraea.parts.imports import Typed

__all__ = ["changed", "parse_changes"]


def parse_changes(texts: Iterable[str]) -> dict[str, Any]:
    """Return ``key=value`` texts as ``{"train.lr": 0.1, ...}``; a value is TOML, or else a plain string.

    Import paths among them are trusted: the user has typed them.
    """
    changes: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise InputError(f"'{text}' is not KEY=VALUE: write for example train.lr=0.1")
        try:
            changes[key.strip()] = _typed(tomllib.loads(f"value = {value}")["value"])
        except (ValueError, RecursionError):
            changes[key.strip()] = Typed(value.strip())
    return changes


def _typed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _typed(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_typed(part) for part in value]
    return Typed(value) if isinstance(value, str) else value


def changed(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``values`` with each dotted key of ``changes`` set.

    Another part (``train.loss = "fedlc"``) takes the place of the old one with all its settings; another name
    (``train.loss.name``) keeps those settings that the new part has too. Another ``scenario.name`` keeps none, since
    it stands for all of them.
    """
    result = RunSettings.renewed(_copied(values))
    kind: type[BaseModel] | None
    table: dict[str, Any]
    for section, table in result.items():
        kind = _inside(RunSettings, section, result)
        if kind is not None and issubclass(kind, Settings) and not issubclass(kind, Part) and isinstance(table, dict):
            with suppress(InputError):  # what cannot be told is refused when all is put together
                result[section] = kind.renewed(dict(table))
    today = {_today(key): value for key, value in changes.items()}
    if today.get("preset") in PRESETS:  # it is said last, so it takes the place of what the tables say
        today = {**PRESETS[today["preset"]], **today}
    for key, value in sorted(today.items(), key=lambda item: item[0].count(".") - item[0].endswith(".name")):
        *parents, last = key.split(".")
        table, kind = result, RunSettings
        for parent in parents:
            whole = kind.completed(table) if kind is not None and issubclass(kind, Settings) else table
            kind = _inside(kind, parent, table)
            if kind is not None and issubclass(kind, Part):
                table[parent] = kind.table(whole.get(parent, kind.default))
            table = table.setdefault(parent, {})
            if not isinstance(table, dict):
                raise InputError(f"'{key}' cannot be set: '{parent}' is a value, not a section")
        table[last] = value
        if last == "name" and kind is not None and issubclass(kind, Part):
            _keep_known(table, kind)
        if key == "scenario.name":
            result["scenario"] = {"name": value}
    return result


def _today(key: str) -> str:
    """Return a dotted key in today's spelling."""
    section, _, last = key.rpartition(".")
    kind = _inside(RunSettings, section, {})
    if kind is None or not issubclass(kind, Settings) or last not in kind.moved:
        return "availability.dropout" if key == "engine.dropout" else key
    return f"{section}.{kind.moved[last].field}.{kind.moved[last].key}"


def _inside(kind: type[BaseModel] | None, key: str, table: Mapping[str, Any]) -> type[BaseModel] | None:
    """Return what the settings at ``key`` of a ``table`` of ``kind`` are: a section, a kind of part, or ``None``."""
    if kind is not None and issubclass(kind, Part):
        kind = kind.registered().get(table["name"])
    field = None if kind is None else kind.model_fields.get(key)
    found = None if field is None else field.annotation
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _keep_known(table: dict[str, Any], kind: type[Part]) -> None:
    """Drop what the part that ``table`` now names does not have; an unknown name is left to be refused later."""
    with suppress(InputError):
        fields = kind.find(table["name"]).model_fields
        for name in table.keys() - fields.keys() - {"name"}:
            del table[name]


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, Mapping) else value for key, value in values.items()}
