"""What is written down of a training while it runs: a line per epoch, and the same numbers for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from astraea.congestion.trainer.board import open_board
from astraea.files import append_text, to_json, write_text

__all__ = ["Log"]

Line = Mapping[str, Any]


class Log:
    """Keeps ``metrics.jsonl`` and, if asked to, ``tensorboard/`` in ``folder``.

    ``past`` are the epochs that are known already: what a killed process wrote beyond them is dropped.
    Raises :class:`InputError` if TensorBoard is asked for and not installed.
    """

    def __init__(self, folder: Path, past: Sequence[Line], *, tensorboard: bool) -> None:
        self._file = folder / "metrics.jsonl"
        write_text(self._file, "".join(map(_text, past)))
        self._board: Any = open_board(folder / "tensorboard", len(past) + 1) if tensorboard else None

    def write(self, line: Line) -> None:
        """Add what an epoch has come to."""
        append_text(self._file, _text(line))
        if self._board is not None:
            for name, value in line.items():
                if isinstance(value, int | float) and name != "epoch":
                    self._board.add_scalar(name, value, line["epoch"])

    def close(self) -> None:
        """Close the event file."""
        if self._board is not None:
            self._board.close()


def _text(line: Line) -> str:
    return to_json(line) + "\n"
