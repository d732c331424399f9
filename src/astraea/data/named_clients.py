"""Clients that the data name themselves: by a column such as the writer, or by the user's own index lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from astraea.data.classes import text
from astraea.data.dataset import OWNER, Samples
from astraea.data.partition import NamedClients, Skew, by_column, by_indices
from astraea.errors import DataError, InputError, nearest
from astraea.reading import read_json

__all__ = ["Column", "Indices", "clients_of_tests", "large_enough", "unmatched"]


class _Named(Skew):
    """Clients that are there before anything is divided."""

    brings_sizes: ClassVar[bool] = True
    names_clients: ClassVar[bool] = True

    def owners(self, y: NDArray[np.int64], sizes: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Nothing is left to divide: :meth:`named` has named the owners."""
        raise NotImplementedError


class Column(_Named, name="column"):
    """One client for each value of a column of the data."""

    column: str = Field(description="Column whose values are the clients, such as writer.")

    @property
    def title(self) -> str:
        """The name with the column."""
        return f"column '{self.column}'"

    @property
    def divided_by(self) -> str:
        """The column."""
        return self.column

    def named(self, samples: Samples, clients: int | None, rng: np.random.Generator) -> NamedClients:
        """Return one client for each value of ``column``, or for ``clients`` values drawn at random.

        Raises :class:`InputError` if there is no such column or it has fewer values than ``clients``.
        """
        if self.column not in samples.columns:
            known = f"it has {', '.join(sorted(samples.columns))}" if samples.columns else "it has none"
            raise InputError(
                f"the data have no column '{self.column}' ({known}){nearest(self.column, samples.columns)}"
            )
        given = samples.columns[self.column]
        if given.dtype.kind == "f" and (missing := np.flatnonzero(np.isnan(given))).size:
            raise InputError(
                f"column '{self.column}' is empty in {missing.size} rows, first in row {missing[0]}: "
                "say whose samples they are"
            )
        owners, values = by_column(given)
        names = tuple(text(values))
        if clients is None or clients == len(values):
            return NamedClients(owners, names)
        if clients > len(values):
            raise InputError(
                f"scenario.clients is {clients}, but column '{self.column}' has only {len(values)} values: "
                "lower it or leave it out"
            )
        chosen = np.sort(rng.choice(len(values), clients, replace=False))
        client = np.full(len(values), -1)
        client[chosen] = np.arange(clients)
        note = f"{clients} of the {len(values)} values of column '{self.column}' are clients, drawn at random."
        return NamedClients(client[owners], tuple(names[k] for k in chosen), (note,))


class Indices(_Named, name="indices"):
    """Your own lists of rows of the training set; in Python also masks, true where a client has the sample."""

    indices: dict[str, tuple[int, ...]] | tuple[tuple[int, ...], ...] | None = Field(
        None, description="Rows of each client: a list of lists, or a table of named lists."
    )
    index_file: str | None = Field(
        None, description="JSON file with the rows of each client: a list of lists, or an object of named lists."
    )

    @field_validator("indices", mode="before")
    @classmethod
    def _from_arrays(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            return {str(name): _listed(rows) for name, rows in given.items()}
        return None if given is None else [_listed(rows) for rows in given]

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.indices is None) == (self.index_file is None):
            raise InputError("scenario.skew is 'indices': give either its indices or its index_file")
        return self

    def named(self, samples: Samples, clients: int | None, rng: np.random.Generator) -> NamedClients:
        """Return one client for each list of rows.

        Raises :class:`InputError` if the lists do not fit the data, :class:`DataError` if the file is unusable.
        """
        if self.index_file is not None:
            names, lists = _read(Path(self.index_file).expanduser())
        elif isinstance(self.indices, dict):
            names, lists = tuple(self.indices), tuple(self.indices.values())
        else:
            lists = self.indices or ()
            names = tuple(map(str, range(len(lists))))
        if clients not in (None, len(lists)):
            raise InputError(f"scenario.clients is {clients}, but {len(lists)} index lists are given")
        owners = by_indices(lists, len(samples), names)
        unused = int((owners < 0).sum())
        notes = (f"{unused:,} training samples are on nobody's index list and left out.",) if unused else ()
        return NamedClients(owners, names, notes)


def _listed(rows: Any) -> Any:
    """Return row numbers as a list; those of a mask are where it is true."""
    array = np.asarray(rows)
    return (np.flatnonzero(array) if array.dtype == bool else array).tolist()


def _read(path: Path) -> tuple[tuple[str, ...], Sequence[Sequence[int]]]:
    """Names and rows of the clients in a JSON file: a list of lists, or an object of named lists."""
    try:
        content = read_json(path)
    except OSError as error:
        raise DataError(f"cannot read the index file {path}: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"the index file {path} is not JSON: {error}") from error
    if isinstance(content, list):
        content = dict(enumerate(content))
    if not isinstance(content, dict) or not all(map(_is_row_list, content.values())):
        raise DataError(f"the index file {path} must hold a list of lists of row numbers, or an object of such lists")
    return tuple(map(str, content)), tuple(content.values())


def _is_row_list(value: object) -> bool:
    return isinstance(value, list) and all(type(row) is int for row in value)


def large_enough(named: NamedClients, least: int) -> NamedClients:
    """The clients that have ``least`` samples or more, and a note about the others."""
    sizes = np.bincount(named.owners[named.owners >= 0], minlength=len(named.names))
    small = np.flatnonzero(sizes < least)
    if not len(small):
        return named
    kept = np.flatnonzero(sizes >= least)
    if not len(kept):
        raise InputError(f"no client has scenario.least_size = {least} samples, the most {sizes.max()}: lower it")
    place = np.full(len(sizes) + 1, -1)  # the last is for rows that nobody has
    place[kept] = np.arange(len(kept))
    names = ", ".join(named.names[k] for k in small[:3]) + (", ..." if len(small) > 3 else "")
    note = f"{len(small)} of {len(sizes)} clients have fewer than {least} samples and are left out: {names}."
    return NamedClients(place[named.owners], tuple(named.names[k] for k in kept), (*named.notes, note))


def _column_of(test: Samples, column: str | None) -> str | None:
    """Return the column that says whose test samples are, ``None`` if nothing does."""
    return next((one for one in (OWNER, column) if one in test.columns), None)


def clients_of_tests(test: Samples, names: tuple[str, ...], column: str | None) -> NDArray[np.int64] | None:
    """The client of each test sample by the column that divides the data, -1 for none."""
    column = _column_of(test, column)
    if column is None:
        return None
    client = {name: k for k, name in enumerate(names)}
    return np.array([client.get(name, -1) for name in text(test.columns[column])], dtype=np.int64)


def unmatched(train: Samples, test: Samples, names: tuple[str, ...], column: str | None) -> list[str]:
    """Say which clients of test samples hold no training samples: a name that is spelt otherwise counts for nobody."""
    column = _column_of(test, column)
    if column is None:
        return []
    known = {*names, *(text(train.columns[column]) if column in train.columns else ())}
    unknown = Counter(name for name in text(test.columns[column]) if name not in known)
    if not unknown:
        return []
    shown = ", ".join(f"'{name}'" for name in sorted(unknown)[:3]) + (", ..." if len(unknown) > 3 else "")
    told = (
        f"{unknown.total():,} test samples are of {shown}, and no client is called so: they count for no client's own "
        "accuracy. See whether the names are spelt alike."
    )
    return [told]
