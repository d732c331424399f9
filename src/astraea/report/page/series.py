"""Curves made small: seeds become a band, and long curves keep what the eye sees of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["AXES", "MEASURES", "POINTS", "band", "rounded", "thinned"]

POINTS = 300
"""So many points of a curve are kept at most, its ends and extremes among them."""

AXES: tuple[tuple[str, str, float], ...] = (
    ("round", "rounds", 1.0),
    ("bytes_sent", "sent, MB", 1e-6),
    ("critical_path_steps", "critical-path steps, thousands", 1e-3),
    ("samples_processed", "samples processed, thousands", 1e-3),
    ("simulated_seconds", "simulated seconds", 1.0),
)
"""What a curve can run over: key in ``metrics.jsonl``, words, scale."""

MEASURES: tuple[tuple[str, str], ...] = (
    ("accuracy", "accuracy, %"),
    ("balanced_accuracy", "balanced accuracy, %"),
    ("tail_recall", "recall of the rarest quarter of classes, %"),
    ("train_loss", "training loss"),
)
"""What a curve can show: key in ``metrics.jsonl`` and words. Shares are shown in percent."""


def thinned(curves: NDArray[np.float64], limit: int = POINTS) -> NDArray[np.int64]:
    """Return which of the points of ``curves`` ``(C, n)`` to keep, in order: at most ``limit``.

    The first, the last, and the least and greatest of each curve are kept, and as many evenly spaced ones as there is
    room for. ``limit`` must be at least ``2 C + 2``.
    """
    points = curves.shape[1]
    if points <= limit:
        return np.arange(points)
    kept = {0, points - 1}
    for curve in curves:
        if np.isfinite(curve).any():
            kept |= {int(np.nanargmin(curve)), int(np.nanargmax(curve))}
    even = np.linspace(0, points - 1, limit - len(kept) + 2).round().astype(int)[1:-1]
    return np.array(sorted(kept | set(even.tolist())))


def rounded(value: Any, digits: int = 5) -> float | None:
    """Return ``value`` with so many significant digits, so that a page stays small; None for what is no number."""
    return None if value is None or not np.isfinite(value) else float(f"{float(value):.{digits}g}")


def band(runs: Sequence[Sequence[Mapping[str, Any]]], limit: int = POINTS) -> list[dict[str, float | None]]:
    """Return the points of one curve: ``runs`` are the histories of its seeds, averaged round by round.

    Each point has the mean of every axis, and of every measure its mean, ``<measure>_low`` and ``<measure>_high``, one
    sample standard deviation away (the mean itself for one seed). Rounds that were not evaluated are left out, and so
    are those that not every seed reached.
    """
    measured = [[line for line in run if line.get("accuracy") is not None] for run in runs]
    length = min(map(len, measured))
    if length == 0:
        return []

    def grid(key: str, scale: float) -> NDArray[np.float64]:
        values = [[line.get(key) for line in run[:length]] for run in measured]
        return scale * np.array([[np.nan if v is None else v for v in row] for row in values], float)

    columns = {key: grid(key, scale).mean(axis=0) for key, _, scale in AXES}
    means = []
    for key, _ in MEASURES:
        values = grid(key, 1.0 if key == "train_loss" else 100.0)
        mean, spread = values.mean(axis=0), values.std(axis=0, ddof=1) if len(runs) > 1 else np.zeros(length)
        columns |= {key: mean, f"{key}_low": mean - spread, f"{key}_high": mean + spread}
        means.append(mean)
    return [{key: rounded(column[at]) for key, column in columns.items()} for at in thinned(np.stack(means), limit)]
