"""Encoded images from folders and archives, as a person sees them, stacked into one array."""

from __future__ import annotations

import os
import stat
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path, PurePosixPath

from astraea.data.dataset import Samples
from astraea.data.formats import open_tar, open_zip, reading
from astraea.data.image_stack import ImageStack
from astraea.data.pictures import Colour
from astraea.errors import DataError, InputError

__all__ = ["LeftOut", "fill", "has_images", "is_hidden", "read_tree", "walk"]

_SUFFIXES = frozenset(
    (
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif"),
        *(".pgm", ".ppm", ".pbm", ".pnm"),
    )
)
_PACKAGES = {".heic": "pillow_heif", ".heif": "pillow_heif", ".hif": "pillow_heif", ".avif": "pillow_avif"}
_NO_PACKAGE = frozenset({".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".dng", ".jxl"})
_BESIDE = frozenset({"__MACOSX", "@eaDir", "@Recycle", "#recycle", "$RECYCLE.BIN", "lost+found", "__pycache__"})


class LeftOut:
    """What of a folder is not read, counted aloud; and what lies deeper than one folder a class."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}
        self.deeper: list[str] = []
        self.repeated = 0
        """Grey images that were given three equal channels."""

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
    followed; hidden files and folders, what systems put beside pictures (``__MACOSX``, ``@eaDir``), and what is no
    regular file are passed over. Raises :class:`DataError` for a picture of a kind that cannot be read here.
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


def has_images(folder: Path, *, deep: bool = True) -> bool:
    """Whether there is an image in ``folder``, or, unless ``deep`` is false, anywhere below it."""
    files = _files(folder) if deep else ((PurePosixPath(path.name), path) for path in folder.iterdir())
    return any(_is_image(inside, LeftOut(), path) for inside, path in files)


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
    fill(stacks, source, parts, classes, left_out)
    return {pool: stack.samples() for pool, stack in stacks.items()}


def fill(
    stacks: Mapping[str, ImageStack],
    source: Path,
    parts: Mapping[str, str],
    classes: Sequence[str],
    left_out: LeftOut | None = None,
    sites: MutableMapping[str, list[str]] | None = None,
) -> None:
    """Add the images of a folder or archive to the ``stacks`` of their pools, as :func:`read_tree` says.

    With ``sites``, images lie at ``.../PART/SITE/CLASS/.../image``, and the site of each is added to those of its pool.
    """
    numbers = {name: number for number, name in enumerate(classes)}
    absent, above = dict.fromkeys(parts), 0 if sites is None else 1
    with reading(source):
        for path, content in walk(source, left_out):
            part, folders = _place(path, parts)
            if len(folders) <= above:
                if left_out is not None:
                    left_out.add("images outside the classes' folders", path)
                continue
            label = folders[above]
            if left_out is not None and len(folders) > above + 1:
                left_out.deeper.append(str(path))
            if label not in numbers:
                raise InputError(f"folder '{label}' is not one of the classes {', '.join(classes)}")
            stacks[parts[part]].add(content, numbers[label], source / path)
            if sites is not None:
                sites.setdefault(parts[part], []).append(folders[0])
            absent.pop(part, None)
    if left_out is not None:
        left_out.repeated = sum(stack.repeated for stack in stacks.values())
    if absent:
        layout = "/".join(filter(None, (next(iter(absent)), "CLASS", "*.png")))
        raise DataError(f"{source} holds no images at {layout}: give a folder that is laid out so")


def _place(path: PurePosixPath, parts: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return the part to which the image at ``path`` belongs, and the folders within it; none if it lies outside."""
    folders = [unicodedata.normalize("NFC", name) for name in path.parts[:-1]]
    for place, name in enumerate(folders[:-1]):
        if name in parts:
            return name, folders[place + 1 :]
    return "", folders if "" in parts else []


def is_hidden(name: str) -> bool:
    """Whether a file or folder is one that systems hide or put beside pictures."""
    return name.startswith((".", "~$")) or name in _BESIDE


@cache
def _opener(suffix: str) -> None:
    """Let Pillow read pictures of a kind for which it needs a package. Raises :class:`DataError` if it is not there."""
    from PIL import Image

    if suffix in Image.registered_extensions():
        return
    package = _PACKAGES.get(suffix)
    if package is not None:
        try:
            module = import_module(package)
            getattr(module, "register_heif_opener", lambda: None)()
            return
        except ImportError:
            pass
    mend = f"pip install {package.replace('_', '-')}, or save them as JPEG" if package else "save them as JPEG or PNG"
    raise DataError(f"Pillow cannot read {suffix} pictures here: {mend}")


def _is_image(name: PurePosixPath, left_out: LeftOut, path: Path | None = None) -> bool:
    """Whether an image is to be read: by its name, not hidden, and a regular file."""
    if any(is_hidden(part) for part in name.parts):
        return False
    suffix = name.suffix.lower()
    if suffix in _PACKAGES or suffix in _NO_PACKAGE:
        try:
            _opener(suffix)
        except DataError as error:
            raise DataError(f"{path or name} cannot be read ({error})") from error
    elif suffix not in _SUFFIXES:
        left_out.add("files that are no images by their names", name)
        return False
    try:
        regular = path is None or stat.S_ISREG(path.stat().st_mode)
    except OSError:  # a link that leads nowhere
        regular = False
    if not regular:
        left_out.add("images that are no regular files, or links to none", name)
    return regular
