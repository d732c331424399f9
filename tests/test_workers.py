"""Pools of processes that leave nobody behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from astraea.workers import worker_pool

_PARENT = """
import os, time
from astraea.workers import worker_pool

if __name__ == "__main__":
    with worker_pool(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 600).result()
"""


def test_jobs_run_elsewhere() -> None:
    with worker_pool(2) as pool:
        assert pool.submit(pow, 2, 10).result() == 1024
        assert pool.submit(os.getpid).result() != os.getpid()


def test_an_error_leaves_what_has_not_begun_undone(tmp_path: Path) -> None:
    marks = [tmp_path / str(number) for number in range(50)]
    with pytest.raises(ZeroDivisionError):
        _fail_before(marks)
    assert not marks[-1].exists()


def _fail_before(marks: list[Path]) -> None:
    with worker_pool(1) as pool:
        futures = [pool.submit(divmod, 1, 0), *(pool.submit(_mark, mark) for mark in marks)]
        futures[0].result()


def _mark(mark: Path) -> None:
    time.sleep(0.1)
    mark.touch()


def test_a_busy_worker_ends_with_a_killed_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert int(parent.stdout.readline()) != parent.pid
        parent.send_signal(signal.SIGKILL)
        assert parent.stdout.read() == ""  # which ends when the last process that holds it does, so the worker too
