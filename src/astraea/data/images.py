"""Encoded images from folders and archives, as a person sees them, stacked into one array."""

from __future__ import annotations

import os
import stat
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from astraea.data.dataset import Samples
from astraea.data.files import corrupt
from astraea.data.formats import open_tar, open_zip, reading
from astraea.data.pictures import Colour, decode
from astraea.errors import DataError, InputError

if TYPE_CHECKING:
    pass

__all__ = [
    "SUFFIXES",
    "Colour",
    "ImageStack",
    "LeftOut",
    "decode",
    "has_images",
    "read_tree",
    "walk",
]

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pgm", ".ppm", ".pbm", ".pnm")
"""Ends of the names of images, in any case of letters."""

_LOSSY = 4


class ImageStack:
    """Gathers images of one shape and their labels.

    Pixels go into one growing buffer, so that hundreds of thousands of images never lie in memory twice. Grey images
    that were stored with three equal channels, as webp must, go together with those stored with one; among images of
    colours, grey ones get three equal channels.
    """

    def __init__(self, colour: Colour | None = None, size: int | None = None) -> None:
        self._colour = colour
        self._size = size
        self._pixels = bytearray()
        self._labels: list[int] = []
        self._shape: tuple[int, ...] = ()
        self._grey = True  # all so far have equal channels
        self.repeated = 0
        """Grey images that were given three equal channels, since others have colours."""

    def add(self, content: bytes, label: int, name: object) -> None:
        """Add an encoded image; ``name`` stands for it in errors (:class:`DataError`)."""
        try:
            pixels = decode(content, self._colour, self._size)
        except ValueError as error:
            raise corrupt(name, error) from error
        lossy = content.startswith(
            (b"RIFF", b"\xff\xd8")
        )  # webp and JPEG may part the channels of a grey image a little
        self._grey = self._grey and (self._colour == "grey" or _is_grey(pixels, _LOSSY if lossy else 0))
        if not self._labels:
            self._shape = pixels.shape
        if pixels.shape[1:] == self._shape[1:] and len(pixels) != self._shape[0]:
            if self._grey:
                self._to_one_channel()
                pixels = pixels[:1]
            elif len(pixels) == 1:
                pixels = pixels.repeat(3, axis=0)
                self.repeated += 1
            else:
                self._to_three_channels()
        if pixels.shape != self._shape:
            raise DataError(
                f"image {name} has shape {pixels.shape}, those before it {self._shape}: "
                "make them alike with image_size and colour, or beforehand"
            )
        self._pixels += pixels.tobytes()
        self._labels.append(label)

    def samples(self) -> Samples:
        """Return all that was added, in order; call it once, at the end."""
        return Samples(self._array(), np.array(self._labels, np.int64))

    def _array(self) -> NDArray[np.uint8]:
        return np.frombuffer(self._pixels, np.uint8).reshape(len(self._labels), *self._shape)

    def _to_three_channels(self) -> None:
        self.repeated = len(self._labels)
        self._pixels = bytearray(self._array().repeat(3, axis=1).tobytes())
        self._shape = (3, *self._shape[1:])

    def _to_one_channel(self) -> None:
        self._pixels = bytearray(self._array()[:, :1].tobytes())
        self._shape = (1, *self._shape[1:])


def _is_grey(pixels: NDArray[np.uint8], most: int) -> bool:
    return len(pixels) == 1 or int(np.ptp(pixels, axis=0).max()) <= most


class LeftOut:
    """What of a folder is not read, counted aloud; and what lies deeper than one folder a class."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}
        self.deeper: list[str] = []
        self.repeated = 0

    def add(self, kind: str, name: object) -> None:
        """Count something of a ``kind``, such as "file that is no image"."""
        self._names.setdefault(kind, []).append(str(name))

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for each kind."""
        notes = [f"Left out: {len(names):,} {kind}, such as {names[0]}." for kind, names in sorted(self._names.items())]
        if self.repeated:
            notes.append(f"{self.repeated:,} grey images among those with colours are read with three equal channels.")
        if self.deeper:
            notes.append(
                f"{len(self.deeper):,} images lie in folders within that of their class, such as {self.deeper[0]}."
            )
        return tuple(notes)


