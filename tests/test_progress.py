from __future__ import annotations

import io

import pytest
from rich.console import Console

from astraea.progress import Bar


def test_a_bar_says_what_is_done_and_what_goes_on() -> None:
    text = io.StringIO()
    with Bar("runs", Console(file=text, width=120), now="starting") as bar:
        bar.show(1, 4, "1 of 4, [arm]")
        bar.show(2, 4)
        bar.note("a line of [its] own")
    shown = text.getvalue()
    assert "a line of [its] own\n" in shown
    assert shown.splitlines()[-1].startswith("runs ")
    assert "1 of 4, [arm]" in shown.splitlines()[-1]
    assert "left" in shown


def test_unknown_lengths_are_shown_too() -> None:
    text = io.StringIO()
    with Bar("fetching", Console(file=text, width=120)) as bar:
        bar.show(10, None, "10 bytes")
    assert "10 bytes" in text.getvalue()


def test_the_times_are_never_cut() -> None:
    text = io.StringIO()
    with Bar("fedavg", Console(file=text, width=80, force_terminal=True, color_system=None)) as bar:
        bar.show(1, 4, "round 10 of 40  loss 0.369  accuracy 87.6%  balanced 87.5%  and much more that has no room")
    line = [drawn for drawn in text.getvalue().replace("\r", "\n").splitlines() if "left" in drawn][-1]
    assert "left -:--:-- round 10 of 40  loss 0.369" in line
    assert "…" in line


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("astraea.progress.time.monotonic", lambda: now[0])
    text = io.StringIO()
    bar = Bar("runs", Console(file=text, width=80), now="starting")
    for done in range(5):
        now[0] += 4
        bar.show(done, 4, f"{done} of 4")
    assert [line.split(" after ")[0] for line in text.getvalue().splitlines()] == ["runs: 50%"]  # 12 s after the start
    assert text.getvalue().endswith(" s left, 2 of 4\n")
