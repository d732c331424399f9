"""Capacity over time from files: mahimahi's delivery opportunities, or lines of ``seconds,Mbit/s``."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from astraea.errors import InputError
from astraea.reading import read_bytes

__all__ = ["Trace", "read_capacity", "read_opportunities"]

_OPPORTUNITY = 1500  # bytes of one delivery opportunity
_BIN_MS = 500  # delivery opportunities are counted over this time, where rates are wanted
_MOST_MS = 10**8
_MOST_S = 1e8
_MOST_MBPS = 10**6
_GAP = 10.0  # a step this many times the median one is a gap
_ROUNDING = 1e-9  # of an opportunity


class Trace(NamedTuple):
    """``mbps[i]`` holds from ``starts_s[i]`` (the first 0) to the next start; all repeats after ``period_s``."""

    starts_s: NDArray[np.float64]
    mbps: NDArray[np.float64]
    period_s: float

    @property
    def mean(self) -> float:
        """The mean of ``mbps`` over time."""
        return float(np.diff(self.starts_s, append=self.period_s) @ self.mbps) / self.period_s


def read_capacity(path: Path) -> Trace:
    """Return the capacity over time that ``path`` holds.

    A line with one whole number is the millisecond of one 1500-byte delivery opportunity (mahimahi's format), counted
    over half a second each, the last over what is left; the file repeats after its last millisecond. A line with two
    numbers, apart by a comma or space, is a time in seconds and the Mbit/s from then on; times count from the first,
    and the last stretch is as long as the one before it. ``#`` begins a comment, blank lines say nothing, and names of
    columns may come first. Raises :class:`InputError`, naming the line, for a file that is neither, runs backwards,
    has a gap, or never carries anything.
    """
    table = _table(path)
    if table.ndim > 1:
        starts = table[:, 0] - table[0, 0]
        return Trace(starts, table[:, 1], float(2 * starts[-1] - starts[-2]))
    times = table.astype(np.int64)
    period = int(times[-1])
    starts_ms = np.arange(0, period, _BIN_MS, dtype=np.int64)
    counts = np.bincount((np.maximum(times, 1) - 1) // _BIN_MS, minlength=len(starts_ms))
    lasting = np.diff(starts_ms, append=period)
    mbps: NDArray[np.float64] = counts * (_OPPORTUNITY * 8e-3) / lasting
    starts_s: NDArray[np.float64] = starts_ms.astype(np.float64) * 1e-3
    return Trace(starts_s, mbps, period * 1e-3)


def read_opportunities(path: Path) -> NDArray[np.int64]:
    """Return the delivery opportunities of what :func:`read_capacity` reads: a millisecond each, in order, 1500 bytes.

    Raises as it does, and for rates over more than 28 hours.
    """
    table = _table(path)
    return table.astype(np.int64) if table.ndim == 1 else _opportunities_of(path, *table.T)


def _opportunities_of(path: Path, times: NDArray[np.float64], rates: NDArray[np.float64]) -> NDArray[np.int64]:
    edges = np.append(times, 2 * times[-1] - times[-2]) - times[0]
    if edges[-1] * 1e3 > _MOST_MS:
        raise InputError(f"the trace {path} lasts {edges[-1]:,.0f} s: cut it to {_MOST_MS // 1000:,} s, or 28 hours")
    carried = np.append(0.0, np.cumsum(np.diff(edges) * rates * 1e6 / 8 / _OPPORTUNITY))
    by_ms = np.floor(np.interp(np.arange(1, round(edges[-1] * 1e3) + 1) * 1e-3, edges, carried) + _ROUNDING)
    counts = np.diff(by_ms, prepend=0.0).astype(np.int64)
    found = np.repeat(np.arange(1, len(counts) + 1), counts)
    if not len(found):
        raise InputError(f"the trace {path} carries less than a packet of {_OPPORTUNITY} bytes")
    return found


def _table(path: Path) -> NDArray[np.float64]:
    """Return the file's numbers: milliseconds ``(n,)``, or seconds and Mbit/s ``(n, 2)``."""
    try:
        return _parsed(path, read_bytes(path))
    except OSError as error:
        raise InputError(f"the trace {path} cannot be read: {error.strerror}") from None


@lru_cache(maxsize=64)
def _parsed(path: Path, content: bytes) -> NDArray[np.float64]:
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"the trace {path} is not text") from None
    numbered = [(number, line.partition("#")[0].replace(",", " ").split()) for number, line in enumerate(lines, 1)]
    filled = [(number, fields) for number, fields in numbered if fields]
    if filled and filled[0][1][0].isidentifier() and _number(filled[0][1][0]) is None:
        filled = filled[1:]  # names of columns
    if not filled:
        raise InputError(f"the trace {path} is empty: it needs lines of milliseconds (mahimahi) or of 'seconds,Mbit/s'")
    table = _measured(path, filled) if len(filled[0][1]) == 2 else _counted(path, filled)
    table.setflags(write=False)
    return table


