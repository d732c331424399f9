"""Pools of processes that leave nobody behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from astraea.data.catalogue import load_dataset
from astraea.errors import InputError, RunError
from astraea.workers import worker_pool

_PARENT = """
import os, time
from astraea.workers import worker_pool

with worker_pool(1) as pool:
    print(pool.submit(os.getpid).result(), flush=True)
    pool.submit(time.sleep, 600).result()
"""

_SCRIPT = """
import pathlib, sys
from astraea.workers import worker_pool

with pathlib.Path(sys.argv[1]).open("a") as file:
    file.write("ran\\n")

class Own:
    def __init__(self, value): self.value = value

def double(shared, own): return Own(shared.value + 2 * own.value)

with worker_pool(2, Own(100)) as pool:
    print(*(future.result().value for future in [pool.submit(double, Own(n)) for n in range(4)]))
"""


def test_jobs_run_elsewhere() -> None:
    with worker_pool(2) as pool:
        assert pool.submit(pow, 2, 10).result() == 1024
        assert pool.submit(os.getpid).result() != os.getpid()


def test_a_script_without_a_main_guard_is_not_run_again(tmp_path: Path) -> None:
    script, count = tmp_path / "script.py", tmp_path / "count"
    script.write_text(_SCRIPT)
    done = subprocess.run([sys.executable, script, count], capture_output=True, text=True, check=True)
    assert done.stdout == "100 102 104 106\n"
    assert count.read_text() == "ran\n"


def test_errors_are_the_jobs_own_and_a_worker_that_dies_is_replaced() -> None:
    with worker_pool(1) as pool:
        with pytest.raises(InputError, match="unknown dataset 'nothing'"):
            pool.submit(load_dataset, "nothing").result()
        first = pool.submit(os.getpid).result()
        with pytest.raises(RunError, match=r"the worker process died \(killed by signal 9\)"):
            pool.submit(os.kill, first, signal.SIGKILL).result()
        assert pool.submit(os.getpid).result() != first
        with pytest.raises(RunError, match=r"exit code 3"):
            pool.submit(os._exit, 3).result()


def test_what_a_worker_prints_does_not_mix_with_results(capfd: pytest.CaptureFixture[str]) -> None:
    with worker_pool(1) as pool:
        assert pool.submit(os.system, "echo hello").result() == 0
    assert capfd.readouterr() == ("", "hello\n")


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
    command = [sys.executable, "-c", _PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stderr is not None
        assert int(parent.stdout.readline()) != parent.pid
        parent.send_signal(signal.SIGKILL)
        assert parent.stderr.read() == ""  # which ends when the last process that holds it does, so the worker too
