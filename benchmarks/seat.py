"""A contender's process: it prepares, then works when it is its turn, so that contenders can be interleaved.

Run as ``python seat.py MODULE CONFIG-AS-JSON``. ``MODULE.serve(config, turns)`` iterates over ``turns``: each item
is one request to work, answered by ``turns.report(seconds, ...)``.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Turns:
    """Requests from the arena. What a contender prints goes to standard error; answers have a pipe of their own."""

    def __init__(self) -> None:
        self._requests = os.fdopen(os.dup(0))
        self._answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def __iter__(self) -> Iterator[None]:
        self.report(0.0)  # ready
        for _ in self._requests:
            yield

    def report(self, seconds: float, **more: Any) -> None:
        """Answer the turn: how long one round took, and whatever else is of interest."""
        self._answers.write(json.dumps({"seconds": seconds, **more}) + "\n")
        self._answers.flush()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    importlib.import_module(f"contenders.{sys.argv[1]}").serve(json.loads(sys.argv[2]), Turns())