def _counted(path: Path, lines: list[tuple[int, list[str]]]) -> NDArray[np.float64]:
    """Return the milliseconds of delivery opportunities."""
    times: list[int] = []
    for number, fields in lines:
        text = " ".join(fields)
        if not (text.isascii() and text.isdecimal()):
            raise InputError(
                f"{path}, line {number}: '{text[:40]}' is not a millisecond, a whole number from 0 (nor does the trace "
                "begin with a line of seconds and Mbit/s)"
            )
        time = int(text) if len(text) < 12 else _MOST_MS + 1
        if time > _MOST_MS:
            raise InputError(f"{path}, line {number}: a trace lasts at most {_MOST_MS:,} ms, which are 28 hours")
        if times and time < times[-1]:
            raise InputError(f"{path}, line {number}: {time} ms comes after {times[-1]} ms; times must not decrease")
        times.append(time)
    if times[-1] == 0:
        raise InputError(f"the trace {path} is empty: it needs a delivery opportunity after 0 ms")
    return np.array(times, np.float64)


def _measured(path: Path, lines: list[tuple[int, list[str]]]) -> NDArray[np.float64]:
    """Return rows of seconds and Mbit/s."""
    rows: list[tuple[float, float]] = []
    for number, fields in lines:
        found = [_number(field) for field in fields]
        second, mbps = found if len(found) == 2 else (None, None)
        if second is None or mbps is None or not math.isfinite(second + mbps):
            raise InputError(
                f"{path}, line {number}: '{' '.join(fields)[:40]}' is not a time in s and a capacity in Mbit/s"
            )
        if not 0 <= mbps <= _MOST_MBPS:
            mend = ": write Mbit/s, not bit/s" if mbps > 0 else ""
            raise InputError(
                f"{path}, line {number}: a capacity lies between 0 and {_MOST_MBPS:,} Mbit/s, and this one is "
                f"{mbps:,g}{mend}"
            )
        if rows and not rows[-1][0] < second <= rows[0][0] + _MOST_S:
            raise InputError(
                f"{path}, line {number}: {second:g} s comes after {rows[-1][0]:g} s; times must increase, over at most "
                f"{_MOST_S:,.0f} s"
            )
        rows.append((second, mbps))
    if len(rows) < 2:
        raise InputError(f"the trace {path} has one line: it needs a second, which says how long the first holds")
    table = np.array(rows)
    steps = np.diff(table[:, 0])
    widest, usual = int(np.argmax(steps)), float(np.median(steps))
    if steps[widest] > _GAP * usual:
        raise InputError(
            f"{path} has a gap from {table[widest, 0]:g} to {table[widest + 1, 0]:g} s, where {usual:g} s is usual: "
            "fill it or cut the trace there"
        )
    if not table[:, 1].any():
        raise InputError(f"the trace {path} never carries anything: leave it out")
    return table


def _number(text: str) -> float | None:
    """Return the number that ``text`` says, if it says one."""
    try:
        return float(text)
    except ValueError:
        return None
