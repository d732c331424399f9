"""What a dataset of the catalogue is."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from astraea.data.dataset import Dataset
from astraea.data.files import Finder, data_root
from astraea.parts import Part, Settings

__all__ = ["Described", "Loader", "OwnFiles"]


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

    @property
    def validates(self) -> bool:
        """Whether these settings name validation samples."""
        return False


class OwnFiles(Loader):
    """Files of the user's own, of training samples and perhaps of test and validation samples."""

    path: str | Path = Field(description="The file or folder.")
    test_path: str | Path | None = Field(
        None, description="File or folder with the test set; by default the part of that name, or held out."
    )
    validation_path: str | Path | None = Field(
        None, description="File or folder with the validation set; by default the part of that name, if there is one."
    )

    @property
    def validates(self) -> bool:
        """Whether validation samples are named."""
        return self.validation_path is not None


class Described(Settings):
    """What arrays of samples are, where that is said and not recognised."""

    layout: str | None = Field(
        None, description="Axes of a sample: HW, CHW, HWC, T, CT, TC, F, DHW, CDHW or DHWC; by default recognised."
    )
    scale: float | None = Field(None, gt=0, description="What values are divided by; by default recognised for images.")
    kind: str | None = Field(None, description="image, sequence, vector, codes or volume; by default recognised.")
    noise: bool | None = Field(
        None,
        description="Whether noise makes sense in copies of vectors and sequences; by default in all but features of "
        "whole numbers.",
    )

    @property
    def said(self) -> dict[str, Any]:
        """What :func:`~astraea.data.loaders.arrays.from_arrays` is told."""
        return {"layout": self.layout, "scale": self.scale, "kind": self.kind, "noise": self.noise}
