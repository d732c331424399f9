"""Drawing and holding out: which rows are used, and which are set aside for validation or test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["by_class", "draw", "hold_out", "hold_out_within"]


def by_class(y: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return all rows, class by class, in random order within each."""
    rows = rng.permutation(len(y))
    return rows[np.argsort(y[rows], kind="stable")]


def draw(y: NDArray[np.int64], counts: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return ``counts[c]`` random rows of each class c, ascending.

    A generator in the same state draws nested sets: larger counts contain what smaller ones did.
    """
    rows = by_class(y, rng)
    sizes = np.bincount(y, minlength=len(counts))
    place = np.arange(len(y)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(rows[place < counts[y[rows]]])


def hold_out(y: NDArray[np.int64], share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the rows to set aside, ascending: ``share`` of every class, rounded.

    A class of two or more samples gives at least one and keeps at least one; a single sample is kept.
    """
    sizes = np.bincount(y)
    return draw(y, _part(sizes, share), rng)


def hold_out_within(
    y: NDArray[np.int64], groups: NDArray[np.int64], share: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the rows to set aside, ascending: ``share`` of every group's rows, spread over its classes.

    ``groups`` (n,) says to which group, from 0, each row belongs. Rows are taken at equal steps along the
    groups and, within each, along its classes, so every group gives its share to within one row, and rare
    classes have the same chance as common ones. A group keeps at least one row; a class of two or more that
    would give none gives one, from a group that can spare it.
    """
    line = by_class(y, rng)
    line = line[np.argsort(groups[line], kind="stable")]
    owner, label = groups[line], y[line]
    taken = np.diff(np.floor(rng.random() + share * np.arange(len(line) + 1))) > 0
    left = np.bincount(owner[~taken], minlength=owner.max() + 1)
    for group in np.unique(owner[left[owner] == 0]):
        taken[rng.choice(np.flatnonzero(owner == group))] = False
        left[group] = 1

    given = np.bincount(label[taken], minlength=label.max() + 1)
    for c in np.flatnonzero((np.bincount(label) > 1) & (given == 0)):
        spare = np.flatnonzero((label == c) & (left[owner] > 1))
        if len(spare):
            place = rng.choice(spare)
            taken[place] = True
            left[owner[place]] -= 1
    return np.sort(line[taken])


def _part(sizes: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """``share`` of each size, rounded, at least 1 and at most all but one; 0 of sizes below 2."""
    part = np.clip(np.rint(share * sizes), 1, np.maximum(sizes - 1, 1)).astype(np.int64)
    return np.where(sizes > 1, part, 0)
