"""No file, however spoilt, executes anything, hangs, fills the memory or ends in a traceback."""

from __future__ import annotations

import importlib
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("pandas", reason="needs the extra astraea[tables]")
pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from astraea.errors import AstraeaError

if TYPE_CHECKING:
    import fuzzer
    import readers
else:
    sys.path.insert(0, str(Path(__file__).parent))
    fuzzer, readers = importlib.import_module("fuzzer"), importlib.import_module("readers")
    sys.path.remove(str(Path(__file__).parent))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("good")
    readers.good_files(root)
    return root


def test_good_files_are_read(good: Path, tmp_path: Path) -> None:
    unread = {}
    for name, reader in readers.READERS.items():
        try:
            fuzzer.attempt(reader, good, tmp_path / name.replace("/", "-"), lambda content: content, must_read=True)
        except AstraeaError as error:
            unread[name] = str(error)
    assert unread == {}


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _circle(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("put", [_pipe, _endless, _circle, Path.mkdir, Path.touch, lambda path: None])
def test_what_is_no_file_is_told(good: Path, tmp_path: Path, put: Callable[[Path], None]) -> None:
    untold = {}
    for name, reader in sorted(readers.READERS.items()):
        if name in readers.IN_MEMORY:
            continue
        try:
            fuzzer.attempt(reader, good, tmp_path / name.replace("/", "-"), lambda content: content, instead=put)
        except (Exception, fuzzer.Forbidden) as error:
            untold[name] = f"{type(error).__name__}: {error}"
    assert untold == {}


@given(st.sampled_from(sorted(readers.READERS)), st.integers(0, 2**32))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_spoilt_files_end_in_a_sentence(good: Path, tmp_path: Path, name: str, seed: int) -> None:
    rng = random.Random(seed)
    fuzzer.attempt(readers.READERS[name], good, tmp_path / "spoilt", lambda content: readers.spoilt(content, rng))
