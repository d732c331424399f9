"""Files that are written whole or not at all: a kill, a full disk or a lost link leaves the earlier file as it was.

Everything is written beside its target, brought to the disk and renamed over it. JSON knows no NaN and no infinity:
both become null, here and nowhere else. A folder that is trained into is held by one process at a time.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import math
import os
import secrets
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astraea.errors import RunError, StorageError
from astraea.reading import read_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = [
    "append_text",
    "flush",
    "lock",
    "new_folder",
    "plain",
    "remove_partial_files",
    "replacing",
    "to_json",
    "whole_lines",
    "write_bytes",
    "write_json",
    "write_tensors",
    "write_text",
    "write_toml",
]

_SUFFIX = ".partial"
_LOCK, _HOLDER = ".lock", ".lock-holder"


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Keep all others from running in ``folder``, which is made if need be, for as long as the context lasts.

    Whatever trains or evaluates into a folder holds it from before its first look at it to after its last write. The
    operating system ends the hold with the process, however that ends, so a dead process is no obstacle. It is not to
    be entered twice, in one process either. Raises :class:`RunError`, which names the holder's process and host, if
    the folder is held, or if it cannot be made.
    """
    from filelock import FileLock, Timeout

    held = FileLock(folder / _LOCK, blocking=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held.acquire()
    except Timeout as error:
        raise RunError(
            f"another process is running in {folder}{_holder(folder)}: wait for it, or choose another folder"
        ) from error
    except OSError as error:
        raise _unwritable(folder, error.strerror or error) from error
    try:
        remove_partial_files(folder)
        write_text(folder / _HOLDER, f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        with suppress(OSError):
            (folder / _HOLDER).unlink(missing_ok=True)
        held.release()


def _holder(folder: Path) -> str:
    """Return who holds ``folder``, in parentheses; nothing if that is just being written."""
    try:
        with (folder / _HOLDER).open(encoding="utf-8", errors="replace") as file:
            return f" ({file.read(200)})"
    except OSError:
        return ""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Lend the path of a new empty file beside ``path``, which takes its place at the end, unless an error ends it.

    The new file's name cannot be guessed, so nothing that lies there is written through. A link at ``path`` is
    replaced, not followed. Raises :class:`RunError` if ``path`` cannot be written.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_SUFFIX}")
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        try:
            yield partial
            _flush(partial, os.O_RDWR)
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _flush(path.parent, os.O_RDONLY)
    except OSError as error:
        raise _unwritable(path, error.strerror or error) from error


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Lend the path of a new empty folder beside ``path``, which becomes ``path`` at the end, unless an error ends it.

    Raises :class:`RunError` if it cannot be written, or if ``path`` is there already.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_SUFFIX}")
    try:
        partial.mkdir(parents=True)
        try:
            yield partial
            for inside in (*partial.rglob("*"), partial):
                if not inside.is_symlink():
                    _flush(inside, os.O_RDONLY)
            partial.rename(path)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        _flush(path.parent, os.O_RDONLY)
    except OSError as error:
        raise _unwritable(path, error.strerror or error) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``. Raises :class:`RunError` if it cannot be written, as all writers here."""
    with replacing(path) as partial:
        partial.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in UTF-8, line ends as they are."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any, *, indent: int | None = None) -> None:
    """Write ``value`` to ``path`` as :func:`to_json` says, with a line end."""
    write_text(path, to_json(value, indent=indent) + "\n")


def write_toml(path: Path, tables: Mapping[str, Any]) -> None:
    """Write ``tables`` to ``path`` as TOML."""
    import tomli_w

    write_text(path, tomli_w.dumps(tables))


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor] | Mapping[str, NDArray[Any]], notes: Mapping[str, str] | None = None
) -> None:
    """Write ``tensors``, of PyTorch or NumPy, to ``path`` in the safetensors format, with ``notes`` as its metadata."""
    from safetensors import SafetensorError, numpy

    save: Callable[..., None] = numpy.save_file
    if not all(type(value).__module__ == "numpy" for value in tensors.values()):
        from safetensors import torch

        save = torch.save_file
    with replacing(path) as partial:
        try:
            save(dict(tensors), partial, None if notes is None else dict(notes))
        except SafetensorError as error:  # it hides the operating system's error
            raise _unwritable(path, error) from error


def append_text(path: Path, text: str, *, durable: bool = False) -> None:
    """Add ``text`` to the end of ``path``. A kill may cut it short: :func:`whole_lines` takes that off again.

    Only what is ``durable`` is on the disk when this returns; a power cut may take the rest. A link at ``path`` is
    refused, not followed.
    """
    try:
        new = durable and not path.exists()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(path, flags, 0o666), "a", encoding="utf-8", newline="") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if new:
            _flush(path.parent, os.O_RDONLY)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise StorageError(f"{path} is a link, and nothing is added to what it points to: remove it") from error
        raise _unwritable(path, error.strerror or error) from error


def flush(path: Path) -> None:
    """Bring to the disk what was written to the file or folder ``path``, if it is there."""
    try:
        if path.exists():
            _flush(path, os.O_RDONLY)
    except OSError as error:
        raise _unwritable(path, error.strerror or error) from error


def whole_lines(path: Path) -> list[str]:
    """Return the lines of ``path``; what a kill or a power cut has left of a last one is taken off the file.

    A link at ``path`` is then replaced by a file, and what it points to stays as it is.

    Raises :class:`RunError` if it cannot be read or written.
    """
    try:
        text = read_bytes(path)
        written = text.partition(b"\0")[0]  # a power cut leaves zeros where nothing has reached the disk
        whole = written[: written.rfind(b"\n") + 1]
        if len(whole) < len(text):
            write_bytes(path, whole)
    except OSError as error:
        raise _unwritable(path, error.strerror or error) from error
    return whole.decode("utf-8", errors="replace").split("\n")[:-1]


def to_json(value: Any, *, indent: int | None = None) -> str:
    """Return ``value`` as JSON, its keys in the order they have."""
    return json.dumps(plain(value), allow_nan=False, indent=indent)


def plain(value: Any) -> Any:
    """Return ``value`` as JSON knows it: data classes as their fields, arrays as lists, NaN and infinity as None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def remove_partial_files(folder: Path) -> None:
    """Remove from ``folder`` what killed processes left half-written. Only for who alone writes there."""
    for left in folder.glob(f".*{_SUFFIX}"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _flush(path: Path, how: int) -> None:
    if path.is_dir() and not hasattr(os, "O_DIRECTORY"):
        return  # where folders cannot be opened
    handle = os.open(path, how)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(path: Path, why: object) -> StorageError:
    return StorageError(f"{path} cannot be written ({why}): free space, or choose a folder that can be written to")
