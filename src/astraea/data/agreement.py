"""One input form for tables that never meet: each site tells sums, and all read their rows by what follows from them.

A simulated run makes its form from one table that it can see whole. Here the same functions make the same form from
what sites tell: kinds of columns, counts, means and squares of numbers, values of codes, names of classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from astraea.data.classes import flat, number_classes, text
from astraea.data.columns import Column, Missing, column_of, labelled, named, present, too_many, whole_labels
from astraea.data.dataset import Samples
from astraea.data.form import Form
from astraea.data.inputs import Inputs, TableReader
from astraea.data.source import Source, source_of
from astraea.data.standardise import Sums, scaling
from astraea.data.unlike import numbers_apart
from astraea.errors import InputError, nearest

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["ColumnSums", "TableSums", "TableTerms", "agreed", "apart", "column_sums", "encode", "table_of"]


class TableTerms(BaseModel):
    """What all sites settle before anything leaves: the same words mean the same as for the dataset ``table``.

    ``least_rows`` is the least number of a site's rows behind anything that it tells of a column: a value of a code
    that fewer rows hold, and the mean of fewer numbers, do not leave. With ``class_names`` no name of a class leaves
    either; without, each site tells the names of all classes that it has, be there one row of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label_column: str = Field(description="Name of the labels.")
    class_names: tuple[str, ...] | None = Field(None, description="All classes; unset: what the sites have.")
    codes: tuple[str, ...] = Field((), description="Columns of numbers that are codes.")
    noisy: tuple[str, ...] = Field((), description="Columns of whole numbers for which noise makes sense in copies.")
    leave_out: tuple[str, ...] = Field((), description="Columns that are not used; a site may lack them.")
    missing: Missing = Field("refuse", description="refuse empty cells, or fill in the mean over all sites.")
    standardise: bool = Field(True, description="Bring numbers to mean 0 and standard deviation 1 over all sites.")
    least_rows: int = Field(5, ge=1, description="Least rows of a site behind anything that it tells of a column.")


class ColumnSums(BaseModel):
    """What a site tells of one column: of numbers how many, their mean and squares about it; of codes their values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Literal["numbers", "whole numbers", "codes", "empty"]
    count: int = Field(ge=0, lt=2**53, description="Cells that are not empty.")
    mean: FiniteFloat = 0.0
    squares: FiniteFloat = Field(0.0, ge=0)
    values: tuple[str, ...] = ()

    @property
    def deviation(self) -> float:
        """The standard deviation of a column of numbers."""
        return float(np.sqrt(self.squares / max(self.count, 1)))


class TableSums(BaseModel):
    """All that a site tells of its table; ``numbered`` says that its labels are whole numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[ColumnSums, ...]
    class_names: tuple[str, ...] = ()
    numbered: bool = False


def column_sums(frame: DataFrame, terms: TableTerms) -> TableSums:
    """Return what a site with the rows of ``frame`` tells, and nothing else of them needs to leave.

    Raises :class:`InputError` as :func:`astraea.data.loaders.table.from_frame` does: for a column that cannot be a
    feature, an empty cell where those are refused, and labels that are no classes.
    """
    frame = named(frame)
    source = source_of(frame)
    present(frame, (terms.label_column, *terms.codes, *terms.noisy), source)
    features = [name for name in frame.columns if name not in (terms.label_column, *terms.leave_out)]
    told, faults = [], []
    for name in features:
        try:
            told.append(_told(frame, name, terms, source))
        except InputError as error:
            faults.append(str(error).removeprefix(str(source)))
    if faults:
        raise InputError(f"{source}{'; '.join(faults)}")
    labels = whole_labels(flat(labelled(frame, terms.label_column, source), "labels"), terms.label_column)
    names = tuple(text(np.unique(labels)))
    if terms.class_names is None:
        return TableSums(columns=tuple(told), class_names=names, numbered=labels.dtype.kind in "iu")
    if odd := [name for name in names if name not in terms.class_names]:
        raise InputError(
            f"{source}column '{terms.label_column}' holds '{odd[0]}', which is none of the classes that were settled "
            f"({', '.join(terms.class_names)}): mend it, leave the row out, or add it to class_names at all sites"
        )
    return TableSums(columns=tuple(told))


def _told(frame: DataFrame, name: str, terms: TableTerms, source: Source) -> ColumnSums:
    column = frame[name]
    known = int(column.notna().sum())
    if not known and len(frame) and terms.missing != "refuse":
        return ColumnSums(name=name, kind="empty", count=0)
    one = _column(frame, name, terms, source)
    values = one.values(frame, source)
    if one.kind == "codes":
        held = values.sum(axis=0) >= terms.least_rows
        return ColumnSums(
            name=name,
            kind=one.kind,
            count=known if known >= terms.least_rows else 0,
            values=tuple(value for value, enough in zip(one.known, held, strict=True) if enough),
        )
    if known < terms.least_rows:
        return ColumnSums(name=name, kind=one.kind, count=0)
    sums = Sums.of(values)
    return ColumnSums(name=name, kind=one.kind, count=known, mean=float(sums.mean[0]), squares=float(sums.squares[0]))


def _column(frame: DataFrame, name: str, terms: TableTerms, source: Source) -> Column:
    return column_of(
        frame[name],
        declared=name in terms.codes,
        noisy=name in terms.noisy,
        missing=terms.missing,
        source=source,
        part=True,
    )