def walk(source: Path, left_out: LeftOut | None = None) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield (path, content) of each image in a folder, a zip or a tar archive, the path as from ``source``.

    Folders and zip archives are walked in order of names; a tar archive can only be read in its own. Links are
    followed; hidden files and folders, ``__MACOSX``, and what is no regular file are passed over.
    """
    left_out = left_out or LeftOut()
    if source.is_dir():
        for inside, path in sorted(_files(source), key=lambda pair: pair[0].parts):
            if _is_image(inside, left_out, path):
                yield inside, path.read_bytes()
    elif zipfile.is_zipfile(source):
        with open_zip(source) as packed:
            for name in sorted(packed.namelist()):
                if not name.endswith("/") and _is_image(PurePosixPath(name), left_out):
                    yield PurePosixPath(name), packed.read(name)
    else:
        with open_tar(source) as archive:
            for member in archive:
                if member.isdir() or not _is_image(PurePosixPath(member.name), left_out):
                    continue
                if stream := archive.extractfile(member):
                    yield PurePosixPath(member.name), stream.read()


def has_images(folder: Path) -> bool:
    """Whether there is an image anywhere below ``folder``."""
    return any(_is_image(inside, LeftOut(), path) for inside, path in _files(folder))


def _files(root: Path) -> Iterator[tuple[PurePosixPath, Path]]:
    """Yield each file below ``root``, also behind links to folders, but not those that lead back up."""
    for folder, folders, names in os.walk(root, followlinks=True):
        here = Path(folder)
        above = {os.path.realpath(part) for part in (here, *here.parents)}
        folders[:] = [name for name in folders if os.path.realpath(here / name) not in above]
        inside = PurePosixPath(here.relative_to(root).as_posix())
        yield from ((inside / name, here / name) for name in names)


def read_tree(
    source: Path,
    parts: Mapping[str, str],
    classes: Sequence[str],
    colour: Colour | None = None,
    size: int | None = None,
    left_out: LeftOut | None = None,
) -> dict[str, Samples]:
    """Read ``.../PART/CLASS/.../image`` from a folder or archive; an image may lie deeper in its class's folder.

    ``parts`` maps each part to the pool that takes its images, as ``{"valid": "train"}`` does;
    a part named ``""`` stands for images at ``CLASS/.../image``. Other folders are passed over. Names of classes are
    compared in NFC. ``left_out`` gathers what is not read.

    Raises :class:`DataError` if a class folder is not among ``classes``, a part has no image, or an image is
    damaged or unlike the others.
    """
    stacks = {pool: ImageStack(colour, size) for pool in parts.values()}
    numbers = {name: number for number, name in enumerate(classes)}
    absent = dict.fromkeys(parts)
    with reading(source):
        for path, content in walk(source, left_out):
            part, label = _place(path, parts)
            if label is None:
                if left_out is not None:
                    left_out.add("images outside the classes' folders", path)
                continue
            if left_out is not None and len(path.parts) > 2 + bool(part):
                left_out.deeper.append(str(path))
            if label not in numbers:
                raise InputError(f"folder '{label}' is not one of the classes {', '.join(classes)}")
            stacks[parts[part]].add(content, numbers[label], source / path)
            absent.pop(part, None)
    if absent:
        layout = "/".join(filter(None, (next(iter(absent)), "CLASS", "*.png")))
        raise DataError(f"{source} holds no images at {layout}: give a folder that is laid out so")
    if left_out is not None:
        left_out.repeated += sum(stack.repeated for stack in stacks.values())
    return {pool: stack.samples() for pool, stack in stacks.items()}


def _place(path: PurePosixPath, parts: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the part and the class to which the image at ``path`` belongs; no class if it lies outside of them."""
    folders = [unicodedata.normalize("NFC", name) for name in path.parts[:-1]]
    for place, name in enumerate(folders[:-1]):
        if name in parts:
            return name, folders[place + 1]
    return "", folders[0] if "" in parts and folders else None


def _is_image(name: PurePosixPath, left_out: LeftOut, path: Path | None = None) -> bool:
    """Whether an image is to be read: by its name, not hidden as what systems put beside it, and a regular file."""
    if any(part.startswith(".") or part == "__MACOSX" for part in name.parts):
        return False
    if name.suffix.lower() not in SUFFIXES:
        left_out.add("files that are no images by their names", name)
        return False
    try:
        regular = path is None or stat.S_ISREG(path.stat().st_mode)
    except OSError:  # a link that leads nowhere
        regular = False
    if not regular:
        left_out.add("images that are no regular files, or links to none", name)
    return regular
