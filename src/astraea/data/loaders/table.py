"""A table of many columns: CSV with any delimiter, packed or not, or Parquet; a label column, and a column of sites.

Columns are taken by what they hold: fractions are numbers; whole numbers are numbers that copies repeat unchanged;
text and truth values are codes, one feature for each value. Nothing is guessed about an empty cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from astraea.data.classes import flat, number_classes
from astraea.data.dataset import Dataset, Samples
from astraea.data.form import Form
from astraea.data.loaders.base import Loader
from astraea.data.regression import Regression, quantile_bins
from astraea.data.tables import is_parquet, read_table
from astraea.errors import InputError, unknown_name

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["Missing", "Table", "from_frame"]

Missing = Literal["refuse", "mean"]

Task = Literal["auto", "classes", "regression"]

_MOST_VALUES = 1000
_MOST_CLASSES = 20
_BINS = 5
_SHOWN = 4


class Table(Loader, name="table"):
    """A table, CSV or Parquet, of numbers and codes; needs astraea[tables]."""

    publisher: ClassVar[str] = "https://pandas.pydata.org/docs/user_guide/io.html"
    licence: ClassVar[str] = "yours"

    path: str | Path = Field(description="The file.")
    label_column: str = Field(description="Name of the labels.")
    site_column: str | None = Field(None, description="Column that says whose each row is; its values are the clients.")
    test_path: str | Path | None = Field(None, description="File with the test set; by default held out.")
    codes: tuple[str, ...] = Field((), description="Columns of numbers that are codes.")
    noisy: tuple[str, ...] = Field((), description="Columns of whole numbers for which noise makes sense in copies.")
    leave_out: tuple[str, ...] = Field((), description="Columns that are not used.")
    missing: Missing = Field("refuse", description="refuse empty cells, or fill in the column's mean.")
    standardise: bool = Field(True, description="Bring numbers to one scale, from sums over clients.")
    task: Task = Field(
        "auto",
        description="Whether labels are classes or numbers to be predicted (regression); auto: numbers if they are "
        "fractions of more than 20 different values.",
    )
    bins: int = Field(_BINS, ge=2, description="Quantile bins of a regression, which are what is balanced.")

    def load(self) -> Dataset:
        """Return the table at ``path``; see :func:`from_frame` for what is made of it."""
        named = self.files.given(self.path)
        test = None if self.test_path is None else read_table(self.files.given(self.test_path))
        return from_frame(
            read_table(named),
            self.label_column,
            self.site_column,
            test=test,
            codes=self.codes,
            noisy=self.noisy,
            leave_out=self.leave_out,
            missing=self.missing,
            standardise=self.standardise,
            task=self.task,
            bins=self.bins,
            name=self.name,
            source="" if is_parquet(named) else f"{named}: ",
        )


def from_frame(
    frame: DataFrame,
    label_column: str,
    site_column: str | None = None,
    *,
    test: DataFrame | None = None,
    codes: Sequence[str] = (),
    noisy: Sequence[str] = (),
    leave_out: Sequence[str] = (),
    missing: Missing = "refuse",
    standardise: bool = True,
    task: Task = "auto",
    bins: int = _BINS,
    name: str = "table",
    source: str = "",
) -> Dataset:
    """Return the dataset of a pandas ``DataFrame``, one row a sample.

    ``label_column`` holds the classes and ``site_column`` whose sample each row is. Every other column but those in
    ``leave_out`` is a feature. ``codes`` names columns of numbers that are codes, and ``noisy`` columns of whole
    numbers for which noise makes sense in copies of rare classes. An empty cell is refused, or, with ``missing`` =
    "mean", becomes the mean of a number's column and a value of its own among codes. With ``standardise``, a scenario
    brings numbers to mean 0 and standard deviation 1 from sums over its clients.

    ``task`` says whether labels are classes or numbers to be predicted ("regression"); by default, fractions of more
    than 20 different values are numbers. Of a regression, ``bins`` quantile bins are what is balanced.

    Raises :class:`InputError` for a column that is not there or cannot be used, and for an empty cell.
    """
    frame = frame.rename(columns=str)
    for column in (label_column, site_column, *codes, *noisy, *leave_out):
        if column is not None and column not in frame.columns:
            raise unknown_name("column", column, frame.columns)
    apart = {label_column, site_column, *leave_out}
    columns = [
        _column(frame[name], declared=name in codes, noisy=name in noisy, missing=missing, source=source)
        for name in frame.columns
        if name not in apart
    ]
    if not columns:
        raise InputError(f"the table has no column but {', '.join(map(str, apart - {None}))}: it needs features")
    parts = [frame] if test is None else [frame, test.rename(columns=str)]
    labels = [flat(_complete(part, label_column, source), "labels") for part in parts]
    regression = _regression(labels[0], task, bins)
    if regression is not None:
        numbered: list[NDArray[Any]] = [regression.bins(part.astype(np.float64)) for part in labels]
        names = regression.names
        label_notes: tuple[str, ...] = (
            f"Regression: the model predicts '{label_column}'; {len(names)} quantile bins of it are what is balanced.",
        )
    else:
        found, names, label_notes = number_classes([_whole(part, label_column) for part in labels])
        numbered = list(found)
    steady = tuple(kept for column in columns for kept in column.steady)
    form = Form("vector", "table", "F", (len(steady),), steady=steady)
    samples = []
    for part, y, given in zip(parts, numbered, labels, strict=True):
        x = np.concatenate([column.values(part, source) for column in columns], axis=1)
        sites = {} if site_column is None else {site_column: flat(_complete(part, site_column, source), "sites")}
        targets = None if regression is None else given.astype(np.float64)
        samples.append(Samples(x, y, sites, form, targets))
    numbers = np.array([standardise and column.kind != "codes" for column in columns for _ in column.steady])
    return Dataset(
        name,
        samples[0],
        samples[1] if len(samples) > 1 else None,
        names,
        (*_notes(columns, label_column, site_column, standardise=standardise), *label_notes),
        numbers,
        site_column,
        regression,
    )


@dataclass(frozen=True)
class _Column:
    """A feature column: its kind, the values that its codes have, and what becomes of an empty cell."""

    name: str
    kind: Literal["numbers", "whole numbers", "codes"]
    known: tuple[str, ...]
    noisy: bool
    missing: Missing

    @property
    def steady(self) -> tuple[bool, ...]:
        """For each feature, whether copies repeat it unchanged."""
        if self.kind == "codes":
            return (True,) * len(self.known)
        return (self.kind == "whole numbers" and not self.noisy,)

    def values(self, frame: DataFrame, source: str) -> NDArray[np.float64]:
        """Return the features of the rows of ``frame``, shape ``(n, F)``, NaN for an empty cell of numbers."""
        if self.name not in frame.columns:
            raise unknown_name("column", self.name, frame.columns)
        column = frame[self.name]
        empty = column.isna().to_numpy()
        if empty.any() and self.missing == "refuse":
            raise _empty(self.name, empty, source)
        if self.kind != "codes":
            values = _numbers(column)
            if values is None:
                raise InputError(f"{source}column '{self.name}' holds numbers in training, but text in the test set")
            return values[:, None]
        # A value that training lacks is none of the known ones.
        flags: NDArray[np.bool_] = np.array(_texts(column))[:, None] == np.array(self.known)[None]
        return flags.astype(np.float64)


def _column(column: Series[Any], *, declared: bool, noisy: bool, missing: Missing, source: str) -> _Column:
    name, empty = str(column.name), column.isna().to_numpy()
    if empty.any() and missing == "refuse":
        raise _empty(name, empty, source)
    if empty.all():
        raise InputError(f"{source}column '{name}' is empty: leave it out (data.leave_out)")
    values = None if declared else _numbers(column)
    if values is not None:
        if np.isinf(values).any():
            row = int(np.flatnonzero(np.isinf(values))[0])
            raise InputError(f"{source}column '{name}' is infinite in row {row + 1}: replace it, or leave the row out")
        known = values[~np.isnan(values)]
        # Whole numbers of a column with an empty cell are floats to pandas; those written with a point are fractions.
        whole = bool((known == np.floor(known)).all()) and (column.dtype.kind != "f" or bool(empty.any()))
        return _Column(name, "whole numbers" if whole else "numbers", (), noisy, missing)
    found = tuple(sorted(set(_texts(column))))
    if len(found) > _MOST_VALUES or (len(found) > max(_SHOWN, 0.5 * len(column)) and len(column) > 2 * _SHOWN):
        raise InputError(
            f"{source}column '{name}' is text with {len(found):,} different values in {len(column):,} rows, "
            f"such as '{found[0]}': leave it out (data.leave_out), or make it a number"
        )
    return _Column(name, "codes", found, noisy, missing)


def _numbers(column: Series[Any]) -> NDArray[np.float64] | None:
    """Return a column as numbers, NaN for an empty cell; ``None`` if it holds anything else."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if is_bool_dtype(column) or not is_numeric_dtype(column):
        return None
    values: NDArray[np.float64] = column.to_numpy(np.float64, na_value=np.nan)
    return values


