from __future__ import annotations

import os
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest

from astraea.congestion.traces import read_capacity, read_opportunities
from astraea.errors import InputError


def a_trace(folder: Path, text: str) -> Path:
    path = folder / "trace"
    path.write_bytes(text.encode())
    return path


def test_delivery_opportunities_are_summed_over_half_a_second(tmp_path: Path) -> None:
    trace = read_capacity(a_trace(tmp_path, "1\n500\n501\n1000\n1000\n"))

    assert trace.starts_s.tolist() == [0.0, 0.5]
    np.testing.assert_allclose(trace.mbps, [2 * 12e-3 / 0.5, 3 * 12e-3 / 0.5])
    assert trace.period_s == 1.0


@pytest.mark.parametrize(
    ("text", "mbps", "period_s"),
    [
        ("1\n1\n", [24.0], 0.001),  # two packets of 12,000 bits each millisecond
        ("1\n2\n3\n", [12.0], 0.003),
        ("4\n4\n4\n", [9.0], 0.004),
        ("500\n510\n", [0.024, 1.2], 0.51),  # the last 10 ms hold one packet
        ("0\n1000\n", [0.024, 0.024], 1.0),
    ],
)
def test_opportunities_repeat_after_the_last_of_them(
    tmp_path: Path, text: str, mbps: list[float], period_s: float
) -> None:
    trace = read_capacity(a_trace(tmp_path, text))

    np.testing.assert_allclose(trace.mbps, mbps)
    assert trace.period_s == pytest.approx(period_s)
    assert trace.starts_s.tolist() == [0.0, 0.5][: len(mbps)]


@pytest.mark.parametrize(
    "text", ["1\n1\n", "7\n20\n20\n501\n", "0 16\n1 0\n3 5\n", "t,rate\n5,1\n5.5,2\n", "1\n700\n1400\n"]
)
def test_both_ways_of_reading_carry_the_same_bytes_a_lap(tmp_path: Path, text: str) -> None:
    path = a_trace(tmp_path, text)
    trace = read_capacity(path)
    times = read_opportunities(path)

    carried = np.diff(trace.starts_s, append=trace.period_s) @ trace.mbps * 1e6 / 8
    assert carried == pytest.approx(len(times) * 1500, abs=1500)
    assert times[-1] == pytest.approx(trace.period_s * 1e3, abs=13)


@pytest.mark.parametrize("text", ["0 1.5\n5 2\n10 0\n", "\ufeffseconds,Mbit/s\n100,1.5\n105,2 # noon\n\n110,0\n"])
def test_rates_over_time_hold_to_the_next_line(tmp_path: Path, text: str) -> None:
    trace = read_capacity(a_trace(tmp_path, text))

    assert trace.starts_s.tolist() == [0.0, 5.0, 10.0]
    assert trace.mbps.tolist() == [1.5, 2.0, 0.0]
    assert trace.period_s == 15.0


def test_the_last_stretch_is_as_long_as_the_one_before(tmp_path: Path) -> None:
    path = a_trace(tmp_path, "0 12\n0.001 0\n0.004 24\n")

    assert read_capacity(path).period_s == pytest.approx(0.007)
    # 12 Mbit/s are an opportunity a millisecond, 24 are two
    assert read_opportunities(path).tolist() == [1, 5, 5, 6, 6, 7, 7]


def test_a_slow_rate_is_an_opportunity_now_and_then(tmp_path: Path) -> None:
    # 1 Mbit/s: one in 12 ms
    assert read_opportunities(a_trace(tmp_path, "0 1\n0.03 1\n")).tolist() == [12, 24, 36, 48, 60]


@pytest.mark.parametrize(
    "text",
    ["\ufeff1\n2\n", "# of mine\n1\n2 # so late\n", "1\n\n2\n\n\n", "1\r\n2\r\n", "ms\n1\n2\n"],
    ids=["mark", "comments", "blank", "dos", "name"],
)
def test_what_says_nothing_is_left_out(tmp_path: Path, text: str) -> None:
    assert read_opportunities(a_trace(tmp_path, text)).tolist() == [1, 2]


