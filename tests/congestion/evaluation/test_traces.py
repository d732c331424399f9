"""Where traces come from."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from astraea.congestion.evaluation.traces import find_traces
from astraea.errors import DataError


def data(folder: Path) -> Path:
    traces = folder / "network-traces" / "mahimahi"
    traces.mkdir(parents=True)
    for name in ("b.up", "a.down", "README"):
        (traces / name).write_text("5\n10\n")
    return folder


def test_a_folder_of_traces(tmp_path: Path) -> None:
    found = find_traces(data(tmp_path), tmp_path / "unpacked")
    assert [path.name for path in found] == ["a.down", "b.up"]
    assert not (tmp_path / "unpacked").exists()


def test_an_archive_is_unpacked_once(tmp_path: Path) -> None:
    packed, source = tmp_path / "packed", data(tmp_path / "source")
    (packed / "network-traces").mkdir(parents=True)
    archive = packed / "network-traces" / "mahimahi.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        tar.add(source / "network-traces" / "mahimahi", "mahimahi")
    found = find_traces(packed, tmp_path / "unpacked")
    assert [path.name for path in found] == ["a.down", "b.up"]
    assert found[0].parent == tmp_path / "unpacked" / "mahimahi"
    archive.write_bytes(b"no archive any more")
    assert find_traces(packed, tmp_path / "unpacked") == found
    with pytest.raises(DataError, match="cannot be unpacked"):
        find_traces(packed, tmp_path / "elsewhere")


def test_a_folder_that_was_half_unpacked_is_no_folder_of_traces(tmp_path: Path) -> None:
    traces = data(tmp_path) / "network-traces" / "mahimahi"
    with tarfile.open(traces.with_suffix(".tar.xz"), "w:xz") as tar:
        tar.add(traces, "mahimahi")
    assert len(find_traces(tmp_path, tmp_path / "unpacked")) == 2
    (traces / "b.up").write_text("5\n")
    with pytest.raises(DataError, match=r"b\.up is not as mahimahi\.tar\.xz beside it has it"):
        find_traces(tmp_path, tmp_path / "unpacked")
    (traces / "b.up").unlink()
    with pytest.raises(DataError, match="half unpacked"):
        find_traces(tmp_path, tmp_path / "unpacked")


def test_without_data_there_are_none(tmp_path: Path) -> None:
    assert find_traces(None, tmp_path) == find_traces(tmp_path, tmp_path) == ()


def test_the_real_ones(data_dir: Path, tmp_path: Path) -> None:
    assert len(find_traces(data_dir, tmp_path)) == 13
