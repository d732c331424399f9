"""How a folder of pictures is laid out: which folders are parts, which are sites, and which are the classes."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from astraea.data.images import has_images, is_hidden
from astraea.errors import InputError

__all__ = [
    "TRAINING",
    "VALIDATION",
    "class_folders",
    "endings",
    "folders",
    "parts_of",
    "parts_within_classes",
    "unwrapped",
]

TRAINING = ("train", "training", "train_set", "trainset")
"""What a part of training samples may be called, in any case of letters."""
VALIDATION = ("val", "valid", "validation", "dev")
"""What a part of validation samples may be called."""
_PARTS = {
    **dict.fromkeys(TRAINING, "train"),
    **dict.fromkeys(("test", "testing", "test_set", "testset"), "test"),
    **dict.fromkeys(VALIDATION, "validation"),
}
_ALIKE = 0.5  # share of the folders' names that all have, from which on they may be those of classes
_SHOWN = 3
_WITHIN_A_CLASS = re.compile(
    "(batch|cam(era)?|case|clip|day|device|part(icipant)?|patient|person|phone|run|scan|seq(uence)?|series|session|shard|"
    r"slide|subject|user|video|visit)[ _-]*\d+"
)
"""What numbered folders are called that part the pictures of a class, such as "subject_01"; no class is called so."""


def folders(folder: Path) -> set[str]:
    """Return the names of the visible folders in ``folder``, links among them; none if it does not exist."""
    if not folder.is_dir():
        return set()
    return {child.name for child in folder.iterdir() if child.is_dir() and not is_hidden(child.name)}


def class_folders(folder: Path) -> set[str]:
    """Return the names of the folders in ``folder`` that hold an image at any depth."""
    return {name for name in folders(folder) if has_images(folder / name)}


def parts_of(root: Path) -> dict[str, list[str]]:
    """Return the folders in ``root`` that are parts, by the pool that they are; none without one to train on.

    A part holds folders of images: one called "train" that holds images is a class, as trains exist. So is one of
    another name if there are only classes beside it.
    """
    named = class_folders(root)
    found: dict[str, list[str]] = {}
    for name in sorted(named):
        pool = _PARTS.get(name.casefold())
        if pool is not None and class_folders(root / name):
            found.setdefault(pool, []).append(name)
    training, known = found.get("train", []), sum(map(len, found.values()))
    sure = "train" in training or len(found) > 1 or known == len(named)
    return found if training and sure else {}


def unwrapped(root: Path) -> Path:
    """Return the folder that holds the parts or classes: ``root``, or the only folder in it if that holds folders."""
    while not parts_of(root):
        inside = class_folders(root)
        if len(inside) != 1 or has_images(root, deep=False):
            break
        only = root / next(iter(inside))
        if has_images(only, deep=False) or not class_folders(only):
            break
        root = only
    return root


def parts_within_classes(root: Path) -> str | None:
    """Return a note if the folders in ``root`` hold folders of the same names that part the pictures of a class.

    Raises :class:`InputError` if those in ``root`` may be sites that hold the same classes: they hold no images but
    folders, two or more, half of these folders' names or more are in all of them, and no name says which they are.
    """
    outer = sorted(class_folders(root))
    inner = {name: _normal(class_folders(root / name)) for name in outer}
    if len(outer) < 2 or any(len(names) < 2 or has_images(root / name, deep=False) for name, names in inner.items()):
        return None
    every = set().union(*inner.values())
    if sum(map(len, inner.values())) < _ALIKE * len(every) * len(outer):
        return None
    if all(_WITHIN_A_CLASS.fullmatch(name) for name in every):
        return (
            f"folders {_listed(outer)} were taken for the classes, and the folders of the same names in them "
            f"({_listed(sorted(every))}) for parts of each; set data.sites to true if it is the other way round"
        )
    raise InputError(
        f"{root}: its folders {_listed(outer)} hold folders of the same names ({_listed(sorted(every))}), so that "
        "either may be the classes: set data.sites to true if the outer folders are sites, or to false if they are "
        "the classes"
    )


def endings(root: Path) -> str:
    """Return the endings of the files in ``root`` that are no images, the most frequent first; "" for none."""
    names = (path for path in root.rglob("*") if path.is_file() and not is_hidden(path.name))
    found = Counter("".join(path.suffixes[-2:]).lower() or "(none)" for path in names)
    return ", ".join(f"{count:,} of {ending}" for ending, count in found.most_common(_SHOWN))


def _normal(names: Iterable[str]) -> set[str]:
    return {unicodedata.normalize("NFC", name).casefold() for name in names}


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
