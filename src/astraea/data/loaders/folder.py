"""A folder of images, one subfolder a class, with or without parts: ``[train|test/]CLASS/.../image``."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from astraea.data.dataset import Dataset
from astraea.data.images import Colour, LeftOut, has_images, read_tree
from astraea.data.loaders.base import Loader
from astraea.errors import DataError

__all__ = ["ImageFolder"]


class ImageFolder(Loader, name="folder"):
    """Any folder of images, one subfolder a class."""

    publisher: ClassVar[str] = "https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html"
    licence: ClassVar[str] = "yours"

    path: str | Path = Field(description="The images' folder.")
    colour: Colour | None = Field(None, description="Convert images to one grey or three colour channels: grey or rgb.")
    image_size: int | None = Field(None, ge=1, description="Resize images to this many pixels a side.")

    def load(self) -> Dataset:
        """Return the images below ``path``; classes are the subfolders' names, in order of name.

        With a subfolder ``train`` the training pool is what lies in it, and the test set what lies in ``test``;
        other subfolders beside them are passed over. Images may lie deeper in the folder of their class. ``colour`` and
        ``image_size`` make unlike images alike. The notes say what was left out.
        """
        files = self.files
        root = files.given(self.path)
        if not root.is_dir():
            raise DataError(f"{root} is not a folder: give the folder whose subfolders are the classes")
        # A folder called "train" that holds images, not folders, is a class: trains exist.
        parts = {part: part for part in ("train", "test") if _classes(root / part)}
        if "train" not in parts:
            parts = {"": "train"}
        found = [name for part in parts for name in _classes(root / part)]
        classes = sorted({unicodedata.normalize("NFC", name) for name in found})
        left_out = LeftOut()
        for part in parts:
            for name in sorted(_folders(root / part) - _classes(root / part)):
                left_out.add("folders without images", name)
        pools = read_tree(root, parts, classes, self.colour, self.image_size, left_out)
        return Dataset(files.dataset, pools["train"], pools.get("test"), tuple(classes), left_out.notes)


def _folders(folder: Path) -> set[str]:
    """Return the names of the visible folders in ``folder``, links among them; none if it does not exist."""
    if not folder.is_dir():
        return set()
    hidden = (".", "__MACOSX")
    return {child.name for child in folder.iterdir() if child.is_dir() and not child.name.startswith(hidden)}


def _classes(folder: Path) -> set[str]:
    """Return the names of the folders in ``folder`` that hold an image at any depth."""
    return {name for name in _folders(folder) if has_images(folder / name)}
