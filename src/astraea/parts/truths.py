"""``true`` is no number: Python takes it for 1, and so would settings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, model_validator

__all__ = ["TruthsApart"]


class TruthsApart(BaseModel):
    """Settings that refuse ``true`` and ``false`` where only numbers fit, as they refuse a word."""

    @model_validator(mode="before")
    @classmethod
    def _truths(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        wrong = {key: _marked(value) for key, value in given.items() if _truth(value) and key in _numeric(cls)}
        return {**given, **wrong} if wrong else given


class _Truth:
    """What no number can be made of, and reads as the truth value it stands for."""

    def __init__(self, value: bool) -> None:
        self.value = value

    def __repr__(self) -> str:
        return str(self.value).lower()


def _truth(value: Any) -> bool:
    """Return whether ``value`` is a truth value or a list that holds one."""
    return isinstance(value, bool) or (isinstance(value, list | tuple) and any(map(_truth, value)))


def _marked(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_marked(one) for one in value]
    return _Truth(value) if isinstance(value, bool) else value


@cache
def _numeric(model: type[BaseModel]) -> frozenset[str]:
    """Return the fields of ``model`` that hold numbers and no truth values."""
    kinds = {name: _kinds(field.annotation) for name, field in model.model_fields.items()}
    return frozenset(name for name, found in kinds.items() if found & {int, float} and not found & {bool, Any, object})


def _kinds(annotation: Any) -> set[Any]:
    inner = get_args(annotation)
    return {annotation} if not inner else {kind for one in inner for kind in _kinds(one)}
