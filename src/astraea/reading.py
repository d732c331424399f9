"""Files that somebody else may have written, read with bounds: none hangs, fills the memory or runs code.

What is wrong with a file is an ``OSError`` or a ``ValueError``, for the caller to put into a sentence with its mend.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astraea.errors import RunError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "DAMAGE",
    "checksum",
    "damaged",
    "read_bytes",
    "read_json",
    "read_tensors",
    "read_text",
    "read_toml",
    "regular",
]

DAMAGE = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)
"""What files raise that are read without error and do not hold what their names promise."""

_MOST_BYTES = 1 << 30
_MOST_TENSOR_BYTES = 1 << 36
_WORD = 1 << 63


def regular(path: Path, most: int = _MOST_BYTES) -> int:
    """Return the size of the file at ``path`` in bytes.

    Raises ``OSError`` if it is not there, no regular file (a pipe would be waited for) or has more than ``most``.
    """
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    if found.st_size > most:
        raise OSError(errno.EFBIG, f"it has {found.st_size:,} bytes, more than {most:,}", str(path))
    return found.st_size


def read_bytes(path: Path, most: int = _MOST_BYTES) -> bytes:
    """Return the content of ``path``; ``OSError`` as for :func:`regular`."""
    regular(path, most)
    return path.read_bytes()


def read_text(path: Path, most: int = _MOST_BYTES) -> str:
    """Return the text of ``path``, UTF-8 with or without a mark; ``OSError`` as above, ``ValueError`` if it is none."""
    return read_bytes(path, most).decode("utf-8-sig").replace("\r\n", "\n")


def read_json(path: Path) -> Any:
    """Return what the JSON file ``path`` holds; ``OSError`` as above, ``ValueError`` if it is not JSON."""
    text = read_text(path)
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_toml(path: Path) -> dict[str, Any]:
    """Return the tables of the TOML file ``path``; ``OSError`` as above, ``ValueError`` if it is not TOML."""
    text = read_text(path, 1 << 26)
    try:
        tables = tomllib.loads(text)
        _check_numbers(tables)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return tables


def read_tensors(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Return the notes and the tensors of the safetensors file ``path``, whose header promises no more than there is.

    Raises ``OSError`` as above and ``ValueError`` if it is not such a file.
    """
    from safetensors import SafetensorError, safe_open

    regular(path, _MOST_TENSOR_BYTES)
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(" ".join(str(error).split())[:300]) from error
    except (TypeError, KeyError, RuntimeError, OverflowError, AttributeError) as error:  # a dtype unknown to PyTorch
        raise ValueError(f"{type(error).__name__}: {error}"[:300]) from error


def checksum(tensors: Mapping[str, Tensor], text: str) -> str:
    """Return the SHA-256 of ``tensors`` and a ``text`` that belongs to them, by which a damaged file is known."""
    import torch

    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def damaged(folder: Path, error: BaseException) -> RunError:
    """Return the error for a ``folder`` of a run or a comparison of which a file raised one of :data:`DAMAGE`."""
    why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return RunError(f"{folder} holds a damaged file ({why}): resume the run to write it anew, or choose a good copy")


def _check_numbers(value: Any, key: str = "") -> None:
    if isinstance(value, dict):
        for name, part in value.items():
            _check_numbers(part, name)
    elif isinstance(value, list):
        for part in value:
            _check_numbers(part)
    elif (
        isinstance(value, int) and not -_WORD <= value < _WORD and key != "seed"
    ):  # which may be a secret of any length
        raise ValueError("it holds a whole number of more than 64 bits")
