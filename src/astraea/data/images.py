"""Encoded images (PNG, JPEG) from folders and archives, stacked into one array."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from astraea.data.dataset import Samples
from astraea.data.files import corrupt
from astraea.data.formats import open_tar, open_zip, reading
from astraea.errors import DataError, InputError

__all__ = ["Colour", "ImageStack", "decode", "read_tree", "walk"]

Colour = Literal["grey", "rgb"]

_SUFFIXES = (".png", ".jpg", ".jpeg")
_GREY_MODES = ("1", "L", "LA")
_COLOUR_MODES = ("P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB")


def decode(content: bytes, colour: Colour | None = None, size: int | None = None) -> NDArray[np.uint8]:
    """Return an encoded image as ``uint8`` of shape (C, H, W).

    ``colour`` converts it to one grey or three colour channels; by default it keeps its own kind. ``size``
    resizes it to that many pixels a side. Raises ``ValueError`` if it is damaged or not of 8 bits.
    """
    from PIL import Image

    damage = (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError)
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.mode not in _GREY_MODES + _COLOUR_MODES:
                raise ValueError(f"its pixels are of kind {image.mode}, not of 8 bits: convert it")
            grey = image.mode in _GREY_MODES if colour is None else colour == "grey"
            plain = image.convert("L" if grey else "RGB")
    except damage as error:
        raise ValueError(f"not a readable image: {error}") from error
    if size is not None:
        plain = plain.resize((size, size), Image.Resampling.BILINEAR)
    pixels = np.asarray(plain, np.uint8)
    return pixels[None] if grey else pixels.transpose(2, 0, 1)


class ImageStack:
    """Gathers images of one shape and their labels.

    Pixels go into one growing buffer, so that hundreds of thousands of images never lie in memory twice.
    """

    def __init__(self, colour: Colour | None = None, size: int | None = None) -> None:
        self._colour = colour
        self._size = size
        self._pixels = bytearray()
        self._labels: list[int] = []
        self._shape: tuple[int, ...] = ()

    def add(self, content: bytes, label: int, name: object) -> None:
        """Add an encoded image; ``name`` stands for it in errors (:class:`DataError`)."""
        try:
            pixels = decode(content, self._colour, self._size)
        except ValueError as error:
            raise corrupt(name, error) from error
        if not self._labels:
            self._shape = pixels.shape
        if pixels.shape != self._shape:
            raise DataError(
                f"image {name} has shape {pixels.shape}, those before it {self._shape}: "
                "make them alike with image_size and colour, or beforehand"
            )
        self._pixels += pixels.tobytes()
        self._labels.append(label)

    def samples(self) -> Samples:
        """Return all that was added, in order; call it once, at the end."""
        x = np.frombuffer(self._pixels, np.uint8).reshape(len(self._labels), *self._shape)
        return Samples(x, np.array(self._labels, np.int64))


def walk(source: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield (path, content) of each image in a folder, a zip or a tar archive, the path as from ``source``.

    Folders and zip archives are walked in order of names; a tar archive can only be read in its own.
    """
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if _is_image(inside := PurePosixPath(path.relative_to(source).as_posix())):
                yield inside, path.read_bytes()
    elif zipfile.is_zipfile(source):
        with open_zip(source) as packed:
            for name in sorted(packed.namelist()):
                if _is_image(PurePosixPath(name)):
                    yield PurePosixPath(name), packed.read(name)
    else:
        with open_tar(source) as archive:
            for member in archive:
                if _is_image(PurePosixPath(member.name)) and (stream := archive.extractfile(member)):
                    yield PurePosixPath(member.name), stream.read()


def read_tree(
    source: Path,
    parts: Mapping[str, str],
    classes: Sequence[str],
    colour: Colour | None = None,
    size: int | None = None,
) -> dict[str, Samples]:
    """Read ``.../PART/CLASS/image`` from a folder or archive.

    ``parts`` maps each part to the pool that takes its images, as ``{"valid": "train"}`` does;
    a part named ``""`` stands for images at ``CLASS/image``. Other folders are passed over.

    Raises :class:`DataError` if a class folder is not among ``classes``, a part has no image, or an image is
    damaged or unlike the others.
    """
    stacks = {pool: ImageStack(colour, size) for pool in parts.values()}
    numbers = {name: number for number, name in enumerate(classes)}
    absent = dict.fromkeys(parts)
    with reading(source):
        for path, content in walk(source):
            *_, part, label, _name = ("", "", *path.parts)
            if part not in parts:
                continue
            if label not in numbers:
                raise InputError(f"folder '{label}' is not one of the classes {', '.join(classes)}")
            stacks[parts[part]].add(content, numbers[label], source / path)
            absent.pop(part, None)
    if absent:
        layout = "/".join(filter(None, (next(iter(absent)), "CLASS", "*.png")))
        raise DataError(f"{source} holds no images at {layout}: give a folder that is laid out so")
    return {pool: stack.samples() for pool, stack in stacks.items()}


def _is_image(path: PurePosixPath) -> bool:
    """Whether the name is an image's, and not a hidden one such as macOS puts beside it in archives."""
    return path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
