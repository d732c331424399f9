"""Clients that the data name themselves: by a column such as the writer, or by the user's own index lists."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from astraea.data import partition
from astraea.data.dataset import Samples
from astraea.data.settings import ScenarioSettings
from astraea.errors import DataError, InputError, nearest

__all__ = ["NamedClients", "named_clients"]


@dataclass(frozen=True)
class NamedClients:
    """The owner of each training sample, shape ``(n,)``, -1 for none; and the names of the clients."""

    owners: NDArray[np.int64]
    names: tuple[str, ...]


def named_clients(
    train: Samples, settings: ScenarioSettings, rng: np.random.Generator, notes: list[str]
) -> NamedClients | None:
    """The clients that a column or the user's index lists name; None for other kinds of skew."""
    if settings.skew == "indices":
        names, lists = _index_lists(settings)
        of = partition.by_indices(lists, len(train))
        if settings.clients not in (None, len(lists)):
            raise InputError(
                f"scenario.clients is {settings.clients}, but {len(lists)} index lists are given: leave it out"
            )
        if (of < 0).any():
            notes.append(f"{(of < 0).sum():,} training samples are on nobody's index list and left out.")
        return NamedClients(of, names)
    if settings.skew != "column":
        return None

    column = settings.column or ""
    if column not in train.columns:
        known = f"it has {', '.join(sorted(train.columns))}" if train.columns else "it has none"
        raise InputError(f"the data have no column '{column}' ({known}){nearest(column, train.columns)}")
    of, values = partition.by_column(train.columns[column])
    wanted = settings.clients or len(values)
    if wanted > len(values):
        raise InputError(
            f"scenario.clients is {wanted}, but column '{column}' has only {len(values)} values: "
            "lower it or leave it out"
        )
    if wanted < len(values):
        chosen = np.sort(rng.choice(len(values), wanted, replace=False))
        renumbered = np.full(len(values), -1)
        renumbered[chosen] = np.arange(wanted)
        of, values = renumbered[of], values[chosen]
        notes.append(
            f"{wanted} of the {len(renumbered)} values of column '{column}' are used, drawn at random."
        )
    return NamedClients(of, tuple(map(str, values)))


def _index_lists(settings: ScenarioSettings) -> tuple[tuple[str, ...], Sequence[Sequence[int]]]:
    """The user's index lists and the names of their clients."""
    if settings.indices is not None:
        return tuple(map(str, range(len(settings.indices)))), settings.indices
    path = Path(settings.index_file or "").expanduser()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read the index file {path}: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"the index file {path} is not JSON: {error}") from error
    named = (
        content
        if isinstance(content, dict)
        else dict(enumerate(content))
        if isinstance(content, list)
        else {}
    )
    lists = list(named.values())
    if not lists or not all(
        isinstance(rows, list) and all(type(row) is int for row in rows) for rows in lists
    ):
        raise DataError(
            f"the index file {path} must hold a list of lists of row numbers, or an object of such lists"
        )
    return tuple(map(str, named)), lists
