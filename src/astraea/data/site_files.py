"""A folder of tables, one file for each site: its rows under one another, and the file's name as their site."""

from __future__ import annotations

import unicodedata
from collections import Counter
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astraea.data.columns import odd_one
from astraea.data.marks import Decimal
from astraea.data.source import SOURCE, Source
from astraea.data.tables import DECIMAL, note, notes_of, read_table
from astraea.errors import DataError, InputError

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["SITE", "read_sites"]

SITE = "site"
"""The column of the files' names, unless it is named otherwise."""

_TABLES = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".feather", ".xlsx", ".json", ".jsonl")
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
_SHOWN = 3
_MISTYPED = 0.8  # of two names that are as alike, one is taken for a slip of the other


def read_sites(path: Path, decimal: Decimal = "auto", site_column: str | None = None) -> tuple[DataFrame, str | None]:
    """Return the table at ``path``, a file or a folder of one file a site, and the name of its column of sites.

    In a folder, a file's name without its endings is the site of its rows, unless ``site_column`` is a column of the
    files. Files that are no tables are left out, with a note.

    Raises :class:`InputError` if the columns of a file differ from those of the others, and as
    :func:`~astraea.data.tables.read_table` does.
    """
    if not path.is_dir():
        return read_table(path, decimal), site_column
    shown = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith((".", "_")))
    files = [file for file in shown if _stem(file.name) is not None]
    if not files:
        raise DataError(f"{path} holds no table: give a CSV or Parquet file, or a folder with one for each site")
    sites = [str(_stem(file.name)) for file in files]
    if twice := next((site for site, count in Counter(sites).items() if count > 1), None):
        raise DataError(f"{path} has {sites.count(twice)} files called '{twice}': keep one file for each site")
    frames = [read_table(file, decimal) for file in files]
    _check_columns(files, frames)
    columns = list(frames[0].columns)
    _agree(files, frames)
    notes = list(notes_of(*frames))
    by_file = site_column not in columns
    if site_column is None:
        site_column = SITE if SITE not in columns else f"{SITE} (file)"
    elif by_file and (close := get_close_matches(site_column, columns, n=1, cutoff=_MISTYPED)):
        raise InputError(f"{path}: no file has the column '{site_column}'; did you mean '{close[0]}'?")
    frame = _joined(frames, columns)
    if by_file:
        frame[site_column] = [site for site, own in zip(sites, frames, strict=True) for _ in range(len(own))]
        notes.insert(0, f"The names of {len(files)} files in {path} are the sites, as column '{site_column}'.")
    if others := [file.name for file in shown if file not in files]:
        more = ", ..." if len(others) > _SHOWN else ""
        notes.append(f"Left out of {path}, as no tables by their names: {', '.join(others[:_SHOWN])}{more}.")
    starts = [sum(map(len, frames[:place])) for place in range(len(frames))]
    frame.attrs[SOURCE] = Source(str(path), tuple(zip(starts, (file.name for file in files), strict=True)))
    for told in notes:
        note(frame, told)
    if decimal != "auto":
        frame.attrs[DECIMAL] = decimal
    return frame, site_column


def _stem(name: str) -> str | None:
    """Return the name of a file without the endings of tables and packers; ``None`` if it has none of them."""
    plain = unicodedata.normalize("NFC", name)
    for ending in _PACKED:
        plain = plain[: -len(ending)] if plain.lower().endswith(ending) else plain
    stem = next((plain[: -len(ending)] for ending in _TABLES if plain.lower().endswith(ending)), None)
    return stem or None


def _check_columns(files: list[Path], frames: list[DataFrame]) -> None:
    """Raise :class:`InputError` naming the file whose columns are not those of most."""
    held = [frozenset(frame.columns) for frame in frames]
    (usual, _), *_ = Counter(held).most_common(1)
    odd = next((place for place, own in enumerate(held) if own != usual), None)
    if odd is None:
        return
    lacks, more = sorted(usual - held[odd]), sorted(held[odd] - usual)
    said = [f"lacks {_listed(lacks)}"] if lacks else []
    said += [f"has {_listed(more)} besides"] if more else []
    raise InputError(
        f"{files[odd]} {' and '.join(said)}, unlike {max(Counter(held).values())} of the {len(files)} files of this "
        "folder: give all files the same columns"
    )


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_SHOWN])
    return f"the column{'s' if len(names) > 1 else ''} {shown}{', ...' if len(names) > _SHOWN else ''}"


def _agree(files: list[Path], frames: list[DataFrame]) -> None:
    """Make columns that hold numbers in some files and text in others text in all, in place.

    Raises :class:`InputError` naming the file where a column of numbers has a cell that is none.
    """
    for name in frames[0].columns:
        written = [not _is_number(frame[name]) and bool(frame[name].notna().any()) for frame in frames]
        if not any(written) or all(written):
            continue
        for file, frame, is_text in zip(files, frames, written, strict=True):
            if is_text and (odd := odd_one(frame[name])):
                raise InputError(
                    f"{file}: column '{name}' holds numbers, but '{odd[1]}' in row {odd[0] + 1}: mend it, or name the "
                    "column in data.codes if its values are codes"
                )
        for frame, is_text in zip(frames, written, strict=True):
            if not is_text:
                frame[name] = frame[name].map(_as_written, na_action="ignore").astype(object)


def _is_number(column: Any) -> bool:
    return column.dtype.kind in "iufb"


def _as_written(value: Any) -> str:
    """Return a number as it stood in its file: without the point that an empty cell elsewhere gave it."""
    return str(int(value)) if float(value).is_integer() and not isinstance(value, bool) else str(value)


def _joined(frames: list[DataFrame], columns: list[str]) -> DataFrame:
    """Return the rows under one another; a column that is empty in one file keeps the dtype that it has in others."""
    import pandas

    parts = {}
    for name in columns:
        held = [frame[name] for frame in frames]
        known = [part for part in held if part.notna().any()]
        kind = "float64" if known and known[0].dtype.kind in "iuf" else "object"
        held = [part if part.notna().any() else part.astype(kind) for part in held]
        parts[name] = pandas.concat(held, ignore_index=True)
    return pandas.DataFrame(parts)
