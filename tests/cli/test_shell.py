"""How a command ends: one sentence, whatever is in it, and the exit code of the signal that ended it."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from threading import Event
from unittest.mock import patch

import pytest
import typer

from astraea.cli import shell
from astraea.cli.shell import friendly
from astraea.errors import RunError


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Signals are as in a process of its own: pytest ignores none, and a test leaves none behind."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    assert [signal.getsignal(number) for number in numbers] == before


@pytest.mark.parametrize(
    ("number", "code", "how"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "interrupted by SIGTERM"),
     (signal.SIGHUP, 129, "interrupted by SIGHUP")],
)  # fmt: skip
def test_signals_end_with_a_sentence_once(number: int, code: int, how: str, capsys: pytest.CaptureFixture[str]) -> None:
    saved = []

    def work() -> None:
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(signal.SIGTERM)  # as a checkpoint is being written
            saved.append(True)

    with pytest.raises(typer.Exit) as ended, friendly(resume="the same command"):
        work()
    assert ended.value.exit_code == code
    assert capsys.readouterr().err == f"astraea: {how}; go on with: the same command\n"
    assert saved == [True]


def test_a_signal_that_was_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with friendly():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_terminal_that_hung_up_is_no_error() -> None:
    def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGHUP)
        finally:
            raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(typer.Exit) as ended, friendly():
        work()
    assert ended.value.exit_code == 129


def test_a_sentence_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, friendly():
        raise RunError("[bold]no[/] :smile: \x1b[31mred\x00, but ä")
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == "astraea: [bold]no[/] :smile: \\x1b[31mred\\x00, but ä\n"


def test_a_full_disk_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), friendly():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/somewhere")
    assert "astraea: /somewhere cannot be written (No space left on device)" in capsys.readouterr().err


def test_what_takes_long_is_told_and_what_does_not_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    told = Event()
    with patch.object(shell.ERR, "print", lambda *_, **__: told.set()):
        with shell.told_if_slow("compiling", seconds=0.0):
            assert told.wait(60)
        told.clear()
        with shell.told_if_slow("compiling", seconds=600.0):
            pass
    assert not told.is_set()
