"""Files that grow by a line."""

from __future__ import annotations

from pathlib import Path

from astraea.congestion.lines import whole_lines


def test_a_line_that_was_cut_short_is_taken_off(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_text('{"a": 1}\n{"b": 2}\n{"c"', encoding="utf-8")
    assert whole_lines(file) == ['{"a": 1}', '{"b": 2}']
    assert file.read_text(encoding="utf-8") == '{"a": 1}\n{"b": 2}\n'
    assert whole_lines(file) == ['{"a": 1}', '{"b": 2}']


def test_nothing_whole_is_nothing(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_text("{", encoding="utf-8")
    assert whole_lines(file) == []
    assert file.read_text(encoding="utf-8") == ""
