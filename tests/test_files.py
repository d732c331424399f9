from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from astraea.errors import RunError
from astraea.files import (
    append_text,
    lock,
    new_folder,
    plain,
    remove_partial_files,
    replacing,
    to_json,
    whole_lines,
    write_bytes,
    write_json,
    write_tensors,
    write_text,
    write_toml,
)


def test_what_is_written_is_what_is_there(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_text(file, "ä\r\nb\n")
    assert file.read_bytes() == b"\xc3\xa4\r\nb\n"
    write_bytes(file, b"\x00\xff")
    assert file.read_bytes() == b"\x00\xff"
    write_json(file, {"b": [1.5, float("nan")], "a": None})
    assert file.read_text() == '{"b": [1.5, null], "a": null}\n'
    write_json(file, {"b": 1}, indent=2)
    assert file.read_text() == '{\n  "b": 1\n}\n'
    write_toml(file, {"train": {"lr": 0.5}})
    assert file.read_text() == "[train]\nlr = 0.5\n"
    assert os.listdir(tmp_path) == ["file"]


def test_tensors_of_either_library_are_as_safetensors_itself_writes_them(tmp_path: Path) -> None:
    weights = np.arange(6, dtype=np.float32).reshape(2, 3)
    save_file({"weights": weights}, tmp_path / "expected", {"by": "hand"})
    write_tensors(tmp_path / "numpy", {"weights": weights}, {"by": "hand"})
    write_tensors(tmp_path / "torch", {"weights": torch.from_numpy(weights)}, {"by": "hand"})
    expected = (tmp_path / "expected").read_bytes()
    assert (tmp_path / "numpy").read_bytes() == (tmp_path / "torch").read_bytes() == expected
    write_tensors(tmp_path / "none", {})
    assert load_file(tmp_path / "none") == {}


def test_a_new_file_may_be_read_by_whoever_the_user_lets_read(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_text(tmp_path / "file", "text")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


def test_what_ends_in_an_error_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_text(file, "earlier")

    def write_half() -> None:
        with replacing(file) as partial:
            partial.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    with pytest.raises(ValueError, match="contiguous"):
        write_tensors(file, {"weights": torch.zeros(2, 3).T})
    assert file.read_text() == "earlier"
    assert os.listdir(tmp_path) == ["file"]


def test_a_planted_link_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("untouched")
    (tmp_path / "file").symlink_to(tmp_path / "other")
    write_text(tmp_path / "file", "text")
    assert (tmp_path / "other").read_text() == "untouched"
    assert not (tmp_path / "file").is_symlink()
    assert (tmp_path / "file").read_text() == "text"


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="needs links that can be told when a file is opened")
def test_nothing_is_added_to_or_taken_off_what_a_planted_link_points_to(tmp_path: Path) -> None:
    other, file = tmp_path / "other", tmp_path / "lines"
    other.write_text("one\ntwo")
    file.symlink_to(other)

    with pytest.raises(RunError, match="lines is a link, and nothing is added to what it points to: remove it"):
        append_text(file, "three\n")
    assert whole_lines(file) == ["one"]

    assert other.read_text() == "one\ntwo"
    assert not file.is_symlink()
    assert file.read_text() == "one\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is known to Linux alone")
def test_a_full_disk_is_an_error_that_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RunError, match=r"full cannot be written \(No space left on device\): free space"):
        append_text(Path("/dev/full"), "text\n")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"file cannot be written \(No space left on device\): free space"):
        write_text(tmp_path / "file", "text")
    assert os.listdir(tmp_path) == []


def test_a_missing_folder_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    for write in (
        lambda path: write_text(path, "text"),
        lambda path: append_text(path, "text"),
        lambda path: write_tensors(path, {"weights": torch.zeros(2)}),
    ):
        with pytest.raises(RunError, match=r"nowhere/file cannot be written \(No such file or directory\)"):
            write(tmp_path / "nowhere" / "file")


def test_lines_that_a_kill_cut_short_are_taken_off(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    append_text(file, "one\ntwo\n")
    append_text(file, "thr")
    assert whole_lines(file) == ["one", "two"]
    assert file.read_text() == "one\ntwo\n"
    assert whole_lines(file) == ["one", "two"]
    write_bytes(file, b"one\ntwo\n\0\0\0\0\n")  # as a power cut leaves it
    assert whole_lines(file) == ["one", "two"]
    assert file.read_text() == "one\ntwo\n"
    write_text(file, "{")
    assert whole_lines(file) == []
    assert file.read_text() == ""


def test_everything_has_a_plain_form() -> None:
    @dataclass
    class Point:
        x: float
        y: tuple[float, ...]

    value = {
        "p": Point(1.0, (float("inf"), 2.0)),
        "a": np.array([[1, 2]]),
        "n": np.float32("nan"),
        "t": "text",
        "b": True,
    }
    assert plain(value) == {
        "p": {"x": 1.0, "y": [None, 2.0]},
        "a": [[1, 2]],
        "n": None,
        "t": "text",
        "b": True,
    }
    assert json.loads(to_json(value)) == plain(value)


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    with replacing(tmp_path / "file") as partial:
        partial.write_text("text")
        shutil.copy(partial, tmp_path / ".file.0123abcd.partial")
    assert len(os.listdir(tmp_path)) == 2
    remove_partial_files(tmp_path)
    assert os.listdir(tmp_path) == ["file"]


def test_a_held_folder_is_refused_to_others_and_free_again_when_its_holder_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    script = "import pathlib, sys, time; from astraea.files import lock\n"
    script += "with lock(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", script, folder], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        (folder / ".file.0123abcd.partial").mkdir()
        refused = rf"another process is running in .*b \(process {holder.pid} on .+\): wait for it, or choose another"
        with pytest.raises(RunError, match=refused), lock(folder):
            pass
        holder.send_signal(signal.SIGKILL)
    with lock(folder):
        assert sorted(os.listdir(folder)) == [".lock", ".lock-holder"]
        with pytest.raises(RunError, match=f"process {os.getpid()} on "), lock(folder):
            pass
    assert ".lock-holder" not in os.listdir(folder)
    with lock(folder):
        pass


def test_a_planted_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("untouched")
    for name in (".lock", ".lock-holder"):
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / name).symlink_to(tmp_path / "other")
        with suppress(RunError), lock(tmp_path / "folder"):
            pass
        assert (tmp_path / "other").read_text() == "untouched"
        shutil.rmtree(tmp_path / "folder")


def test_a_folder_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    def fill(*, fail: bool) -> None:
        with new_folder(tmp_path / "folder") as partial:
            (partial / "inner").mkdir()
            (partial / "inner" / "file").write_text("text")
            if fail:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fill(fail=True)
    assert os.listdir(tmp_path) == []
    fill(fail=False)
    assert (tmp_path / "folder" / "inner" / "file").read_text() == "text"
    with pytest.raises(RunError, match="folder cannot be written"):
        fill(fail=False)
    assert os.listdir(tmp_path) == ["folder"]
