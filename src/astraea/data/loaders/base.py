"""What a dataset of the catalogue is."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from astraea.data.dataset import Dataset
from astraea.data.files import Finder, data_root
from astraea.parts import Part

__all__ = ["Loader"]


class Loader(Part, kind="dataset", default="digits"):
    """A dataset by name. ``publisher`` is a page to read and cite, ``licence`` what the publisher says on use."""

    publisher: ClassVar[str] = ""
    licence: ClassVar[str] = ""

    dir: Path | None = Field(
        None, description="Folder that holds data files; by default $ASTRAEA_DATA, else the user's cache."
    )
    download: bool = Field(True, description="Fetch missing files from their publisher.")

    @abstractmethod
    def load(self) -> Dataset:
        """Return the dataset.

        Raises :class:`InputError` for settings that do not fit, and :class:`~astraea.errors.DataError` for a file
        that is missing or corrupt.
        """

    @property
    def files(self) -> Finder:
        """What finds the files of this dataset, or fetches them."""
        return Finder(self.name, data_root(self.dir), self.download)
