"""Reading a table from a file: CSV of any delimiter and encoding, packed or not, or Parquet."""

from __future__ import annotations

import codecs
import csv
import io
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from astraea.data.files import corrupt
from astraea.data.marks import Decimal, Marks, marks_of
from astraea.errors import DataError, InputError

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["DECIMAL", "READ_AS", "is_parquet", "read_table"]

DECIMAL = "decimal"
"""Where a frame keeps the decimal mark that was said."""

READ_AS = "read as"
"""Where a frame keeps sentences about numbers that could be read otherwise."""

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
_DELIMITERS = ",;\t|"


def is_parquet(path: Path) -> bool:
    """Whether the file at ``path`` begins as Parquet does."""
    with path.open("rb") as stream:
        return stream.read(4) == b"PAR1"


def read_table(path: Path, decimal: Decimal = "auto") -> DataFrame:
    """Return the table at ``path``; a column of numbers has a dtype of numbers, others hold text.

    ``decimal`` is the mark before the fraction of a number in text; by default the columns say it. What was understood
    of numbers that could be read otherwise stands in the frame's ``attrs`` under :data:`READ_AS`.

    A column whose name and values only number the rows, as pandas writes its index, is left out. Raises
    :class:`DataError` if it is no table, and :class:`InputError` without the extra ``astraea[tables]``.
    """
    try:
        import pandas
    except ImportError as error:
        raise InputError("dataset 'table' needs the package pandas: pip install pandas pyarrow") from error
    if not path.is_file():
        raise DataError(f"{path} is not a file: give a CSV or Parquet file")
    try:
        if is_parquet(path):
            return pandas.read_parquet(path)
        return _read_text(path, decimal)
    except MemoryError as error:
        raise corrupt(path, "it asks for more memory than there is") from error
    except ImportError as error:
        raise DataError(f"{path} cannot be read ({error}): pip install pandas pyarrow, or use a CSV file") from error
    except (DataError, InputError):
        raise
    except Exception as error:  # the library documents no closed set of errors
        raise corrupt(path, error) from error


def _read_text(path: Path, decimal: Decimal) -> DataFrame:
    import pandas
    from pandas.io.common import get_handle

    with path.open("rb") as stream:
        first = stream.read(6)
    if first.startswith(b"PK") and _is_spreadsheet(path):
        raise DataError(f"{path} is a spreadsheet: save it as CSV")
    packed = next((kind for magic, kind in _PACKED.items() if first.startswith(magic)), None)
    with get_handle(str(path), "rb", compression=packed, is_text=False) as opened:
        content: bytes = opened.handle.read()
    text = re.sub(r"\A(#.*\r?\n|\s*\r?\n)+", "", _decoded(content))  # comments and empty lines above the names
    if not text.strip():
        raise DataError(f"{path} is empty: give a table with a line of column names")
    if text.lstrip()[0] in "<{[":
        raise DataError(f"{path} is a page or JSON, not a table of lines: save it as CSV or Parquet")
    delimiter = _delimiter(text[:_HEAD])
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
    if not len(frame):
        raise DataError(f"{path} has a line of column names but no rows: give a table with some")
    written = {str(name): frame[name].str.strip() for name in frame.columns}
    marks = marks_of({name: text[~text.isin(_EMPTY)] for name, text in written.items()}, decimal, delimiter)
    for name in frame.columns:
        frame[name] = _typed(frame[name], marks[str(name)])
    if decimal != "auto":
        frame.attrs[DECIMAL] = decimal
    if told := tuple(one.told(name) for name, one in marks.items() if one.example and frame[name].dtype.kind in "iuf"):
        frame.attrs[READ_AS] = told
    first_column = str(frame.columns[0])
    if first_column.startswith("Unnamed: ") and frame.iloc[:, 0].tolist() in (
        list(range(len(frame))),
        list(range(1, len(frame) + 1)),
    ):
        frame = frame.drop(columns=first_column)
    return frame


def _is_spreadsheet(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith((".xml", ".rels")) for name in archive.namelist())


def _check_names(path: Path, text: str, delimiter: str) -> None:
    """Raise :class:`DataError` if two columns have one name."""
    if delimiter in _DELIMITERS:
        names = [
            name.strip() for name in next(csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True))
        ]
        if twice := next((name for name in names if name and names.count(name) > 1), None):
            raise DataError(f"{path} has {names.count(twice)} columns called '{twice}': give each a name of its own")


def _decoded(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")  # what spreadsheets of Windows write


def _delimiter(head: str) -> str:
    """Return what parts the columns: what the line of names is parted by, most often."""
    names = head.splitlines()[0]
    found = max(_DELIMITERS, key=lambda mark: len(next(csv.reader([names], delimiter=mark))))
    if found in names:
        return found
    return r"\s+" if " " in names.strip() else ","


def _typed(column: Series[Any], marks: Marks) -> Series[Any]:
    """Return a column of text as numbers if all but its empty cells are; else as text, None for an empty cell."""
    import pandas

    texts = column.fillna("").str.strip()
    empty = texts.isin(_EMPTY)
    written = texts[~empty]
    if written.str.fullmatch(r"0\d+").any():  # leading zeros, as of postcodes: names, not numbers
        return texts.astype(object).where(texts != "", None)
    try:
        numbers = pandas.to_numeric(marks.plain(written))
    except (ValueError, TypeError):
        numbers = written
    if not len(written) or numbers.dtype.kind not in "iuf":
        return texts.astype(object).where(texts != "", None)
    return numbers.reindex(column.index)