def _texts(column: Series[Any]) -> list[str]:
    """Return a column of codes as text; an empty cell is the value "(empty)"."""
    kept = column.astype(object).where(column.notna(), None)
    return ["(empty)" if value is None else str(value) for value in kept]


def _complete(frame: DataFrame, name: str, source: str) -> NDArray[np.generic]:
    """Return a column without empty cells."""
    if name not in frame.columns:
        raise unknown_name("column", name, frame.columns)
    empty = frame[name].isna().to_numpy()
    if empty.any():
        raise _empty(name, empty, source, "fill it in, or leave the row out")
    return np.asarray(frame[name].to_numpy())


def _regression(labels: NDArray[np.generic], task: Task, bins: int) -> Regression | None:
    """Return how labels are cut, if they are numbers to be predicted."""
    if task == "auto":
        task = "regression" if labels.dtype.kind == "f" and len(np.unique(labels)) > _MOST_CLASSES else "classes"
    if task == "classes":
        return None
    if labels.dtype.kind not in "iuf":
        raise InputError("a regression predicts numbers, but the label column holds text: set data.task to 'classes'")
    return quantile_bins(labels, bins)


def _whole(labels: NDArray[np.generic], name: str) -> NDArray[np.generic]:
    """Return labels that were written as 1.0, 2.0 as integers."""
    if labels.dtype.kind != "f":
        return labels
    if not (labels == np.floor(labels)).all():
        raise InputError(
            f"column '{name}' holds fractions, such as {labels[labels != np.floor(labels)][0]}: no classes"
        )
    return labels.astype(np.int64)


def _empty(name: str, empty: NDArray[np.bool_], source: str, mend: str = "") -> InputError:
    row = int(np.flatnonzero(empty)[0]) + 1
    return InputError(
        f"{source}column '{name}' is empty in row {row}"
        + (f" and {empty.sum() - 1:,} others" if empty.sum() > 1 else "")
        + ": "
        + (mend or "fill it in, or set data.missing to 'mean'")
    )


def _notes(columns: Sequence[_Column], label: str, site: str | None, *, standardise: bool) -> tuple[str, ...]:
    """Say which columns are what."""
    said = []
    for kind, treated in (
        ("numbers", "standardised, jittered in copies" if standardise else "as they are, jittered in copies"),
        ("whole numbers", "standardised, repeated unchanged" if standardise else "as they are, repeated unchanged"),
        ("codes", "a feature for each value, repeated unchanged"),
    ):
        names = [column.name for column in columns if column.kind == kind]
        if names:
            more = ", ..." if len(names) > _SHOWN else ""
            said.append(f"{len(names)} of {kind} ({', '.join(names[:_SHOWN])}{more}: {treated})")
    sites = f", sites '{site}'" if site else ""
    return (f"Columns: {'; '.join(said)}; label '{label}'{sites}.",)
