"""What turns further samples, as their owner has them, into what a model takes: as the training samples were turned.

It is found once from the training samples, is plain values, and is kept in a run's folder, so that test sets that are
brought apart, and rows that come years later, are read alike.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from astraea.data.classes import flat, number_known, text
from astraea.data.columns import Column, as_truths, complete, named, no_column, whole_labels
from astraea.data.dataset import Samples
from astraea.data.form import Form, alike
from astraea.data.label_sets import known_sets, rarest, split_cells
from astraea.data.marks import Decimal
from astraea.data.pictures import WHITE, pictures_array
from astraea.data.regression import Regression
from astraea.data.several import as_array, further_inputs
from astraea.data.source import Source, source_of
from astraea.data.standardise import Scaling
from astraea.data.unlike import unlike_training
from astraea.errors import InputError

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["ArrayReader", "Inputs", "Reader", "TableReader"]


class ArrayReader(BaseModel):
    """Reads arrays and pictures of one :class:`~astraea.data.form.Form`.

    ``counted`` says that integer labels count into ``class_names``, rather than being names themselves; pictures are
    resized to ``image_size`` pixels a side, where that is set, and ``white`` is the largest value of those of 16 bits.
    With ``several``, samples have any number of labels.
    """

    model_config = ConfigDict(frozen=True)

    reads: Literal["arrays"] = "arrays"
    form: Form
    class_names: tuple[str, ...]
    counted: bool = True
    image_size: int | None = None
    white: float = WHITE
    several: bool = False
    regression: Regression | None = None

    def rows(self, given: Any, part: str = "new") -> NDArray[np.generic]:
        """Return samples as the model's form has them: arrays, or of pictures also files or images of Pillow.

        Raises :class:`InputError` for samples of another shape or kind.
        """
        if self.form.inputs:
            return further_inputs(given, self.form, part)
        if self.form.kind == "image" and not hasattr(given, "shape"):
            given = pictures_array(given, "grey" if self.form.shape[0] == 1 else "rgb", self.image_size, self.white)
            if not self.form.layout or given.shape[1:] == self.form.shape:
                return self._fitting(given, part)
        if not self.form.layout and self.form.kind != "codes":
            return self._fitting(as_array(given, part), part)
        return self._fitting(alike(as_array(given, part), self.form, part), part)

    def samples(
        self, x: Any, y: ArrayLike, columns: Mapping[str, NDArray[np.generic]] | None = None, part: str = "test"
    ) -> Samples:
        """Return samples with their labels numbered as in training. Raises :class:`InputError` as :meth:`rows`."""
        if self.several:
            sets = known_sets(y, self.class_names, part)
            return Samples(self.rows(x, part), rarest(sets, sets.sum(axis=0)), columns or {}, self.form, sets=sets)
        if self.regression is not None:
            values = flat(y, "labels").astype(np.float64)
            return Samples(self.rows(x, part), self.regression.bins(values), columns or {}, self.form, values)
        labels = number_known(flat(y, "labels"), self.class_names, part, counted=self.counted)
        return Samples(self.rows(x, part), labels, columns or {}, self.form)

    def _fitting(self, x: NDArray[np.generic], part: str) -> NDArray[np.generic]:
        if x.shape[1:] != self.form.shape:
            raise InputError(
                f"{part} samples have the shape {x.shape[1:]}, those of training {self.form.shape}: both must be alike"
            )
        return x


class TableReader(BaseModel):
    """Reads tables of the columns that the training table had."""

    model_config = ConfigDict(frozen=True)

    reads: Literal["table"] = "table"
    form: Form
    class_names: tuple[str, ...]
    columns: tuple[Column, ...]
    label_column: str
    kept: tuple[str, ...] = ()
    regression: Regression | None = None
    decimal: Decimal = "auto"
    label_separator: str | None = None
    site_column: str | None = None

    def rows(self, given: Any, part: str = "new") -> NDArray[np.float64]:
        """Return the features of a data frame, a mapping of columns, or a file; NaN where a number is missing.

        New rows that are unlike those of training are told in warnings. Raises :class:`InputError` for a column that is
        not there or holds something else.
        """
        frame = self._frame(given)
        source = _source(frame, part)
        if lacking := [column.name for column in self.columns if column.name not in frame.columns]:
            more = f" (nor {', '.join(lacking[1:])})" if lacking[1:] else ""
            raise InputError(f"{no_column(lacking[0], frame, source)}{more}")
        if part == "new":
            for told in unlike_training(self.columns, frame, source.name):
                warnings.warn(told, stacklevel=4)
        return np.concatenate([column.values(frame, source) for column in self.columns], axis=1)

    def samples(self, given: Any, part: str = "test") -> Samples:
        """Return the rows of a table with their labels. Raises :class:`InputError` as :meth:`rows`.

        Columns that are kept beside the samples, such as the sites, may be absent.
        """
        frame = self._frame(given)
        source = _source(frame, part)
        called = str(source).rstrip() or part
        kept = {
            name: flat(complete(frame, name, source), f"values of column '{name}'")
            for name in self.kept
            if name in frame.columns
        }
        if self.label_separator is not None:
            if self.label_column not in frame.columns:
                raise no_column(self.label_column, frame, source)
            sets = known_sets(split_cells(frame[self.label_column], self.label_separator), self.class_names, called)
            return Samples(self.rows(frame, part), rarest(sets, sets.sum(axis=0)), kept, self.form, sets=sets)
        labels = flat(complete(frame, self.label_column, source), "labels")
        x = self.rows(frame, part)
        if self.regression is None:
            whole = whole_labels(labels, self.label_column)
            written = np.array(as_truths(text(whole), self.class_names))
            numbered = number_known(written, self.class_names, called, counted=False)
            return Samples(x, numbered, kept, self.form)
        if labels.dtype.kind not in "iuf":
            raise InputError(
                f"{source}column '{self.label_column}' holds text, such as '{labels[0]}', and training numbers"
            )
        values = labels.astype(np.float64)
        return Samples(x, self.regression.bins(values), kept, self.form, values)

    @property
    def several(self) -> bool:
        """Whether rows may have several labels."""
        return self.label_separator is not None

    def _frame(self, given: Any) -> DataFrame:
        import pandas

        from astraea.data.site_files import read_sites

        if isinstance(given, str | Path):
            return named(read_sites(Path(given), self.decimal, self.site_column)[0])
        if isinstance(given, Mapping):
            given = pandas.DataFrame({name: np.atleast_1d(column) for name, column in given.items()})
        if not isinstance(given, pandas.DataFrame):
            raise InputError(f"rows of a table cannot be of type {type(given).__name__}: give a data frame or a file")
        return named(given)


def _source(frame: DataFrame, part: str) -> Source:
    """Return where a table came from, by its file or by what it is for."""
    return source_of(frame, {"training": "", "new": "the new rows"}.get(part, f"the {part} set"))


Reader = Annotated[ArrayReader | TableReader, Field(discriminator="reads")]


class Inputs(BaseModel):
    """How new rows become a model's inputs, and its outputs answers: what a run's folder keeps of its data.

    ``scaling`` is that of the clients' sums, where features were standardised; ``regression`` that of the targets.
    """

    model_config = ConfigDict(frozen=True)

    reader: Reader
    scaling: Scaling | None = None
    regression: Regression | None = None

    @property
    def form(self) -> Form:
        """What the samples are."""
        return self.reader.form

    def prepare(self, rows: Any) -> NDArray[np.generic]:
        """Return new ``rows`` (data frame, file, arrays, pictures) as the samples that were trained on.

        Raises :class:`InputError` for rows of another shape, or without a column.
        """
        values = self.reader.rows(rows)
        if self.scaling is None and self.reader.reads == "table" and np.isnan(values.astype(np.float64)).any():
            raise InputError("the new rows have empty cells: fill them in, as nothing was standardised in training")
        return values if self.scaling is None else self.scaling.of(values)

    def scores(self, outputs: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return a probability for each class ``(n, N)``, or with several labels a sample for each label.

        Raises :class:`InputError` for a regression.
        """
        if self.regression is not None:
            raise InputError("a regression predicts values, which have no scores: ask predict for them")
        z = outputs.astype(np.float64)
        if self.reader.several:
            return 1.0 / (1.0 + np.exp(-z))
        if z.shape[1] == 1:
            z = np.concatenate([np.zeros_like(z), z], axis=1)
        shares: NDArray[np.float64] = np.exp(z - z.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        return shares

    def answers(self, outputs: NDArray[np.floating]) -> NDArray[np.generic]:
        """Return what ``outputs`` ``(n, N)`` of the model say: names of classes, or the values of a regression.

        With several labels a sample it is a tuple of names for each.
        """
        if self.reader.several:
            told: NDArray[np.object_] = np.empty(len(outputs), object)
            told[:] = [tuple(np.array(self.reader.class_names)[: len(row)][row > 0].tolist()) for row in outputs]
            return told
        if self.regression is not None:
            return self.regression.unscaled(outputs[:, 0])
        places = (outputs[:, 0] > 0).astype(np.int64) if outputs.shape[1] == 1 else outputs.argmax(axis=1)
        found: NDArray[np.generic] = np.array(self.reader.class_names)[places]
        return found
