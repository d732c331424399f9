"""What a file is, told by its first bytes, and what to do with it where a loader is for another kind."""

from __future__ import annotations

import zipfile
from pathlib import Path

__all__ = ["is_zip_of", "mend_for", "of_frames"]

_FRAMES = {b"PAR1": "parquet", b"ARROW1": "feather", b"ORC": "orc", b"<stata_dta>": "stata", b"\x72\x02\x01": "stata"}

_OTHERS: tuple[tuple[bytes, str], ...] = (
    (
        b"\x89HDF",
        "an HDF5 file: read it in Python (h5py, pandas), and save arrays with numpy.savez, a table as Parquet",
    ),
    (b"SQLite format 3", "a database: save the result of a query as CSV or Parquet"),
    (b"MATLAB 5.0", "a MATLAB file: read it with scipy.io.loadmat, and save its arrays with numpy.savez"),
    (b"\x93NUMPY", "one array of NumPy: save samples and labels in one file, numpy.savez(path, x=x, y=y)"),
    (b"$FL2", "an SPSS file: read it with pandas.read_spss, and save it as Parquet"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet of an old kind: save it as CSV"),
    (b"%PDF", "a PDF: save its table as CSV"),
    (b"\x89PNG", "a picture: give the folder above its class, with data.name = 'folder'"),
    (b"\xff\xd8\xff", "a picture: give the folder above its class, with data.name = 'folder'"),
)
_PICKLES = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))
_PICKLE = "a pickle, which could run code when it is read: save arrays with numpy.savez, or a table as Parquet"


def of_frames(path: Path) -> str | None:
    """Return which of the binary kinds of tables the file at ``path`` is: parquet, feather, orc, stata, or ``None``."""
    first = _first(path)
    return next((kind for magic, kind in _FRAMES.items() if first.startswith(magic)), None)


def is_zip_of(path: Path, *endings: str) -> bool:
    """Whether the file at ``path`` is a zip archive with a member whose name has one of the ``endings``."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith(endings) for name in archive.namelist())


def mend_for(path: Path, wanted: str) -> str | None:
    """Return what the file at ``path`` is and what to do with it; ``None`` if it may be of the ``wanted`` kind.

    ``wanted`` is ``table`` or ``npz``, the names of the loaders.
    """
    first = _first(path)
    if found := next((told for magic, told in _OTHERS if first.startswith(magic)), None):
        return found
    if first.startswith(_PICKLES):
        return _PICKLE
    if is_zip_of(path, "data.pkl"):
        return "a file of torch.save: save its tensors with numpy.savez(path, x=x.numpy(), y=y.numpy())"
    if wanted == "table":
        return "an archive of arrays: set data.name to 'npz'" if is_zip_of(path, ".npy") else None
    if of_frames(path) is not None:
        return "a table: set data.name to 'table'"
    if is_zip_of(path, ".npy"):
        return None
    if is_zip_of(path, ".xml", ".rels"):
        return "a spreadsheet: set data.name to 'table'"
    return "text, perhaps a table: set data.name to 'table'" if first and b"\0" not in first else None


def _first(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(64)
