"""A folder of images, one subfolder a class, with or without parts: ``[train|test/]CLASS/.../image``."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from astraea.data.dataset import Dataset
from astraea.data.files import Finder
from astraea.data.images import Colour, LeftOut, has_images, read_tree
from astraea.data.loaders.entry import Entry
from astraea.errors import DataError

__all__ = ["ENTRY", "load"]


def load(
    files: Finder,
    path: str | Path,
    colour: Colour | None = None,
    image_size: int | None = None,
) -> Dataset:
    """Return the images below ``path``; classes are the subfolders' names, in order of name.

    With a subfolder ``train`` the training pool is what lies in it, and the test set what lies in ``test``;
    other subfolders beside them are passed over. Images may lie deeper in the folder of their class. ``colour`` and
    ``image_size`` make unlike images alike. The notes say what was left out.
    """
    root = files.given(path)
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
    pools = read_tree(root, parts, classes, colour, image_size, left_out)
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


ENTRY = Entry(
    load,
    about="any folder of images, one subfolder a class; needs path",
    publisher="https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html",
    licence="yours",
)
