"""A table of many columns: CSV with any delimiter, packed or not, or Parquet; a label column, and a column of sites.

Columns are taken by what they hold: fractions are numbers; whole numbers are numbers that copies repeat unchanged;
text and truth values are codes, one feature for each value. Nothing is guessed about an empty cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from astraea.data.classes import flat, number_classes, text
from astraea.data.columns import Missing, as_truths, column_of, labelled, named, present, whole_labels
from astraea.data.dataset import Dataset
from astraea.data.form import Form
from astraea.data.inputs import TableReader
from astraea.data.label_sets import sets_with_note, split_cells
from astraea.data.loaders.base import OwnFiles
from astraea.data.marks import Decimal
from astraea.data.regression import BINS, TASK, Task, regression_of
from astraea.data.scales import spread_notes
from astraea.data.site_files import read_sites
from astraea.data.source import Source, source_of
from astraea.data.table_notes import kinds_note, table_doubts
from astraea.data.tables import DECIMAL, notes_of
from astraea.errors import InputError

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Missing", "Table", "from_frame"]


class Table(OwnFiles, name="table"):
    """A table, CSV or Parquet, of numbers and codes; needs astraea[tables]."""

    publisher: ClassVar[str] = "https://pandas.pydata.org/docs/user_guide/io.html"
    licence: ClassVar[str] = "yours"

    label_column: str = Field(description="Name of the labels.")
    label_separator: str | None = Field(
        None,
        min_length=1,
        description="What parts the labels of a row that may have several, such as ';'; an empty cell has none.",
    )
    site_column: str | None = Field(
        None,
        description="Column that says whose each row is; its values are the clients. In a folder of one file for each "
        "site, by default the names of the files.",
    )
    codes: tuple[str, ...] = Field((), description="Columns of numbers that are codes.")
    noisy: tuple[str, ...] = Field((), description="Columns of whole numbers for which noise makes sense in copies.")
    leave_out: tuple[str, ...] = Field((), description="Columns that are not used.")
    columns: tuple[str, ...] = Field(
        (), description="Columns that are kept beside the samples instead of being features, such as a client's weight."
    )
    decimal: Decimal = Field(
        "auto",
        description="Mark before the fraction of a number in text, '.' or ','; the other one parts thousands. auto: "
        "what the columns show, and a sentence where they do not.",
    )
    missing: Missing = Field("refuse", description="refuse empty cells, or fill in the column's mean.")
    standardise: bool = Field(True, description="Bring numbers to one scale, from sums over clients.")
    task: Task = Field("auto", description=TASK)
    bins: int = Field(BINS, ge=2, description="Quantile bins of a regression, which are what is balanced.")

    def load(self) -> Dataset:
        """Return the table at ``path``; see :func:`from_frame` for what is made of it."""
        frame, site_column = read_sites(self.files.given(self.path), self.decimal, self.site_column)
        test, validation = (
            None if path is None else read_sites(self.files.given(path), self.decimal, site_column)[0]
            for path in (self.test_path, self.validation_path)
        )
        return from_frame(
            frame,
            self.label_column,
            site_column,
            test=test,
            validation=validation,
            codes=self.codes,
            noisy=self.noisy,
            leave_out=self.leave_out,
            kept=self.columns,
            missing=self.missing,
            label_separator=self.label_separator,
            standardise=self.standardise,
            task=self.task,
            bins=self.bins,
            name=self.name,
        )


def from_frame(
    frame: DataFrame,
    label_column: str,
    site_column: str | None = None,
    *,
    test: DataFrame | None = None,
    validation: DataFrame | None = None,
    codes: Sequence[str] = (),
    noisy: Sequence[str] = (),
    leave_out: Sequence[str] = (),
    kept: Sequence[str] = (),
    missing: Missing = "refuse",
    label_separator: str | None = None,
    standardise: bool = True,
    task: Task = "auto",
    bins: int = BINS,
    name: str = "table",
) -> Dataset:
    """Return the dataset of a pandas ``DataFrame``, one row a sample.

    ``label_column`` holds the classes and ``site_column`` whose sample each row is. Every other column but those in
    ``leave_out`` and ``kept`` is a feature; the latter are kept beside the samples. ``codes`` names columns of numbers
    that are codes, and ``noisy`` columns of whole numbers for which noise makes sense in copies of rare classes. An
    empty cell is refused, or, with ``missing`` = "mean", becomes the mean of a number's column and a value of its own
    among codes. With ``standardise``, a scenario brings numbers to mean 0 and standard deviation 1 from sums over its
    clients.

    With a ``label_separator``, the labels of a row are those that it parts, any number of them. ``task`` says whether
    labels are classes or numbers to be predicted ("regression"); by default, fractions of more than 20 different values
    are numbers. Of a regression, ``bins`` quantile bins are what is balanced.

    Raises :class:`InputError` for a column that is not there or cannot be used, and for an empty cell.
    """
    read_as, decimal = notes_of(frame), frame.attrs.get(DECIMAL, "auto")
    frame = named(frame)
    source = source_of(frame)
    present(frame, (label_column, site_column, *codes, *noisy, *leave_out, *kept), source)
    if label_column in (site_column, *kept):
        raise InputError(
            f"{source}column '{label_column}' holds the labels and cannot be the sites or a further column too, as "
            "each client would have one class: name another column"
        )
    apart = {label_column, site_column, *leave_out, *kept}
    if not (used := [name for name in frame.columns if name not in apart]):
        raise InputError(f"the table has no column but {', '.join(map(str, apart - {None}))}: it needs features")
    columns, faults = [], []
    for called in used:
        try:
            declared, noise = called in codes, called in noisy
            columns.append(column_of(frame[called], declared=declared, noisy=noise, missing=missing, source=source))
        except InputError as error:
            faults.append(str(error).removeprefix(str(source)))
    if faults:
        raise InputError(f"{source}{'; '.join(faults)}")
    given = {"training": frame, "test": test, "validation": validation}
    parts = {part: named(own) for part, own in given.items() if own is not None}
    regression, outputs = None, None
    if label_separator is None:
        sources = [source_of(own, "" if part == "training" else f"the {part} set") for part, own in parts.items()]
        labels = [
            flat(labelled(own, label_column, named_by), "labels")
            for own, named_by in zip(parts.values(), sources, strict=True)
        ]
        regression = regression_of(labels[0], task, bins, f"{source}the values of column '{label_column}'")
    if label_separator is not None:
        cells = [split_cells(part[label_column], label_separator) for part in parts.values()]
        _, names, outputs, label_notes = sets_with_note(cells, None)
    elif regression is not None:
        names = regression.names
        label_notes = (
            f"Regression: the model predicts '{label_column}'; {len(names)} quantile bins of it are what is balanced.",
        )
    else:
        first, *further = [whole_labels(part, label_column) for part in labels]
        alike = [_alike(own, first, named_by) for own, named_by in zip(further, sources[1:], strict=True)]
        _, names, label_notes = number_classes([first, *alike])
    steady = tuple(kept for column in columns for kept in column.steady)
    form = Form("vector", "table", "F", (len(steady),), steady=steady)
    kept = tuple(dict.fromkeys(name for name in (site_column, *kept) if name is not None))
    reader = TableReader(
        form=form,
        class_names=names,
        columns=tuple(columns),
        label_column=label_column,
        kept=kept,
        regression=regression,
        decimal=decimal,
        label_separator=label_separator,
        site_column=site_column,
    )
    samples = {part: reader.samples(own, part) for part, own in parts.items()}
    numbers = np.array([column.kind != "codes" for column in columns for _ in column.steady])
    mend = "set data.standardise to true, or divide each by its standard deviation"
    unscaled = () if standardise else spread_notes(samples["training"].x[:, numbers], "of the columns of numbers", mend)
    return Dataset(
        name,
        samples["training"],
        samples.get("test"),
        names,
        (
            kinds_note(columns, label_column, site_column, standardise=standardise),
            *label_notes,
            *unscaled,
            *table_doubts(
                columns,
                parts,
                samples,
                label_column,
                site_column,
                kept=kept,
                one_class=regression is None and label_separator is None,
            ),
            *read_as,
        ),
        numbers if standardise else np.zeros_like(numbers),
        site_column,
        regression,
        samples.get("validation"),
        reader,
        outputs,
    )


def _alike(labels: NDArray[np.generic], first: NDArray[np.generic], source: Source) -> NDArray[np.generic]:
    """Return further labels in the dtype of those of training."""
    written = as_truths(text(labels), text(np.unique(first)))
    if first.dtype.kind == "b" and set(written) <= {"True", "False"}:
        return np.array([name == "True" for name in written])
    if first.dtype.kind not in "iub":
        return np.array(written)
    try:
        return np.array([int(name) for name in written])
    except ValueError:
        odd = next(name for name in written if not name.lstrip("-").isdigit())
        raise InputError(f"{source}label '{odd}' is none of the classes: {', '.join(text(np.unique(first)))}") from None
