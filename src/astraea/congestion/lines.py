"""Files to which a line is added for everything that is finished."""

from __future__ import annotations

from pathlib import Path

__all__ = ["whole_lines"]


def whole_lines(file: Path) -> list[str]:
    """Return the lines of ``file``; a last one that a kill has cut short is taken off the file."""
    text = file.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        with file.open("r+b") as lines:
            lines.truncate(len(whole))
    return whole.decode("utf-8").splitlines()
