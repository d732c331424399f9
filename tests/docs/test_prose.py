"""The documentation is in short sentences, and a linter of English has nothing to say."""

from __future__ import annotations

import runpy
from pathlib import Path
from statistics import median
from typing import Any

import pytest

PROSE: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "prose.py"))


def test_code_tables_and_headings_are_no_sentences() -> None:
    text = "# A heading of words\n\nOne two [three](four.md) `five six`. Seven eight nine!\n\n- a list item here\n"
    text += "\n| a | b | c |\n```bash\nastraea run and more words\n```\n$$x + y = z$$\n"
    assert PROSE["sentences"](text) == ["One two three code.", "Seven eight nine!", "a list item here"]


def test_sentences_are_short() -> None:
    lengths = PROSE["lengths"](PROSE["pages"]())
    assert len(lengths) > 1000
    assert median(lengths) <= 16
    assert PROSE["ninth_decile"](lengths) <= 28


def test_a_linter_of_english_finds_nothing() -> None:
    pytest.importorskip("proselint")
    assert PROSE["linted"](PROSE["pages"]()) == []
