"""What a benchmark has measured so far, a line a case, so that it can be stopped and goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import astraea

__all__ = ["PACKETS", "Kept", "source_digest"]

PACKETS = tuple(f"congestion/{room}" for room in ("connection", "controllers", "policy", "simulator"))
"""Rooms that decide what packets do."""

_SOURCE = Path(astraea.__file__).parent


def source_digest(*rooms: str) -> str:
    """Return what tells the files of ``rooms``, folders or files of the package, from those of another version."""
    digest = hashlib.sha256()
    for room in rooms:
        found = _SOURCE / room
        files = sorted(found.rglob("*")) if found.is_dir() else [found]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(str(file.relative_to(_SOURCE)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


class Kept:
    """Values by name in a file of JSON lines; without a file they are kept for this run alone.

    ``version`` belongs to every name: what another version measured is left alone and measured anew.
    """

    def __init__(self, file: Path | None, version: str) -> None:
        self._file, self._version = file, version
        self._known: dict[str, Any] = {}
        if file is not None and file.exists():
            for line in file.read_text().splitlines(keepends=True):
                if line.endswith("\n"):  # the last line of a run that was killed may be torn
                    row = json.loads(line)
                    self._known[row["name"]] = row["value"]
            whole = "".join(line for line in file.read_text().splitlines(keepends=True) if line.endswith("\n"))
            file.write_text(whole)

    def get(self, name: str, measure: Callable[[], Any]) -> Any:
        """Return the value called ``name``, measured now if it is not known."""
        full = f"{self._version} {name}"
        if full not in self._known:
            value = measure()
            self._known[full] = value
            if self._file is not None:
                with self._file.open("a") as lines:
                    lines.write(json.dumps({"name": full, "value": value}) + "\n")
        return self._known[full]
