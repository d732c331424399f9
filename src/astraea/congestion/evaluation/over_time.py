"""One world of each suite over time, for pictures: what flows got, how long packets took, how even it was."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from astraea.congestion.metrics.definitions import jain
from astraea.congestion.metrics.shares import windows_of
from astraea.congestion.simulator.results import Result
from astraea.errors import RunError
from astraea.files import append_text, to_json, whole_lines

__all__ = ["SERIES", "OverTime", "append_series", "over_time", "read_series"]

SERIES = "over_time.jsonl"

_FLOWS = 4  # of more, so many are shown, evenly chosen
_WINDOWS = 100
_DIGITS = 4

Series = NDArray[np.float64]


@dataclass(frozen=True)
class OverTime:
    """Means over windows of time that end at ``times_s``, of one world under one arm; None where nothing was measured.

    ``goodput_mbps`` holds some of the flows by name, and None while they are absent; ``rtt_ms`` is the mean over all
    flows, and ``jain`` Jain's index of all that are present.
    """

    suite: str
    arm: str
    key: str  # of the world and the policy, as an outcome's
    case: str
    times_s: list[float]
    goodput_mbps: dict[str, list[float | None]]
    rtt_ms: list[float | None]
    jain: list[float | None]


def over_time(result: Result, suite: str, arm: str, key: str, case: str) -> OverTime:
    """Return ``result`` in about a hundred windows, of a second at least."""
    windows = windows_of(result, max(1.0, result.settings.duration_s / _WINDOWS))
    count = windows.goodput.shape[1]
    some = np.unique(np.linspace(0, len(result.names) - 1, _FLOWS).round().astype(int))
    got = np.where(windows.active, windows.goodput, np.nan)
    return OverTime(
        suite,
        arm,
        key,
        case,
        [round(windows.window_s * (k + 1), 3) for k in range(count)],
        {result.names[k]: _plain(got[k]) for k in some},
        _plain(_means(np.asarray(result.rtt_ms, np.float64), count)),
        _plain(np.where(windows.active.sum(axis=0) > 1, jain(windows.goodput, windows.active), np.nan)),
    )


def append_series(file: Path, series: OverTime) -> None:
    """Add one world's series."""
    append_text(file, to_json(series) + "\n", durable=True)


def read_series(file: Path) -> list[OverTime]:
    """Return what is in ``file``, nothing if it is not there; a last line that was cut short is taken off it.

    Raises :class:`RunError` for any other line that is no series.
    """
    if not file.exists():
        return []
    try:
        return [OverTime(**json.loads(line)) for line in whole_lines(file)]
    except (ValueError, TypeError, RecursionError) as error:
        raise RunError(f"{file} is damaged ({error}): delete it, and the same command makes it anew") from error


def _means(values: Series, count: int) -> Series:
    """Return means over all of ``values`` ``(flows, samples)`` that are known, in ``count`` equal windows."""
    length = values.shape[1] // count
    parts = values[:, : count * length].reshape(len(values), count, length)
    known = np.isfinite(parts)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, parts, 0.0).sum(axis=(0, 2)) / known.sum(axis=(0, 2)))


def _plain(values: Series) -> list[float | None]:
    return [float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None for value in values]
