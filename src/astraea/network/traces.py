"""Capacity over time from files: mahimahi's delivery opportunities, or lines of ``seconds,Mbit/s``."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from astraea.errors import InputError
from astraea.reading import read_text

__all__ = ["Trace", "read_capacity"]

_OPPORTUNITY_BITS = 1500 * 8
_BIN_S = 0.5  # delivery opportunities are counted over this time
_MOST_MS = 10**8
_MOST_MBPS = 1e6
_GAP = 10.0  # a step this many times the median one is a gap


class Trace(NamedTuple):
    """``mbps[i]`` holds from ``starts_s[i]`` (the first 0) to the next start; all repeats after ``period_s``."""

    starts_s: NDArray[np.float64]
    mbps: NDArray[np.float64]
    period_s: float


@lru_cache(maxsize=512)
def read_capacity(path: Path) -> Trace:
    """Return the capacity over time that ``path`` holds.

    A line with one whole number is the millisecond of one 1500-byte delivery opportunity (mahimahi's format), summed
    over half a second; a line with two is seconds and Mbit/s, apart by a comma or space, measured up to the next line.
    ``#`` begins a comment, and names of columns may come first.
    Raises :class:`InputError`, naming the line, for a file that is empty, runs backwards, has a gap or a rate below 0.
    """
    try:
        text = read_text(path)
    except OSError as error:
        raise InputError(f"the trace {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"the trace {path} is not text") from None
    rows: list[tuple[float, ...]] = []
    headed = False
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.partition("#")[0].replace(",", " ").split()
        if not fields:
            continue
        try:
            row = tuple(float(field) for field in fields)
        except ValueError:
            if not rows and not headed and not fields[0][0].isdigit():
                headed = True  # names of columns
                continue
            raise InputError(f"{path}, line {number}: '{line[:40]}' is not numbers") from None
        if len(row) not in (1, 2) or (rows and len(row) != len(rows[0])):
            raise InputError(f"{path}, line {number}: give one number (mahimahi) or 'seconds,Mbit/s' on every line")
        if not np.isfinite(row).all() or min(row) < 0:
            raise InputError(f"{path}, line {number}: '{line[:40]}' must be finite numbers from 0")
        if rows and row[0] < rows[-1][0]:
            raise InputError(
                f"{path}, line {number}: time {row[0]:g} comes after {rows[-1][0]:g}: times must go forward"
            )
        if row[0] > _MOST_MS:
            raise InputError(f"{path}, line {number}: {row[0]:g} is too late: a trace ends by {_MOST_MS:,}")
        rows.append(row)
    if len(rows) < 2:
        raise InputError(f"the trace {path} has {len(rows)} lines of numbers: it needs two at least")
    table = np.array(rows)
    trace = _counted(table[:, 0]) if table.shape[1] == 1 else _measured(path, table)
    if trace.mbps.max() > _MOST_MBPS:
        raise InputError(
            f"the trace {path} says {trace.mbps.max():,.0f} Mbit/s, more than any link has: write Mbit/s, not bit/s"
        )
    if not trace.mbps.any():
        raise InputError(f"the trace {path} never carries anything: leave it out")
    return trace


def _counted(times_ms: NDArray[np.float64]) -> Trace:
    bins = np.bincount((np.maximum(times_ms, 1) - 1).astype(np.int64) // round(_BIN_S * 1e3))
    return Trace(
        np.arange(len(bins), dtype=np.float64) * _BIN_S, bins * _OPPORTUNITY_BITS / _BIN_S * 1e-6, len(bins) * _BIN_S
    )


def _measured(path: Path, table: NDArray[np.float64]) -> Trace:
    starts = table[:, 0] - table[0, 0]
    steps = np.diff(starts)
    usual = float(np.median(steps))
    if (steps <= 0).any():
        raise InputError(f"{path}: two lines have the time {table[np.argmin(steps), 0]:g} s: keep one")
    widest = int(np.argmax(steps))
    if steps[widest] > _GAP * usual:
        raise InputError(
            f"{path} has a gap from {table[widest, 0]:g} to {table[widest + 1, 0]:g} s, where {usual:g} s is usual: "
            "fill it or cut the trace there"
        )
    return Trace(starts, table[:, 1], float(starts[-1] + usual))
