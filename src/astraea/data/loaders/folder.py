"""A folder of images, one subfolder a class, with or without parts: ``[train|test/]CLASS/*.png``."""

from __future__ import annotations

from pathlib import Path

from astraea.data.dataset import Dataset
from astraea.data.files import Finder
from astraea.data.images import Colour, read_tree
from astraea.data.loaders.entry import Entry
from astraea.errors import DataError

__all__ = ["ENTRY", "load"]


def load(
    files: Finder,
    path: str | Path,
    colour: Colour | None = None,
    image_size: int | None = None,
) -> Dataset:
    """Return the PNG and JPEG images below ``path``; classes are the subfolders' names, in order of name.

    With a subfolder ``train`` the training pool is what lies in it, and the test set what lies in ``test``;
    other subfolders beside them are passed over. ``colour`` and ``image_size`` make unlike images alike.
    """
    root = files.given(path)
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: give the folder whose subfolders are the classes")
    # A folder called "train" that holds images, not folders, is a class: trains exist.
    parts = {part: part for part in ("train", "test") if _subfolders(root / part)}
    if "train" not in parts:
        parts = {"": "train"}
    classes = sorted({name for part in parts for name in _subfolders(root / part)})
    pools = read_tree(root, parts, classes, colour, image_size)
    return Dataset(files.dataset, pools["train"], pools.get("test"), tuple(classes))


def _subfolders(folder: Path) -> set[str]:
    """Return the names of the visible folders in ``folder``; none if it does not exist."""
    if not folder.is_dir():
        return set()
    return {child.name for child in folder.iterdir() if child.is_dir() and not child.name.startswith(".")}


ENTRY = Entry(
    load,
    about="any folder of PNG or JPEG images, one subfolder a class; needs path",
    publisher="https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html",
    licence="yours",
)
