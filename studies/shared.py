"""Runs that several studies need: done once, and copied into the others' folders."""

from __future__ import annotations

from pathlib import Path

from astraea.errors import AstraeaError
from astraea.experiment.folder import RunFolder
from astraea.experiment.settings import RunSettings, resolved

__all__ = ["FinishedRuns"]


class FinishedRuns:
    """All finished runs under ``root``, by what they ran."""

    def __init__(self, root: Path) -> None:
        self._folders: dict[str, Path] = {}
        for summary in sorted(root.glob("*/*/*/**/summary.json")):
            folder = RunFolder(summary.parent)
            try:
                self._folders.setdefault(resolved(folder.settings()).model_dump_json(), folder.path)
            except AstraeaError:
                continue  # of a version whose settings were others

    def __call__(self, settings: RunSettings) -> Path | None:
        """Return the folder of a finished run of ``settings``, seed and budget included, or ``None``."""
        return self._folders.get(resolved(settings).model_dump_json())
