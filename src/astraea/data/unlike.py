"""Rows unlike those of training: values never seen, means far off, gaps that are new; and sites unlike the others.

Another unit, another spelling or a column that a site never filled does not stop a model, but spoils its answers. It is
told in counts and means, a sentence a column.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from astraea.data.columns import Column, numbers_of

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["numbers_apart", "unlike_sites", "unlike_training"]

_MANY_ROWS = 50  # so many show how wide a column spreads
_WIDER = 8.0
_FAR, _FAR_OF_ONE = 3.0, 10.0  # standard deviations: of the mean of many rows, and of a single row
_FAR_SITE = 5.0
_LEAST = 10  # rows of a site that are looked at


def unlike_training(columns: Iterable[Column], frame: DataFrame, rows: str) -> tuple[str, ...]:
    """Return a sentence for each column in which ``frame`` is unlike training; ``rows`` says which rows these are.

    A mean is far off beyond three standard deviations of training for many rows, and ten for one row; a spread of fifty
    rows or more differs if it is eightfold.
    """
    found = []
    for column in columns:
        told = _codes(column, frame) if column.kind == "codes" else _numbers(column, frame)
        found += [f"In {rows}, column '{column.name}' {one}" for one in told]
    return tuple(found)


def _codes(column: Column, frame: DataFrame) -> list[str]:
    texts = column.texts(frame[column.name])
    odd = texts[~np.isin(texts, column.known)]
    if not len(odd):
        return []
    told = f"has values that training lacks in {len(odd):,} of {len(texts):,} rows, such as '{odd[0]}'"
    near = next((known for known in column.known if known.lstrip("0") == odd[0].lstrip("0") != ""), None)
    return [told + (f": '{near}' is known, so read the column as text." if near else ".")]


def _numbers(column: Column, frame: DataFrame) -> list[str]:
    values = numbers_of(frame[column.name])
    if values is None or column.mean is None or column.deviation is None:
        return []
    told = []
    empty = int(np.isnan(values).sum())
    if empty and column.empty == 0:
        told.append(f"is empty in {empty:,} of {len(values):,} rows, and in training in none: they get the mean.")
    known = values[~np.isnan(values)]
    if not len(known):
        return told
    if column.deviation == 0:
        other = int((known != column.mean).sum())
        return (
            [*told, f"is other than {column.mean:.4g} in {other:,} rows, and in training in none."] if other else told
        )
    mean, deviation = float(known.mean()), float(known.std())
    off = abs(mean - column.mean) / column.deviation
    ratio = deviation / column.deviation
    if off > _FAR + (_FAR_OF_ONE - _FAR) / sqrt(len(known)):
        told.append(
            f"has the mean {mean:.4g}, in training {column.mean:.4g}, which is {off:,.0f} standard deviations away: "
            "the same unit?"
        )
    elif len(known) >= _MANY_ROWS and ratio > 0 and not 1 / _WIDER < ratio < _WIDER:
        told.append(f"has the standard deviation {deviation:.4g}, in training {column.deviation:.4g}: the same unit?")
    return told


def unlike_sites(columns: Iterable[Column], frame: DataFrame, site: str | None) -> tuple[str, ...]:
    """Return a sentence for each column in which a site of ten rows or more is unlike most of the others.

    Its mean is five standard deviations off, or its spread eightfold, both beside the median over sites; or it has no
    value of the column, or among codes none that another site has.
    """
    if site is None:
        return ()
    names, places = np.unique(frame[site].astype(str).to_numpy(str), return_inverse=True)
    rows = [np.flatnonzero(places == place) for place in range(len(names))]
    held = [(str(name), own) for name, own in zip(names, rows, strict=True) if len(own) >= _LEAST]
    if len(held) < 2 or len(held) < len(names) / 2:
        return ()
    found: list[str] = []
    for column in columns:
        if column.kind == "codes":
            found += _codes_of_sites(column, column.texts(frame[column.name]), held)
        elif (values := numbers_of(frame[column.name])) is not None:
            found += _numbers_of_sites(column.name, values, held)
    return tuple(found)


Held = Sequence[tuple[str, NDArray[np.intp]]]


def _codes_of_sites(column: Column, texts: NDArray[np.str_], held: Held) -> list[str]:
    values = [set(texts[rows].tolist()) for _, rows in held]
    often: dict[str, int] = {}
    for own in values:
        for value in own:
            often[value] = often.get(value, 0) + 1
    alone = [place for place, own in enumerate(values) if all(often[value] == 1 for value in own)]
    if len(held) < 3 or 3 * len(alone) > len(held):
        return []  # a column that tells sites apart, such as a postcode
    return [
        f"Column '{column.name}' is empty at '{held[place][0]}' ({len(held[place][1]):,} rows)."
        if values[place] == {"(empty)"}
        else f"Column '{column.name}' has at '{held[place][0]}' no value that another site has, such as "
        f"'{min(values[place])}': the same coding?"
        for place in alone
    ]


def _numbers_of_sites(name: str, values: NDArray[np.float64], held: Held) -> list[str]:
    found = [
        f"Column '{name}' is empty at '{site}' ({len(rows):,} rows): there it says nothing."
        for site, rows in held
        if np.isnan(values[rows]).all()
    ]
    known = [(site, own) for site, rows in held if len(own := values[rows][~np.isnan(values[rows])])]
    return found + numbers_apart(name, [(site, len(own), float(own.mean()), float(own.std())) for site, own in known])


def numbers_apart(name: str, told: Sequence[tuple[str, int, float, float]]) -> list[str]:
    """Return a sentence for each site whose numbers in column ``name`` lie apart from those of most others.

    Of each site are ``told`` its name, how many numbers it has, their mean and standard deviation. A site of fewer than
    ten numbers says nothing.
    """
    told = [one for one in told if one[1] >= _LEAST]
    if len(told) < 2:
        return []
    means, deviations = np.array([one[2] for one in told]), np.array([one[3] for one in told])
    mean, deviation = float(np.median(means)), float(np.median(deviations))
    if deviation <= 0:
        return []  # a property of the site itself, such as its beds
    off, ratio = np.abs(means - mean) / deviation, deviations / deviation
    narrow = (ratio < 1 / _WIDER) & (ratio > 0) & (np.array([one[1] for one in told]) >= _MANY_ROWS)
    odd = np.flatnonzero((off > _FAR_SITE) | (ratio > _WIDER) | narrow)
    return [
        f"Column '{name}' has at '{told[place][0]}' the mean {means[place]:.4g} ± {deviations[place]:.4g}, at most "
        f"sites {mean:.4g} ± {deviation:.4g}: the same unit?"
        for place in odd
    ]
