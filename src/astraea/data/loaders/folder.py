"""A folder of images, one subfolder a class, perhaps in parts and sites: ``[train|test/][SITE/]CLASS/.../image``."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from astraea.data.dataset import Dataset, Samples
from astraea.data.image_stack import ImageStack
from astraea.data.images import LeftOut, fill
from astraea.data.inputs import ArrayReader
from astraea.data.layout import DEPTHS, full_scale
from astraea.data.loaders.base import OwnFiles
from astraea.data.picture_folders import class_folders, endings, folders, parts_of, parts_within_classes, unwrapped
from astraea.data.pictures import WHITE, Colour
from astraea.data.scales import dark
from astraea.data.site_files import SITE
from astraea.errors import DataError

__all__ = ["ImageFolder"]


class _Place(NamedTuple):
    """A folder of which the folders are classes, or sites that hold classes, and the pool that its images are in."""

    folder: Path
    pool: str
    by_site: bool = False

    @property
    def classes(self) -> set[str]:
        """The names of the classes."""
        inside = class_folders(self.folder)
        found = {name for site in inside for name in class_folders(self.folder / site)} if self.by_site else inside
        return {unicodedata.normalize("NFC", name) for name in found}


class ImageFolder(OwnFiles, name="folder"):
    """Any folder of images, one subfolder a class."""

    publisher: ClassVar[str] = "https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html"
    licence: ClassVar[str] = "yours"

    colour: Colour | None = Field(None, description="Convert images to one grey or three colour channels: grey or rgb.")
    image_size: int | None = Field(None, ge=1, description="Resize images to this many pixels a side.")
    scale: float | None = Field(
        None,
        gt=0,
        description="What is white in images of 16 bits, or where there are none, in all; by default 4095 if those of "
        "16 bits reach no further, else 65535.",
    )
    sites: bool | None = Field(
        None,
        description="Whether the outermost folders are sites, whose folders are the classes; unset, refused where both "
        "may be.",
    )

    def load(self) -> Dataset:
        """Return the images below ``path``; classes are the subfolders' names, in order of name.

        With a subfolder ``train`` (or ``Training`` ...) the training pool is what lies in it, and the test set what
        lies in ``test``; other subfolders beside them are left out. A folder that holds nothing but one other is passed
        through. ``test_path`` and ``validation_path`` are folders of their own with the same classes. With ``sites``,
        the folders hold the classes of one site each, and column "site" names it. Images may lie deeper in the folder
        of their class. ``colour`` and ``image_size`` make unlike images alike. The notes say what was left out.
        """
        left_out = LeftOut()
        places = self._places(left_out)
        within = parts_within_classes(places[0].folder) if self.sites is None else None
        classes = sorted(set().union(*(place.classes for place in places)))
        if not classes:
            held = endings(places[0].folder)
            raise DataError(
                f"{places[0].folder} holds no folders with pictures{f', but {held}' if held else ''}: give the folder "
                "whose subfolders are the classes, or bring arrays in Python (dataset=(x, y))"
            )
        stacks = {place.pool: ImageStack(self.colour, self.image_size) for place in places}
        sites: dict[str, list[str]] = {}
        for place in places:
            for name in sorted(folders(place.folder) - class_folders(place.folder)):
                left_out.add("folders without images", name)
            fill(stacks, place.folder, {"": place.pool}, classes, left_out, sites if place.by_site else None)
        deepest = stacks["train"].deepest
        white = self.scale or (None if deepest is None else max(4095.0, full_scale(deepest) or WHITE))
        read = {pool: stack.samples(white) for pool, stack in stacks.items()}
        read = {pool: _told(samples, read["train"], sites.get(pool)) for pool, samples in read.items()}
        train, form = read["train"], read["train"].form
        reader = ArrayReader(form=form, class_names=tuple(classes), image_size=self.image_size, white=white or WHITE)
        return Dataset(
            self.files.dataset,
            train,
            read.get("test"),
            tuple(classes),
            (
                *left_out.notes,
                *filter(None, (within,)),
                *_whiteness(train, deepest, white, said=self.scale is not None),
            ),
            site_column=SITE if "train" in sites else None,
            validation=read.get("validation"),
            reader=reader,
        )

    def _places(self, left_out: LeftOut) -> list[_Place]:
        """Return the folders to read, that of the training pool first."""
        root = self._opened(self.path)
        root = root if self.sites else unwrapped(root)
        parts = parts_of(root)
        held = {"test": self.test_path, "validation": self.validation_path}
        places = [(root / name, "train") for name in parts.get("train", ())] or [(root, "train")]
        for pool, path in held.items():
            if path is not None:
                places.append((self._opened(path), pool))
                for name in parts.get(pool, ()):
                    left_out.add(f"parts, as data.{pool}_path names another", name)
            elif pool == "test":
                places += [(root / name, pool) for name in parts.get(pool, ())]
            else:
                for name in parts.get(pool, ()):
                    left_out.add("parts for validation (data.validation_path names one)", name)
        if parts:
            for name in sorted(folders(root) - {name for names in parts.values() for name in names}):
                left_out.add("folders beside the parts", name)
        folder = places[0][0] if self.sites else unwrapped(places[0][0])
        first = _Place(folder, "train", bool(self.sites))
        return [first, *(_like(first, folder, pool) for folder, pool in places[1:])]

    def _opened(self, path: str | Path) -> Path:
        root = self.files.given(path)
        if not root.is_dir():
            raise DataError(f"{root} is not a folder: give the folder whose subfolders are the classes")
        return root


def _like(first: _Place, folder: Path, pool: str) -> _Place:
    """Return a further folder as a place: it holds the classes of the ``first``, or as there, sites or another."""
    if class_folders(folder) <= first.classes:
        return _Place(folder, pool)
    return _Place(folder, pool, by_site=True) if first.by_site else _Place(unwrapped(folder), pool)


def _told(samples: Samples, train: Samples, sites: list[str] | None) -> Samples:
    """Return samples with their sites, and in as many channels as those of training: grey ones may come in either."""
    columns = {} if sites is None else {SITE: np.array(sites)}
    x = samples.x.repeat(3, axis=1) if samples.x.shape[1] == 1 and train.x.shape[1] == 3 else samples.x
    return Samples(x, samples.y, columns)


def _whiteness(train: Samples, deepest: int | None, white: float | None, *, said: bool) -> tuple[str, ...]:
    """Note what was taken for white, unless it was ``said`` or could not be another."""
    if said:
        return ()
    if deepest is None or white is None:
        return dark(float(train.x.max()), DEPTHS[0])
    if white == WHITE:
        return dark(deepest, white)
    told = f"Pictures of 16 bits reach up to {deepest:,}, and {white:,.0f} is taken for white; data.scale says another."
    return (told, *dark(deepest, white))
