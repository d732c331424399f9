"""The one sentence for settings that cannot be used."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from astraea.errors import nearest

__all__ = ["sentence"]


def sentence(error: ValidationError, prefix: str = "") -> str:
    """Return one sentence for the first mistake of ``error``: its dotted key, under ``prefix``, and what is wrong."""
    first = error.errors(include_url=False)[0]
    place = ".".join([*([prefix] if prefix else []), *map(str, first["loc"])])
    context = first.get("ctx", {})
    if first["type"] == "within":  # the settings of a part: validated by themselves
        return sentence(context["error"], place)
    if first["type"] == "unknown_key":
        key, known = context["key"], context["known"]
        dotted = f"{place}.{key}" if place else key
        return f"unknown key '{dotted}'{nearest(key, known)} (known here: {', '.join(known)})"
    if first["type"] == "missing":
        return f"'{place}' has no default: set it"
    message = first["msg"].removeprefix("Value error, ")
    if isinstance(first["input"], Mapping) or not place:  # keys that do not fit together: the message names them
        return message
    return f"'{place}' cannot be {first['input']!r}: {message[0].lower()}{message[1:]}"