def test_a_file_that_was_rewritten_is_read_again(tmp_path: Path) -> None:
    path = a_trace(tmp_path, "0,16\n9,16\n")
    assert read_capacity(path).mbps.tolist() == [16, 16]
    stamp = path.stat()

    a_trace(tmp_path, "0,10\n9,11\n")  # as many bytes
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert read_capacity(path).mbps.tolist() == [10, 11]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty: it needs lines of milliseconds (mahimahi) or of 'seconds,Mbit/s'"),
        ("0\n0\n", "is empty: it needs a delivery opportunity after 0 ms"),
        ("1\n2\nx\n", "line 3: 'x' is not a millisecond"),
        ("1\n-2\n", "line 2: '-2' is not a millisecond"),
        ("1\n2 5\n", "line 2: '2 5' is not a millisecond"),
        ("5\n4\n", "line 2: 4 ms comes after 5 ms"),
        ("1\n200000000\n", "line 2: a trace lasts at most 100,000,000 ms"),
        ("0 1\n", "has one line: it needs a second, which says how long the first holds"),
        ("0 1\n5 x\n", "line 2: '5 x' is not a time in s and a capacity in Mbit/s"),
        ("0 1\n5\n", "line 2: '5' is not a time in s"),
        ("0 1\n1 2 3\n", "line 2: '1 2 3' is not a time in s"),
        ("nan 1\n1 2\n", "line 1: 'nan 1' is not a time in s"),
        ("0 1\n5 nan\n", "line 2: '5 nan' is not a time in s"),
        ("5 1\n0 1\n", "line 2: 0 s comes after 5 s; times must increase"),
        ("0 1\n0 2\n", "line 2: 0 s comes after 0 s; times must increase"),
        ("0 1\n5 -1\n", "line 2: a capacity lies between 0 and 1,000,000 Mbit/s, and this one is -1"),
        ("time,bit/s\n0,1e7\n5,2e7\n", "and this one is 1e+07: write Mbit/s, not bit/s"),
        ("0 1\n5 1\n10 1\n15 1\n200 1\n", "has a gap from 15 to 200 s, where 5 s is usual"),
        ("0 0\n5 0\n", "never carries anything"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_line(tmp_path: Path, text: str, sentence: str) -> None:
    for read in (read_capacity, read_opportunities):
        with pytest.raises(InputError, match=re.escape(sentence)):
            read(a_trace(tmp_path, text))


def test_a_missing_trace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_capacity(tmp_path / "none")


def test_rates_over_weeks_are_for_fluids_alone(tmp_path: Path) -> None:
    week = a_trace(tmp_path, "1700000000,5\n1700302400,6\n")  # seconds since 1970, half a week apart

    assert read_capacity(week).period_s == 604_800
    with pytest.raises(InputError, match=r"lasts 604,800 s: cut it to 100,000 s"):
        read_opportunities(week)


def test_the_collected_traces_can_be_read(data_dir: Path, tmp_path: Path) -> None:
    for archive in ("mahimahi", "broadband"):
        with tarfile.open(data_dir / "network-traces" / f"{archive}.tar.xz") as packed:
            for member in packed:
                content = packed.extractfile(member)  # Python 3.11.2 knows no filters of extractall
                if content is not None:
                    file = tmp_path / member.name
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(content.read())
    files = [path for path in sorted(tmp_path.rglob("*")) if path.is_file() and path.name != "README"]

    for path in files[::20]:
        trace = read_capacity(path)
        assert trace.period_s > trace.starts_s[-1]
    assert len(files) == 346


@pytest.mark.parametrize("first", ["0;5", "0,5Mbit", "time,rate\nagain,once"])
def test_what_is_neither_numbers_nor_names_is_no_heading(tmp_path: Path, first: str) -> None:
    with pytest.raises(InputError, match="is not a"):
        read_capacity(a_trace(tmp_path, f"{first}\n1,6\n2,7\n"))
