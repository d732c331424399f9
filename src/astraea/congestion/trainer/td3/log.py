"""What is written down of a training while it runs: a line per epoch, and the same numbers for TensorBoard."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from astraea.congestion.trainer.board import open_board

__all__ = ["Log"]

Line = Mapping[str, Any]


class Log:
    """Keeps ``metrics.jsonl`` and, if asked to, ``tensorboard/`` in ``folder``.

    ``past`` are the epochs that are known already: what a killed process wrote beyond them is dropped.
    Raises :class:`InputError` if TensorBoard is asked for and not installed.
    """

    def __init__(self, folder: Path, past: Sequence[Line], *, tensorboard: bool) -> None:
        self._file = folder / "metrics.jsonl"
        partial = self._file.with_suffix(".partial")
        partial.write_text("".join(map(_text, past)), encoding="utf-8")
        os.replace(partial, self._file)
        self._board: Any = open_board(folder / "tensorboard", len(past) + 1) if tensorboard else None

    def write(self, line: Line) -> None:
        """Add what a epoch has come to."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(_text(line))
        if self._board is not None:
            for name, value in line.items():
                if isinstance(value, int | float) and name != "epoch":
                    self._board.add_scalar(name, value, line["epoch"])

    def close(self) -> None:
        """Close the event file."""
        if self._board is not None:
            self._board.close()


def _text(line: Line) -> str:
    return json.dumps(line) + "\n"
