"""What a strategy remembers across a kill: the run, the clients' numbers and histograms, and Flower's metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from astraea.errors import RunError
from astraea.federation.callbacks.checkpoint import latest_checkpoint, load_checkpoint, save_checkpoint
from astraea.federation.loop import Run
from astraea.files import write_text
from astraea.flower.client_registry import ClientRegistry

__all__ = ["StrategyCheckpoint"]

_FILE = "strategy.json"


class StrategyCheckpoint:
    """A folder with the checkpoints of a run beside ``strategy.json``, which says whose they are."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder, self._settings = folder, dict(settings)

    def load(self, registry: ClientRegistry) -> Run | None:
        """Return the run that is stored here, with its clients in ``registry``; ``None`` if there is none.

        Raises :class:`RunError` if the folder holds a run with other settings, or is damaged.
        """
        path = latest_checkpoint(self.folder)
        if path is None:
            return None
        try:
            facts = json.loads((self.folder / _FILE).read_text())
            stored = facts["settings"]
            registry.load(facts["clients"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{self.folder / _FILE} cannot be read ({error}): give checkpoint= another folder, or empty this one"
            ) from error
        for name, value in self._settings.items():
            if stored.get(name) != value:
                raise RunError(
                    f"the run in {self.folder} has {name} = {stored.get(name)!r}, not {value!r}: "
                    "resume it without changes, or give checkpoint= another folder"
                )
        return load_checkpoint(path)

    def save(self, run: Run, registry: ClientRegistry) -> None:
        """Store ``run`` after a whole round."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self.folder / _FILE, json.dumps({"settings": self._settings, "clients": registry.dump()}))
        save_checkpoint(run, self.folder)
