"""What a strategy remembers across a kill: the run, the clients' numbers and histograms, and Flower's metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from astraea.errors import RunError
from astraea.federation.callbacks.checkpoint import latest_checkpoint, load_checkpoint, save_checkpoint
from astraea.federation.loop import Budget, Run
from astraea.federation.prolonging import earlier_lengths
from astraea.files import lock, replacing
from astraea.flower.arrays import Layout
from astraea.flower.client_registry import ClientRegistry
from astraea.flower.options import Options
from astraea.identity import check_same
from astraea.reading import read_json

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

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._settings: dict[str, Any] = {}

    def held(self) -> AbstractContextManager[None]:
        """Return the context of a run in this folder.

        Entering it raises :class:`RunError` if another process is in there, or if it cannot be written to.
        """
        return lock(self.folder)

    def load(self, registry: ClientRegistry, settings: Mapping[str, Any]) -> Stored | None:
        """Return what is stored here, with its clients in ``registry``; ``None`` if there is nothing.

        Raises :class:`RunError` if the folder holds a run with other ``settings``, or is damaged.
        """
        self._settings = _flat(settings)
        path = latest_checkpoint(self.folder)
        if path is None:
            return None
        try:
            facts = read_json(self.folder / _FILE)
            stored = _flat(facts["settings"])
            registry.load(facts["clients"], facts.get("copying"))
            earlier = tuple(facts.get("earlier", ()))
        except (OSError, ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"{self.folder / _FILE} cannot be read ({error}): give checkpoint= another folder, or empty this one"
            ) from error
        sections = {key.partition(".")[0] for key in stored}  # earlier versions stored fewer
        now = {key: value for key, value in self._settings.items() if key.partition(".")[0] in sections}
        mend = "resume it without changes, or give checkpoint= another folder"
        now, stored = _filled(now, stored), _filled(stored, now)
        check_same(now, stored, f"the run in {self.folder}", mend=mend)
        return Stored(load_checkpoint(path), facts.get("rounds"), earlier, facts.get("model"))

    def save(self, run: Run, registry: ClientRegistry, budget: Budget, layout: Layout) -> None:
        """Store ``run``, which is to go on as ``budget`` says with a model of ``layout``, after a whole round.

        Histograms are the clients' affair: nobody but the server's user may read the file that has them.
        """
        facts = {"rounds": budget.rounds, "earlier": budget.earlier, "model": layout.as_json()}
        copying = None if registry.copying is None else registry.copying.model_dump(mode="json")
        text = json.dumps({"settings": self._settings, **facts, "clients": registry.dump(), "copying": copying})
        with replacing(self.folder / _FILE) as partial:
            partial.chmod(0o600)
            partial.write_text(text, encoding="utf-8")
        save_checkpoint(run, self.folder)


def _filled(settings: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``settings`` without an empty table that is not empty in ``others``, whose keys say what differs."""
    tables = {key.rpartition(".")[0] for key in others}
    return {key: value for key, value in settings.items() if value != {} or key not in tables}


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return ``settings`` by dotted key, as JSON gives them back; an empty table is a key of its own."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.") or {f"{prefix}{key}": {}}
        else:
            plain = isinstance(value, bool | int | float | str | list | tuple | None)
            found[f"{prefix}{key}"] = (list(value) if isinstance(value, tuple) else value) if plain else repr(value)
    return found
