"""Clients that the data name themselves: by a column such as the writer, or by the user's own index lists."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from astraea.data import partition
from astraea.data.classes import text
from astraea.data.dataset import Samples
from astraea.data.settings import ScenarioSettings
from astraea.errors import DataError, InputError, nearest

__all__ = ["NamedClients", "clients_by_column", "clients_by_indices"]


@dataclass(frozen=True)
class NamedClients:
    """The owner of each training sample, (n,), -1 for none; the clients' names; what was left out."""

    owners: NDArray[np.int64]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def clients_by_column(samples: Samples, column: str, clients: int | None, rng: np.random.Generator) -> NamedClients:
    """One client for each value of ``column``, or for ``clients`` values drawn at random.

    Raises :class:`InputError` if there is no such column or it has fewer values than ``clients``.
    """
    if column not in samples.columns:
        known = f"it has {', '.join(sorted(samples.columns))}" if samples.columns else "it has none"
        raise InputError(f"the data have no column '{column}' ({known}){nearest(column, samples.columns)}")
    given = samples.columns[column]
    if given.dtype.kind == "f" and (missing := np.flatnonzero(np.isnan(given))).size:
        raise InputError(
            f"column '{column}' is empty in {missing.size} rows, first in row {missing[0]}: say whose samples they are"
        )
    owners, values = partition.by_column(given)
    names = tuple(text(values))
    if clients is None or clients == len(values):
        return NamedClients(owners, names)
    if clients > len(values):
        raise InputError(
            f"scenario.clients is {clients}, but column '{column}' has only {len(values)} values: "
            "lower it or leave it out"
        )
    chosen = np.sort(rng.choice(len(values), clients, replace=False))
    client = np.full(len(values), -1)
    client[chosen] = np.arange(clients)
    note = f"{clients} of the {len(values)} values of column '{column}' are clients, drawn at random."
    return NamedClients(client[owners], tuple(names[k] for k in chosen), (note,))


def clients_by_indices(samples: int, settings: ScenarioSettings) -> NamedClients:
    """One client for each list of rows in ``settings.indices`` or in the file ``settings.index_file``.

    Raises :class:`InputError` if the lists do not fit the data, :class:`DataError` if the file is unusable.
    """
    if settings.index_file is not None:
        names, lists = _read(Path(settings.index_file).expanduser())
    else:
        lists = settings.indices or ()
        names = tuple(map(str, range(len(lists))))
    if settings.clients not in (None, len(lists)):
        raise InputError(f"scenario.clients is {settings.clients}, but {len(lists)} index lists are given")
    owners = partition.by_indices(lists, samples)
    unused = int((owners < 0).sum())
    notes = (f"{unused:,} training samples are on nobody's index list and left out.",) if unused else ()
    return NamedClients(owners, names, notes)


def _read(path: Path) -> tuple[tuple[str, ...], Sequence[Sequence[int]]]:
    """Names and rows of the clients in a JSON file: a list of lists, or an object of named lists."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
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
