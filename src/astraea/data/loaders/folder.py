"""A folder of images, one subfolder a class, with or without parts: ``[train|test/]CLASS/.../image``."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from astraea.data.dataset import Dataset, Samples
from astraea.data.images import Colour, LeftOut, has_images, read_tree
from astraea.data.inputs import ArrayReader
from astraea.data.loaders.base import OwnFiles
from astraea.errors import DataError

__all__ = ["VALIDATION", "ImageFolder"]

VALIDATION = ("val", "valid", "validation")
"""What a part of validation samples is called."""


class ImageFolder(OwnFiles, name="folder"):
    """Any folder of images, one subfolder a class."""

    publisher: ClassVar[str] = "https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html"
    licence: ClassVar[str] = "yours"

    colour: Colour | None = Field(None, description="Convert images to one grey or three colour channels: grey or rgb.")
    image_size: int | None = Field(None, ge=1, description="Resize images to this many pixels a side.")

    def load(self) -> Dataset:
        """Return the images below ``path``; classes are the subfolders' names, in order of name.

        With a subfolder ``train`` the training pool is what lies in it, and the test set what lies in ``test``;
        other subfolders beside them are passed over. ``test_path`` and ``validation_path`` are folders of their own
        with the same classes. Images may lie deeper in the folder of their class. ``colour`` and ``image_size`` make
        unlike images alike. The notes say what was left out.
        """
        root = self._opened(self.path)
        # A folder called "train" that holds images, not folders, is a class: trains exist.
        parts = {part: part for part in ("train", "test") if _classes(root / part)}
        if "train" not in parts:
            parts = {"": "train"}
        apart = {"test": self.test_path, "validation": self.validation_path}
        roots = [(root, parts)]
        for pool, path in apart.items():
            if path is not None:
                parts = {part: into for part, into in parts.items() if into != pool}
                roots = [(root, parts), *roots[1:], (self._opened(path), {"": pool})]
        found = {name for folder, within in roots for part in within for name in _classes(folder / part)}
        classes = sorted({unicodedata.normalize("NFC", name) for name in found})
        left_out = LeftOut()
        if "train" in parts and self.validation_path is None:
            for name in sorted(_folders(root) & set(VALIDATION)):
                left_out.add("parts for validation (data.validation_path names one)", name)
        read: dict[str, Samples] = {}
        for folder, within in roots:
            for part in within:
                for name in sorted(_folders(folder / part) - _classes(folder / part)):
                    left_out.add("folders without images", name)
            read |= read_tree(folder, within, classes, self.colour, self.image_size, left_out)
        train = read["train"]
        read = {pool: _of_channels(samples, train.x.shape[1]) for pool, samples in read.items()}
        reader = ArrayReader(form=train.form, class_names=tuple(classes), image_size=self.image_size)
        return Dataset(
            self.files.dataset,
            train,
            read.get("test"),
            tuple(classes),
            left_out.notes,
            validation=read.get("validation"),
            reader=reader,
        )

    def _opened(self, path: str | Path) -> Path:
        root = self.files.given(path)
        if not root.is_dir():
            raise DataError(f"{root} is not a folder: give the folder whose subfolders are the classes")
        return root


def _of_channels(samples: Samples, channels: int) -> Samples:
    """Return grey samples that a part stored with three equal channels, or one, with those of the training set."""
    if samples.x.shape[1] == 1 and channels == 3:
        return samples.holding(samples.x.repeat(3, axis=1))
    return samples


def _folders(folder: Path) -> set[str]:
    """Return the names of the visible folders in ``folder``, links among them; none if it does not exist."""
    if not folder.is_dir():
        return set()
    hidden = (".", "__MACOSX")
    return {child.name for child in folder.iterdir() if child.is_dir() and not child.name.startswith(hidden)}


def _classes(folder: Path) -> set[str]:
    """Return the names of the folders in ``folder`` that hold an image at any depth."""
    return {name for name in _folders(folder) if has_images(folder / name)}
