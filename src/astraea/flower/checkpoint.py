"""What a strategy remembers across a kill: the run, the clients' numbers and histograms, and Flower's metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from astraea.errors import RunError
from astraea.federation.callbacks.checkpoint import latest_checkpoint, load_checkpoint, save_checkpoint
from astraea.federation.loop import Budget, Run
from astraea.federation.prolonging import earlier_lengths
from astraea.files import write_text
from astraea.flower.arrays import Layout
from astraea.flower.client_registry import ClientRegistry
from astraea.flower.options import Options
from astraea.identity import check_same

__all__ = ["Stored", "StrategyCheckpoint"]

_FILE = "strategy.json"


class Stored(NamedTuple):
    """A stored run, its length and earlier ones, and its model's arrays; ``None`` in files of earlier versions."""

    run: Run
    rounds: int | None
    earlier: tuple[int, ...]
    model: Any

    def goes_on(self, rounds: int, layout: Layout, options: Options, *, prolong: bool) -> Budget:
        """Return the budget with which it goes on to ``rounds``, with a model of ``layout``.

        Raises :class:`RunError` if that is another model, or if it would be another run without ``prolong``.
        """
        if self.model not in (None, layout.as_json()):
            raise RunError("the checkpoint holds another model: give checkpoint= another folder")
        had = rounds if self.rounds is None else self.rounds
        same = (had, rounds, self.earlier, options.train, options.algorithm)
        what = "the run in checkpoint="
        return Budget(rounds, earlier=earlier_lengths(*same, what=what, prolong=prolong and rounds != had))


class StrategyCheckpoint:
    """A folder with the checkpoints of a run beside ``strategy.json``, which says whose they are."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder, self._settings = folder, dict(settings)

    def load(self, registry: ClientRegistry) -> Stored | None:
        """Return what is stored here, with its clients in ``registry``; ``None`` if there is nothing.

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
        mend = "resume it without changes, or give checkpoint= another folder"
        check_same(self._settings, stored, f"the run in {self.folder}", mend=mend)
        return Stored(load_checkpoint(path), facts.get("rounds"), tuple(facts.get("earlier", ())), facts.get("model"))

    def save(self, run: Run, registry: ClientRegistry, budget: Budget, layout: Layout) -> None:
        """Store ``run``, which is to go on as ``budget`` says with a model of ``layout``, after a whole round."""
        self.folder.mkdir(parents=True, exist_ok=True)
        facts = {"rounds": budget.rounds, "earlier": budget.earlier, "model": layout.as_json()}
        write_text(self.folder / _FILE, json.dumps({"settings": self._settings, **facts, "clients": registry.dump()}))
        save_checkpoint(run, self.folder)
