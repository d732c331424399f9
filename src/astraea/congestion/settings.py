"""What all settings of this room have in common: mistakes are reported as one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from astraea.errors import InputError, unknown_name
from astraea.parts.sentences import sentence
from astraea.parts.truths import TruthsApart

__all__ = ["IntSpan", "MisplacedError", "Settings", "Span"]


class Settings(TruthsApart):
    """Frozen values; an unknown name or a value out of range is an :class:`astraea.errors.InputError`.

    Nothing is infinite, nor not a number: what is unlimited is unset.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _sentence(error, type(self)) from None


class MisplacedError(InputError):
    """A mistake and where in nested settings it is."""

    def __init__(self, place: tuple[str, ...], complaint: str) -> None:
        super().__init__(f"{'.'.join(place)}: {complaint}" if place else complaint)
        self.place = place
        self.complaint = complaint


def _sentence(error: ValidationError, model: type[BaseModel]) -> InputError:
    first, *others = error.errors()
    if first["type"] == "missing":  # a name that is wrong is why another is missing
        first = next((one for one in others if one["type"] == "extra_forbidden"), first)
    place, given = tuple(str(part) for part in first["loc"]), first["input"]
    inner = first.get("ctx", {}).get("error")
    if isinstance(inner, MisplacedError):
        return MisplacedError(place + inner.place, inner.complaint)
    if first["type"] == "within":  # the settings of a part
        return MisplacedError(place, sentence(cast("ValidationError", inner)))
    if first["type"] == "extra_forbidden":
        return MisplacedError(place[:-1], str(unknown_name("setting", place[-1], model.model_fields)))
    if first["type"] == "missing":
        return MisplacedError(place[:-1], f"'{place[-1]}' has no default: set it")
    if first["type"] == "tuple_type" and isinstance(given, Mapping):
        return MisplacedError(place, f"this is a list of tables: write [[{'.'.join(place)}]] for each")
    if first["type"].startswith("model_") and isinstance(given, list):
        return MisplacedError(place, f"this is one table: write [{'.'.join(place)}]")
    return MisplacedError(place, first["msg"].removeprefix("Value error, "))


def _pair(value: Any) -> Any:
    pair = (value, value) if isinstance(value, int | float) else tuple(value)
    if len(pair) == 2 and not pair[0] <= pair[1]:
        raise ValueError(f"the range {pair[0]} to {pair[1]} is empty: write the smaller number first")
    return pair


Span = Annotated[tuple[float, float], BeforeValidator(_pair)]
"""A range to draw from, both ends included; one number stands for itself."""

IntSpan = Annotated[tuple[int, int], BeforeValidator(_pair)]
"""A range of whole numbers, both ends included; one number stands for itself."""
