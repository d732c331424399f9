"""Doubts about a table as a whole: labels that a column gives away, rows twice, spellings, sites that nobody named."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from astraea.data.columns import Column
from astraea.data.dataset import Samples

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["gaps_filled", "given_away", "of_rows", "separators", "spellings", "unnamed_sites", "without_spread"]

_SHOWN = 3
_LEAST = 50  # rows of a table that are looked at
_SITES = 300
_EACH = 10  # rows of each value, on average
_SITE_NAMES = re.compile(
    r"(?i)(^|[\W_])(site|hospital|clinic|klinik|krankenhaus|cent(er|re)|zentrum|standort|institut|h[oô]pital|bank|branch|filiale"
    r"|store|station_id|device|sensor|subject|user|client|school|region|city|country|practice|praxis|scanner)"
)


def gaps_filled(columns: Iterable[Column], rows: int) -> tuple[str, ...]:
    """Say how many cells are filled in, by column."""
    found = [f"{column.name} {column.empty:,}" for column in columns if column.empty]
    return (f"Empty cells of {rows:,} rows are filled in: {', '.join(found)}.",) if found else ()


def without_spread(columns: Iterable[Column]) -> tuple[str, ...]:
    """Note columns that have one value everywhere."""
    return tuple(
        f"Column '{column.name}' is {column.example} in all rows: nothing is learnt from it."
        for column in columns
        if column.distinct == 1 and not column.empty
    )


def given_away(columns: Iterable[Column], frame: DataFrame, label: str) -> tuple[str, ...]:
    """Note columns of few values each of which occurs with one class only, in ten rows or more on average."""
    rows = len(frame)
    if rows < _LEAST or frame[label].nunique() < 2:
        return ()
    found = []
    for column in columns:
        if column.kind == "numbers" or not 2 <= column.distinct <= rows / _EACH:
            continue
        pairs = frame[[column.name, label]].astype(str).drop_duplicates()
        if len(pairs) == pairs[column.name].nunique():
            found.append(
                f"Column '{column.name}' gives the label away: each of its {column.distinct} values occurs with one "
                "class only. Leave it out if it is known only afterwards."
            )
    return tuple(found)


def of_rows(samples: Mapping[str, Samples], columns: Sequence[Column]) -> tuple[str, ...]:
    """Note rows that occur twice, and test rows that occur in training, where there is room for all to differ.

    Rows of few values are alike by chance: nothing is said unless the columns have a hundred times as many combinations
    of values as there are pairs of rows.
    """
    train, test = samples["training"], samples.get("test")
    room = sum(math.log(max(column.distinct, 1)) for column in columns)
    if room < math.log(100) + 2 * math.log(max(len(train), 1)):
        return ()
    seen = _keys(train)
    found, unlike = [], set(seen)
    if twice := len(seen) - len(unlike):
        found.append(f"{twice:,} of {len(seen):,} training rows repeat an earlier one, label and all.")
    if test is not None and (again := sum(key in unlike for key in _keys(test))):
        found.append(f"{again:,} of {len(test):,} test rows are training rows too, so rates flatter the model.")
    return tuple(found)


def _keys(samples: Samples) -> list[tuple[bytes, Any]]:
    x = np.ascontiguousarray(samples.x)
    labels: Sequence[Any] = samples.y.tolist() if samples.targets is None else samples.targets.tolist()
    return [(row.tobytes(), label) for row, label in zip(x, labels, strict=True)]


def spellings(name: str, values: Iterable[str]) -> tuple[str, ...]:
    """Note values that are one but for case, blanks, hyphens or Unicode's forms."""
    groups = defaultdict(list)
    for value in dict.fromkeys(values):
        plain = unicodedata.normalize("NFKC", value).casefold()
        groups[re.sub(r"[\s_\-\u2010-\u2015.]+", "", plain)].append(value)
    found = [" and ".join(f"'{value}'" for value in group) for plain, group in groups.items() if plain and group[1:]]
    if not found:
        return ()
    more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return (f"Column '{name}' has values that differ in spelling alone: {'; '.join(found[:_SHOWN])}{more}.",)


def separators(labels: Series[Any]) -> tuple[str, ...]:
    """Note labels of text that look like several, parted by a mark."""
    texts = labels.dropna()
    if texts.dtype.kind != "O" or not len(texts):
        return ()
    texts = texts.astype(str)
    whole = set(texts)
    for mark in "|;":
        parted = [text for text in whole if mark in text]
        parts = {part.strip() for text in whole for part in text.split(mark)}
        if len(parted) >= 2 and len(parts) < len(whole) and texts.str.contains(mark, regex=False).mean() > 0.05:
            example = min(parted)
            return (f"Labels such as '{example}' look like several: if so, set data.label_separator to '{mark}'.",)
    return ()


def unnamed_sites(columns: Iterable[Column], frame: DataFrame) -> tuple[str, ...]:
    """Name a column whose values may be the sites, where none was named: of 3 to 300 values in ten rows each."""
    found = [
        column
        for column in columns
        if column.kind != "numbers" and 3 <= column.distinct <= min(_SITES, len(frame) / _EACH)
    ]
    called = [column for column in found if _SITE_NAMES.search(column.name)]
    if not called:
        return ()
    names = ", ".join(f"'{column.name}' ({column.distinct} values)" for column in called[:_SHOWN])
    return (f"No column is named in data.site_column as that of the sites; this may be it: {names}.",)