def agreed(sums: Sequence[TableSums], terms: TableTerms, sites: Sequence[str] | None = None) -> Inputs:
    """Return the input form that follows from what all sites told, as ``inputs.json`` of a run's folder has it.

    ``sites`` are their names, for the sentences. Columns come in the order of the first site. Raises
    :class:`InputError` if sites differ in their columns or in what these hold, and if no site told enough of one.
    """
    sites = [f"site {number + 1}" for number in range(len(sums))] if sites is None else sites
    if not sums:
        raise InputError("no site has told the sums of its table: at least one must")
    table = [{column.name: column for column in one.columns} for one in sums]
    _check_columns(table, sites)
    if not table[0]:
        raise InputError(f"the table has no column but '{terms.label_column}': it needs features")
    columns = [_together(name, [one[name] for one in table], terms, sites) for name in table[0]]
    steady = tuple(kept for column in columns for kept in column.steady)
    reader = TableReader(
        form=Form("vector", "table", "F", (len(steady),), steady=steady),
        class_names=_classes(sums, terms),
        columns=tuple(columns),
        label_column=terms.label_column,
    )
    numbers = np.array([terms.standardise and column.kind != "codes" for column in columns for _ in column.steady])
    return Inputs(reader=reader, scaling=scaling((_features(one, columns) for one in table), numbers))


def _check_columns(table: Sequence[dict[str, ColumnSums]], sites: Sequence[str]) -> None:
    """Raise :class:`InputError` unless all sites have the same columns."""
    for site, one in zip(sites[1:], table[1:], strict=True):
        for lacking, there, those, these in ((one, table[0], site, sites[0]), (table[0], one, sites[0], site)):
            if odd := [name for name in there if name not in lacking]:
                raise InputError(
                    f"{those} has no column '{odd[0]}', which {these} has: call it the same everywhere, or leave it "
                    f"out (leave_out){nearest(odd[0], lacking)}"
                )


def _together(name: str, told: Sequence[ColumnSums], terms: TableTerms, sites: Sequence[str]) -> Column:
    """Return what a column is over all sites."""
    kinds = {one.kind: site for one, site in zip(told, sites, strict=True)}
    kinds.pop("empty", None)
    if not kinds:
        raise InputError(f"column '{name}' is empty at all sites: leave it out (leave_out)")
    if "codes" in kinds and len(kinds) > 1:
        other = next(site for kind, site in kinds.items() if kind != "codes")
        raise InputError(
            f"column '{name}' holds text at {kinds['codes']} and numbers at {other}: mend it, or name it in codes if "
            "its values are codes"
        )
    few = f"column '{name}' has no site with {terms.least_rows} rows "
    mend = ": leave it out (leave_out), or lower least_rows"
    if "codes" in kinds:
        known = tuple(sorted({value for one in told for value in one.values}))
        if not known:
            raise InputError(f"{few}of one value, as free text and identifiers have none{mend}")
        if fault := too_many(name, known, sum(one.count for one in told)):
            raise InputError(fault)
        return Column(name=name, kind="codes", known=known, noisy=name in terms.noisy, missing=terms.missing)
    if not any(one.count for one in told):
        raise InputError(f"{few}that hold a number{mend}")
    kind: Literal["numbers", "whole numbers"] = "numbers" if "numbers" in kinds else "whole numbers"
    common = scaling((_sums(one) for one in told), np.array([True]))
    return Column(
        name=name,
        kind=kind,
        known=(),
        noisy=name in terms.noisy,
        missing=terms.missing,
        mean=float(common.mean[0]),
        deviation=float(common.deviation[0]),
    )


def _classes(sums: Sequence[TableSums], terms: TableTerms) -> tuple[str, ...]:
    """Return the classes in the order in which a loader numbers them."""
    if terms.class_names is not None:
        return terms.class_names
    told = {name for one in sums for name in one.class_names}
    found = [int(name) for name in told] if all(one.numbered for one in sums) else sorted(told)
    return number_classes([np.array(found)])[1]


def _sums(one: ColumnSums) -> Sums:
    """Return a site's sums of one column, ``(1,)`` each; of codes, which nothing is done to, there are none."""
    count = 0 if one.kind == "codes" else one.count
    return Sums(np.array([count], float), np.array([one.mean]), np.array([one.squares]))


def _features(told: dict[str, ColumnSums], columns: Sequence[Column]) -> Sums:
    """Return a site's sums as those of all features, ``(F,)`` each."""
    each = [_sums(told[column.name]) for column in columns for _ in column.steady]
    return Sums(*(np.concatenate([getattr(one, name) for one in each]) for name in ("count", "mean", "squares")))


def encode(rows: DataFrame, inputs: Inputs) -> Samples:
    """Return a site's ``rows`` as training samples in the form that was agreed; labels are numbered by its classes.

    A value of a code that was not agreed is none of the known ones: all features of its column are 0. Raises
    :class:`InputError` for rows that lack a column, hold something else in it, or an unknown class.
    """
    samples = table_of(inputs).samples(rows, "training")
    return samples if inputs.scaling is None else samples.holding(inputs.scaling.of(samples.x))


def table_of(inputs: Inputs) -> TableReader:
    """Return what reads the rows of a table. Raises :class:`InputError` if ``inputs`` are those of arrays."""
    if inputs.reader.reads != "table":
        raise InputError("these inputs are those of arrays, not of a table: take what agreed() returns")
    return inputs.reader


def apart(sums: Sequence[TableSums], sites: Sequence[str]) -> tuple[str, ...]:
    """Return a sentence for each site whose numbers in a column are so far from the others' that its unit differs."""
    told: dict[str, list[tuple[str, int, float, float]]] = {}
    for site, one in zip(sites, sums, strict=True):
        for column in one.columns:
            if column.kind in ("numbers", "whole numbers"):
                told.setdefault(column.name, []).append((site, column.count, column.mean, column.deviation))
    return tuple(doubt for name, each in told.items() for doubt in numbers_apart(name, each))
