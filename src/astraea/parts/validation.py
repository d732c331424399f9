"""Settings from tables and from keyword arguments; the first mistake is an error of one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from astraea.errors import InputError, unknown_name
from astraea.parts.base import Settings
from astraea.parts.sentences import sentence

__all__ = ["from_options", "validated"]

Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], values: Mapping[str, Any], source: str, *, trust: bool = False) -> Model:
    """Return ``model`` with ``values``; import paths in them are followed with ``trust``.

    Raises :class:`InputError` with one sentence, which begins with ``source``, for the first value that is wrong.
    """
    try:
        return model.model_validate(values, context={"trust": trust})
    except ValidationError as error:
        raise InputError(f"{source}: {sentence(error)}") from error


def from_options(model: type[Model], options: Mapping[str, Any], kind: str) -> Model:
    """Return ``model(**options)`` for keyword arguments; ``kind`` says in messages what they are options of.

    Import paths among them are trusted: they stand in the caller's code. Raises :class:`InputError` for an option
    that the model does not have, naming the nearest, or a bad value.
    """
    renewed = model.renewed(dict(options)) if issubclass(model, Settings) else options
    for name in renewed:
        if name not in model.model_fields:
            raise unknown_name(f"{kind} option", name, model.model_fields)
    try:
        return model.model_validate(renewed, context={"trust": True})
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "within":
            raise InputError(f"{kind} option {sentence(error)}") from error
        if not first["loc"]:  # the options do not fit together: the message names them
            raise InputError(message) from error
        raise InputError(f"{kind} option '{first['loc'][0]}' cannot be {first['input']!r}: {message}") from error
