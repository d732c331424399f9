from __future__ import annotations

import io

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
