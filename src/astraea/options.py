"""Settings from keyword arguments, as a notebook gives them: the same models, the same one-sentence errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from astraea.errors import InputError, unknown_name

__all__ = ["from_options"]

Model = TypeVar("Model", bound=BaseModel)


def from_options(model: type[Model], options: Mapping[str, Any], kind: str) -> Model:
    """Return ``model(**options)``; ``kind`` says in messages what they are options of.

    Raises :class:`InputError` for an option that the model does not have, naming the nearest, or a bad value.
    """
    for name in options:
        if name not in model.model_fields:
            raise unknown_name(f"{kind} option", name, model.model_fields)
    try:
        return model(**options)
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        if not first["loc"]:  # the options do not fit together: the message names them
            raise InputError(message) from error
        raise InputError(f"{kind} option '{first['loc'][0]}' cannot be {first['input']!r}: {message}") from error
