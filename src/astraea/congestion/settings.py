"""What all settings of this room have in common: mistakes are reported as one sentence."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from astraea.errors import InputError, unknown_name

__all__ = ["IntSpan", "Settings", "Span"]


class Settings(BaseModel):
    """Frozen values; an unknown name or a value out of range is an :class:`astraea.errors.InputError`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
                raise unknown_name("setting", field, type(self).model_fields) from None
            message = first["msg"].removeprefix("Value error, ")
            raise InputError(f"{field}: {message}" if field else message) from None


def _pair(value: Any) -> Any:
    pair = (value, value) if isinstance(value, int | float) else tuple(value)
    if len(pair) == 2 and not pair[0] <= pair[1]:
        raise ValueError(f"the range {pair[0]} to {pair[1]} is empty: write the smaller number first")
    return pair


Span = Annotated[tuple[float, float], BeforeValidator(_pair)]
"""A range to draw from, both ends included; one number stands for itself."""

IntSpan = Annotated[tuple[int, int], BeforeValidator(_pair)]
"""A range of whole numbers, both ends included; one number stands for itself."""
