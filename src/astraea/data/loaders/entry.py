"""What the catalogue knows of a dataset."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from astraea.data.dataset import Dataset

__all__ = ["Entry"]


@dataclass(frozen=True)
class Entry:
    """A dataset of the catalogue, declared once in the module of its loader.

    ``load(files, **options)`` makes it from the files that a :class:`~astraea.data.files.Finder` finds; its
    options are its keyword parameters, each a field of :class:`~astraea.data.catalogue.DataSettings`.
    ``publisher`` is a page to read and cite, ``licence`` what the publisher says on use.
    """

    load: Callable[..., Dataset]
    about: str
    publisher: str
    licence: str

    @property
    def options(self) -> frozenset[str]:
        """Names of the settings that apply to this dataset alone."""
        return frozenset(inspect.signature(self.load).parameters) - {"files"}

    @property
    def required(self) -> frozenset[str]:
        """Those of the options that have no default."""
        parameters = inspect.signature(self.load).parameters
        return frozenset(name for name in self.options if parameters[name].default is inspect.Parameter.empty)
