from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from astraea.errors import InputError
from astraea.network.traces import read_capacity


def test_delivery_opportunities_are_summed_over_half_a_second(tmp_path: Path) -> None:
    file = tmp_path / "cell.up"
    file.write_text("1\n500\n501\n1000\n1000\n")

    trace = read_capacity(file)

    assert trace.starts_s.tolist() == [0.0, 0.5]
    np.testing.assert_allclose(trace.mbps, [2 * 12e-3 / 0.5, 3 * 12e-3 / 0.5])
    assert trace.period_s == 1.0


@pytest.mark.parametrize("text", ["0 1.5\n5 2\n10 0\n", "\ufeffseconds,Mbit/s\n100,1.5\n105,2 # noon\n\n110,0\n"])
def test_rates_over_time_hold_to_the_next_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "line.csv"
    file.write_text(text)

    trace = read_capacity(file)

    assert trace.starts_s.tolist() == [0.0, 5.0, 10.0]
    assert trace.mbps.tolist() == [1.5, 2.0, 0.0]
    assert trace.period_s == 15.0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has 0 lines of numbers: it needs two at least"),
        ("time,bit/s\n0,1e7\n5,2e7\n", "says 20,000,000 Mbit/s, more than any link has: write Mbit/s, not bit/s"),
        ("0 1\n5 1\n10 1\n15 1\n200 1\n", "has a gap from 15 to 200 s, where 5 s is usual"),
        ("0 1\n5 x\n", "line 2: '5 x' is not numbers"),
        ("0 1\n5\n", "line 2: give one number (mahimahi) or 'seconds,Mbit/s' on every line"),
        ("5 1\n0 1\n", "line 2: time 0 comes after 5"),
        ("0 1\n0 2\n", "two lines have the time 0 s"),
        ("0 1\n5 -1\n", "line 2: '5 -1' must be finite numbers from 0"),
        ("0 0\n5 0\n", "never carries anything"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_line(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text)

    with pytest.raises(InputError) as error:
        read_capacity(file)
    assert sentence in str(error.value)


def test_a_missing_trace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_capacity(tmp_path / "none")


def test_the_collected_traces_can_be_read(data_dir: Path, tmp_path: Path) -> None:
    import tarfile

    for archive in ("mahimahi", "broadband"):
        with tarfile.open(data_dir / "network-traces" / f"{archive}.tar.xz") as packed:
            packed.extractall(tmp_path, filter="data")
    files = [path for path in sorted(tmp_path.rglob("*")) if path.is_file() and path.name != "README"]

    for path in files[::20]:
        trace = read_capacity(path)
        assert trace.period_s > trace.starts_s[-1]
    assert len(files) == 346


def test_names_of_columns_may_follow_comments_and_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_bytes("\ufeff# one cell\ntime,Mbit/s\n0,5\n\n1,6  # rain\n".encode())

    trace = read_capacity(file)

    assert trace.starts_s.tolist() == [0, 1]
    assert trace.mbps.tolist() == [5, 6]


@pytest.mark.parametrize("first", ["0;5", "0,5Mbit", "time,rate\nagain,once"])
def test_what_is_neither_numbers_nor_names_is_no_heading(tmp_path: Path, first: str) -> None:
    file = tmp_path / "odd.csv"
    file.write_text(f"{first}\n1,6\n2,7\n")

    with pytest.raises(InputError, match="is not numbers"):
        read_capacity(file)
