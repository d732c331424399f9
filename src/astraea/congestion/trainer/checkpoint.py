"""A training in one file: what is learned, what is remembered and what is counted, so that it goes on exactly.

Random streams and worlds are not in it: an epoch draws its own, from the seed and its number, when it begins.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import TypeAdapter
from torch import Tensor

from astraea.errors import RunError
from astraea.files import write_tensors
from astraea.reading import DAMAGE, checksum, read_tensors

if TYPE_CHECKING:
    from astraea.congestion.trainer.td3.buffer import ReplayBuffer

__all__ = ["Counts", "Learning", "load_checkpoint", "save_checkpoint"]

_FORMAT = "astraea-td3-3"


@dataclass
class Counts:
    """How far a training has come."""

    epoch: int = 0  # finished epochs
    flow_steps: int = 0
    seconds: float = 0.0
    best: dict[str, Any] | None = None  # the line of the epoch that did best in validation
    history: list[dict[str, Any]] = field(default_factory=list)  # a line per epoch


class Learning(Protocol):
    """What learns; ``steps`` are its gradient steps so far."""

    steps: int

    def tensors(self) -> dict[str, Tensor]:
        """Return all that further steps depend on, beside ``steps``."""

    def restore(self, tensors: dict[str, Tensor], steps: int) -> None:
        """Be again what :meth:`tensors` was taken of."""


def save_checkpoint(
    path: Path, counts: Counts, learner: Learning, buffer: ReplayBuffer | None, best: Tensor | None
) -> None:
    """Write a training to ``path``; ``best`` are the flat weights of its best policy so far.

    Raises :class:`RunError` if it cannot be written; the one before is intact then.
    """
    tensors = {f"learner/{name}": value for name, value in learner.tensors().items()}
    facts = {**vars(counts), "steps": learner.steps}
    if buffer is not None:
        tensors["buffer"] = buffer.rows[: buffer.size]
        facts["at"] = buffer.at
    if best is not None:
        tensors["best"] = best
    tensors = {name: value.contiguous() for name, value in tensors.items()}
    text = json.dumps(facts)
    write_tensors(path, tensors, {"format": _FORMAT, "facts": text, "digest": checksum(tensors, text)})


def load_checkpoint(path: Path, learner: Learning, buffer: ReplayBuffer | None) -> tuple[Counts, Tensor | None]:
    """Bring ``learner`` and ``buffer``, if it has one, to where they were, and return counts and best weights.

    Raises :class:`RunError` if the file is damaged or was written by another version of this trainer.
    """
    try:
        notes, tensors = read_tensors(path)
        if notes.get("format") != _FORMAT:
            raise ValueError(f"its format is {notes.get('format')}, not {_FORMAT}")
        if notes["digest"] != checksum(tensors, notes["facts"]):
            raise ValueError("its checksum is wrong")
        facts = json.loads(notes["facts"])
        steps = facts.pop("steps")
        learner.restore(
            {name.removeprefix("learner/"): value for name, value in tensors.items() if name.startswith("learner/")},
            steps,
        )
        if buffer is not None:
            buffer.restore(tensors["buffer"], facts.pop("at"))
        return TypeAdapter(Counts).validate_python(facts), tensors.get("best")
    except (*DAMAGE, OSError, RuntimeError) as error:
        why = " ".join(str(error).split())[:300]
        raise RunError(
            f"the checkpoint {path} cannot be read ({why}): delete it to begin anew, or train with the version that "
            "wrote it"
        ) from error
