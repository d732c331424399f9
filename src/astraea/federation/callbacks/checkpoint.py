"""Checkpoints: a whole run in one safetensors file, and the one before it.

Every field of the state is stored: tensors go in as tensors, everything else as JSON in the file's own metadata, with a
checksum over both.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from astraea.errors import InputError, RunError
from astraea.federation.loop import Best, Budget, Callback, Run
from astraea.federation.round import Totals
from astraea.federation.values import packed, unpacked
from astraea.files import flush, remove_partial_files, write_tensors
from astraea.reading import DAMAGE, checksum, read_tensors

__all__ = ["Checkpointing", "latest_checkpoint", "load_checkpoint", "save_checkpoint"]

_FORMAT = 2
_KEPT = 2


def save_checkpoint(run: Run, folder: Path) -> Path:
    """Write ``run`` to ``folder``/round-NNNNNN.safetensors, drop all but the latest two, and return the path.

    Every field of the state is stored, those of a subclass included. Raises :class:`InputError` for one that cannot be.
    """
    state, tensors = packed(run.state, "state")
    facts: dict[str, Any] = {
        "format": _FORMAT,
        "state": state,
        "totals": dict(run.totals),
        "history": run.history,
        "finished": run.finished,
        "best": None,
    }
    if run.best is not None:
        tensors |= {"best/params": run.best.params, "best/counters": run.best.counters}
        facts["best"] = {"round": run.best.round, "score": run.best.score}
        if run.best.kept:
            facts["best"]["kept"], own = packed(run.best.kept, "best/kept")
            tensors |= own
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    text = json.dumps(facts)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"round-{run.state.round:06d}.safetensors"
    remove_partial_files(folder)
    write_tensors(path, tensors, {"run": text, "digest": checksum(tensors, text)})
    for old in sorted(folder.glob("round-*.safetensors"))[:-_KEPT]:
        old.unlink()
    return path


def latest_checkpoint(folder: Path) -> Path | None:
    """Return the checkpoint of the highest round in ``folder``, or ``None`` if there is none."""
    return max(folder.glob("round-*.safetensors"), default=None)


def load_checkpoint(path: Path) -> Run:
    """Return the run stored at ``path``.

    Raises :class:`RunError` if the file is damaged or from another version of this format.
    """
    try:
        metadata, tensors = read_tensors(path)
        text = metadata["run"]
        if metadata["digest"] != checksum(tensors, text):
            raise ValueError("its checksum is wrong")
        facts = json.loads(text)
        if facts["format"] == _FORMAT:
            return _run_of(facts, tensors)
    except InputError as error:
        raise RunError(f"the checkpoint {path} cannot be read: {error}") from error
    except (*DAMAGE, OSError) as error:
        others = sorted(other.name for other in path.parent.glob("round-*.safetensors") if other != path)
        mend = f"delete it to resume from {others[-1]}" if others else "start the run anew without --resume"
        why = " ".join(f"{error}".split())[:300]
        raise RunError(f"the checkpoint {path} is damaged ({why}): {mend}") from error
    raise RunError(
        f"the checkpoint {path} was written by another version (its format is {facts['format']}, this one reads "
        f"{_FORMAT}): finish the run with that version, or start it anew without --resume"
    )


def _run_of(facts: dict[str, Any], tensors: dict[str, Tensor]) -> Run:
    state = unpacked(facts["state"], tensors)
    if type(getattr(state, "round", None)) is not int:
        raise ValueError("it holds no state of a run")
    kept = unpacked((facts["best"] or {}).pop("kept", {"mapping": []}), tensors)
    best = facts["best"] and Best(
        **facts["best"], params=tensors["best/params"], counters=tensors["best/counters"], kept=kept
    )
    return Run(state, Totals(facts["totals"]), facts["history"], best, facts["finished"])


class Checkpointing(Callback):
    """Saves the run every ``every`` rounds and whenever the loop is left.

    What was appended to the files ``beside`` it reaches the disk first, so that no checkpoint is ahead of them.
    """

    def __init__(self, folder: Path, every: int, beside: Sequence[Path] = ()) -> None:
        self.folder = folder
        self.every = every
        self.beside = beside
        self._saved = -1

    def begin(self, run: Run, budget: Budget) -> None:
        """Refuse a state that cannot be stored. Raises :class:`InputError`."""
        packed(run.state, "state")

    def after_round(self, run: Run) -> None:
        """Save if a round's turn has come."""
        if run.finished or run.state.round % self.every == 0:
            self._save(run)

    def end(self, run: Run) -> None:
        """Save what the last turn did not cover."""
        if run.state.round > 0:
            self._save(run)

    def _save(self, run: Run) -> None:
        if run.state.round != self._saved:
            for path in self.beside:
                flush(path)
            save_checkpoint(run, self.folder)
            self._saved = run.state.round
