"""Reading a table from a file: CSV of any delimiter and encoding, packed or not, JSON, or what pandas reads."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import string
import zipfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from astraea.data.file_kinds import is_zip_of, mend_for, of_frames
from astraea.data.files import corrupt
from astraea.data.marks import Decimal, Marks, marks_of, marks_told
from astraea.data.source import SOURCE, Source
from astraea.errors import DataError, InputError

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["DECIMAL", "note", "notes_of", "read_table"]

DECIMAL = "decimal"
"""Where a frame keeps the decimal mark that was said."""

_MARKS, _NOTES = "marks", "notes"
"""Where a frame keeps how its numbers are written that could be read otherwise, and sentences about its reading."""

_EMPTY = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "?", "#N/A", "-")
"""What stands for an empty cell in a column of numbers; in a column of text only nothing at all does."""

_PACKED: dict[bytes, Literal["gzip", "bz2", "xz", "zstd", "zip"]] = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK": "zip",
}
_HEAD = 1 << 16
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_DELIMITERS = ",;\t|"
_UNUSUAL = {*string.punctuation, "\x01", "\x1f", "¦", "§"} - set("_-.+'\"()%/")
_LOOKED_AT = 20


def read_table(path: Path, decimal: Decimal = "auto") -> DataFrame:
    """Return the table at ``path``; a column of numbers has a dtype of numbers, others hold text.

    ``decimal`` is the mark before the fraction of a number in text; by default the columns say it. What was understood
    of numbers that could be read otherwise is told by :func:`notes_of`.

    A column whose name and values only number the rows, as pandas writes its index, is left out. Raises
    :class:`DataError` if it is no table, and :class:`InputError` without the extra ``astraea[tables]``. The frame's
    ``attrs`` keep the file's name for sentences about it.
    """
    try:
        import pandas
    except ImportError as error:
        raise InputError("dataset 'table' needs the package pandas: pip install pandas pyarrow") from error
    if not path.is_file():
        raise DataError(f"{path} is not a file: give a CSV or Parquet file")
    if mend := mend_for(path, "table"):
        raise DataError(f"{path} is {mend}")
    try:
        if kind := of_frames(path):
            frame: DataFrame = getattr(pandas, f"read_{kind}")(path)
        elif is_zip_of(path, ".xml", ".rels"):
            frame = _read_spreadsheet(path)
        else:
            frame = _read_text(path, decimal)
        frame.attrs[SOURCE] = Source(str(path))
        return frame
    except MemoryError as error:
        raise corrupt(path, "it asks for more memory than there is") from error
    except ImportError as error:
        raise DataError(f"{path} cannot be read ({error}): install that package, or use a CSV file") from error
    except (DataError, InputError):
        raise
    except Exception as error:  # the library documents no closed set of errors
        raise corrupt(path, error) from error


def _read_spreadsheet(path: Path) -> DataFrame:
    """Return the only sheet of a spreadsheet that holds rows; needs the package openpyxl."""
    import pandas

    try:
        sheets = pandas.read_excel(path, sheet_name=None, engine="openpyxl")
    except ImportError as error:
        raise DataError(f"{path} is a spreadsheet: save it as CSV, or pip install openpyxl") from error
    filled = {name: sheet for name, sheet in sheets.items() if len(sheet)}
    if len(filled) != 1:
        raise DataError(f"{path} is a spreadsheet with {len(filled)} sheets that hold rows: save one as CSV")
    return _whole_rows(next(iter(filled.values())))


def note(frame: DataFrame, sentence: str) -> None:
    """Keep a sentence about how ``frame`` was read."""
    frame.attrs[_NOTES] = (*frame.attrs.get(_NOTES, ()), sentence)


def notes_of(*frames: DataFrame) -> tuple[str, ...]:
    """Return what is to be noted of how ``frames`` of the same columns were read, each kind once."""
    marks: dict[str, Marks] = {}
    for frame in frames:
        marks = {**frame.attrs.get(_MARKS, {}), **marks}
    told = (sentence for frame in frames for sentence in frame.attrs.get(_NOTES, ()))
    return tuple(dict.fromkeys((*told, *marks_told(marks))))


def _read_text(path: Path, decimal: Decimal) -> DataFrame:
    import pandas

    text = re.sub(r"\A(#.*\n|\s*\n)+", "", _decoded(_unpacked(path)))  # comments and empty lines above the names
    if "\0" in text:
        raise DataError(f"{path} holds bytes that no text has: give a CSV or Parquet file")
    if not text.strip():
        raise DataError(f"{path} is empty: give a table with a line of column names")
    if text.lstrip()[0] in "{[":
        return _of_records(path, text)
    if text.lstrip()[0] == "<":
        raise DataError(f"{path} is a page, not a table of lines: save it as CSV or Parquet")
    if text.lstrip()[:9].lower() == "@relation":
        raise DataError(f"{path} is an ARFF file: read it with scipy.io.arff.loadarff, and save it as CSV")
    said = re.match(r'"?sep=(.)"?\s*\n', text)  # how spreadsheets are told the delimiter
    text = text[said.end() :] if said else text
    delimiter = said[1] if said else _delimiter(text[:_HEAD])
    _check_names(path, text, delimiter)
    try:
        frame = pandas.read_csv(
            io.StringIO(text), sep=delimiter, dtype=str, keep_default_na=False, skipinitialspace=True, index_col=False
        )
    except pandas.errors.ParserError as error:
        if cells := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error)):
            raise DataError(
                f"{path} cannot be used (line {cells[2]} has {cells[3]} cells, the line of names {cells[1]}): mend "
                "that line, or quote what holds the delimiter"
            ) from error
        raise
    frame = frame.rename(columns=lambda name: str(name).strip())
    unnamed = [name for name in frame.columns if str(name).startswith("Unnamed: ") and (frame[name] == "").all()]
    frame = frame.drop(columns=unnamed)  # what a delimiter at the ends of lines makes
    frame = _whole_rows(frame)
    if not len(frame):
        raise DataError(f"{path} has a line of column names but no rows: give a table with some")
    written = {str(name): frame[name].str.strip() for name in frame.columns}
    try:
        marks = marks_of({name: text[~text.isin(_EMPTY)] for name, text in written.items()}, decimal, delimiter)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    for name in frame.columns:
        frame[name] = _typed(frame[name], marks[str(name)])
    if decimal != "auto":
        frame.attrs[DECIMAL] = decimal
    frame.attrs[_MARKS] = {name: one for name, one in marks.items() if one.example and frame[name].dtype.kind in "iuf"}
    first_column = str(frame.columns[0])
    if first_column.startswith("Unnamed: ") and frame.iloc[:, 0].tolist() in (
        list(range(len(frame))),
        list(range(1, len(frame) + 1)),
    ):
        frame = frame.drop(columns=first_column)
    return frame


def _unpacked(path: Path) -> bytes:
    """Return the content of a file, packed or not."""
    from pandas.io.common import get_handle

    with path.open("rb") as stream:
        first = stream.read(6)
    packed = next((kind for magic, kind in _PACKED.items() if first.startswith(magic)), None)
    if packed == "zip":
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.startswith("__MACOSX") and name[-1] != "/"]
            if len(names) != 1:
                raise DataError(f"{path} holds {len(names)} files ({', '.join(names[:3])}): unpack it, and name one")
            return archive.read(names[0])
    with get_handle(str(path), "rb", compression=packed, is_text=False) as opened:
        content: bytes = opened.handle.read()
    return content


def _of_records(path: Path, text: str) -> DataFrame:
    """Return the table in JSON: an object a line, a list of objects, or an object of columns."""
    import pandas

    try:
        try:
            rows: Any = json.loads(text)
        except ValueError:
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        rows = (
            [rows]
            if isinstance(rows, dict) and not all(isinstance(one, list | dict) for one in rows.values())
            else rows
        )
        if isinstance(rows, list) and not all(isinstance(row, dict) for row in rows):
            raise ValueError("its rows are no objects")
        frame = pandas.DataFrame(rows)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path} is JSON, but no table ({str(error)[:80]}): give an object a line, such as "
            '{"age": 50, "diagnosis": "well"}'
        ) from error
    return frame.reset_index(drop=True)


def _whole_rows(frame: DataFrame) -> DataFrame:
    """Return a table without its rows in which every cell is empty, and count these aloud."""
    import pandas

    def is_empty(cell: Any) -> bool:
        return not cell.strip() if isinstance(cell, str) else bool(pandas.isna(cell))

    empty = frame.map(is_empty).all(axis=1)
    if empty.any():
        frame = frame[~empty].reset_index(drop=True)
        note(frame, f"Empty rows were left out: {int(empty.sum())}.")
    return frame


def _check_names(path: Path, text: str, delimiter: str) -> None:
    """Raise :class:`DataError` if two columns have one name, or if a title stands where the names should."""
    if len(delimiter) == 1:
        rows = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
        names = [name.strip() for name in next(rows)]
        below = [sum(bool(cell.strip()) for cell in row) for row, _ in zip(rows, range(5), strict=False)]
        if sum(map(bool, names)) == 1 and below and max(below) > 2:
            raise DataError(
                f"{path} has '{next(filter(None, names))}' alone in its first line, where the columns' names should "
                "be: delete what stands above them"
            )
        if twice := next((name for name in names if name and names.count(name) > 1), None):
            raise DataError(f"{path} has {names.count(twice)} columns called '{twice}': give each a name of its own")


def _decoded(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = content.decode("utf-16")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("cp1252", "replace")  # what spreadsheets of Windows write
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _delimiter(head: str) -> str:
    """Return what parts the columns: what the line of names is parted by, most often, or else every line alike."""
    names, *rows = head.splitlines()
    found = max(_DELIMITERS, key=lambda mark: len(next(csv.reader([names], delimiter=mark))))
    if found in names:
        return found
    if " " in names.strip():
        return r"\s+"
    rows = [row for row in rows[:_LOOKED_AT] if row]
    for mark, count in Counter(names).most_common():
        if mark in _UNUSUAL and rows and all(row.count(mark) == count for row in rows):
            return mark
    return ","


def _typed(column: Series[Any], marks: Marks) -> Series[Any]:
    """Return a column of text as numbers if all but its empty cells are; else as text, None for an empty cell."""
    import pandas

    texts = column.fillna("").str.strip()
    empty = texts.isin(_EMPTY)
    written = texts[~empty]
    if written.str.fullmatch(r"0\d+").any():  # leading zeros, as of postcodes: names, not numbers
        return texts.astype(object).where(texts != "", None)
    plain = marks.plain(written)
    try:
        numbers = pandas.to_numeric(plain)
    except (ValueError, TypeError):  # some releases of pandas take 1e999 for text
        numbers = plain.astype(float) if plain.str.fullmatch(_NUMBER).all() else written
    if not len(written) or numbers.dtype.kind not in "iuf":
        return texts.astype(object).where(texts != "", None)
    return numbers.reindex(column.index)
