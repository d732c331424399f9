"""What a model of the catalogue is, and any other by its import path."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self, cast

from pydantic import Field, PrivateAttr
from torch import nn

from astraea.errors import InputError
from astraea.parts import Part
from astraea.parts.imports import Typed, imported

__all__ = ["Imported", "Model", "made"]


class Model(Part, kind="model", default="auto"):
    """What is trained, and where it begins."""

    weights: Path | None = Field(
        None, description="A file to start from (warm start): safetensors, or what torch.save wrote of a state dict."
    )
    skip: tuple[str, ...] = Field(
        (), description="Patterns of weights in that file that are left out and begin anew, such as 'head.*'."
    )
    head: Literal["trained", "etf"] = Field(
        "trained",
        description="The final layer: trained, or fixed to directions as far apart as can be (etf, as in FedETF).",
    )
    freeze: tuple[str, ...] = Field(
        (), description="Patterns of parameter names that are not trained and do not travel, such as 'features.*'."
    )

    @abstractmethod
    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Return the model for samples of ``shape``; its initial weights are drawn from PyTorch's generator."""

    @classmethod
    def _taken(cls, given: Any, *, trust: bool) -> Self:
        if isinstance(given, Model):
            return cast("Self", given)
        table = cls.table(given)
        name = table["name"]
        if isinstance(name, str) and (":" in name or "." in name):
            trust = trust or isinstance(name, Typed)
            found = imported(cls.kind_of_part, name, trust=True) if trust else None
            if not (isinstance(found, type) and issubclass(found, Model)):
                # Without trust nothing is imported now, and nothing will be: whoever brings the model may go on.
                del table["name"]
                model = Imported.model_validate({**table, "path": str(name)})
                model._trust = trust
                return cast("Self", model)
        return super()._taken(table.pop("options", {}) | table, trust=trust)


class Imported(Model):
    """A model at an import path: a class of ``nn.Module``."""

    path: str = Field(exclude=True, description="The import path, which is the part's name in settings.")
    options: dict[str, Any] = Field(
        default_factory=dict,
        description="Arguments of the model; shape and classes are passed by themselves where it takes them.",
    )
    _trust: bool = PrivateAttr(False)
    _came_from_python: bool = PrivateAttr(False)

    @classmethod
    def given(cls, path: str, options: dict[str, Any], freeze: tuple[str, ...]) -> Self:
        """Return the trusted model at ``path``, which Python gave to a run once: it may be a function."""
        model = cls(path=path, options=options, freeze=freeze)
        model._trust = model._came_from_python = True
        return model

    def called(self) -> str:
        """Return the import path."""
        return self.path

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Import and make the model. Raises :class:`InputError` without trust, and if it is no model."""
        found = imported(self.kind_of_part, self.path, trust=self._trust)
        is_module = isinstance(found, type) and issubclass(found, nn.Module)
        if not is_module and not (self._came_from_python and inspect.isfunction(found)):
            raise InputError(f"model '{self.path}' is not an nn.Module, nor a part with build(): name a class that is")
        return made(found, shape, classes, self.options)


def made(factory: Callable[..., nn.Module], shape: tuple[int, ...], classes: int, options: dict[str, Any]) -> nn.Module:
    """Return what ``factory`` makes of ``options``, and of the shape and the number of classes where it takes them."""
    try:
        accepted = set(inspect.signature(factory).parameters)
    except ValueError:  # written in C, without a signature to ask for
        accepted = set()
    given = {"shape": shape, "classes": classes, "num_classes": classes}
    return factory(**{key: value for key, value in given.items() if key in accepted} | options)
