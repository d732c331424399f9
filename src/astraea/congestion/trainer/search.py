"""Run an evolution in a folder: every generation kept as it ends, the best law by validation beside it, resumable."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from astraea.congestion.policy.law import LAW
from astraea.congestion.policy.policy import Policy, load_policy
from astraea.congestion.trainer.board import open_board
from astraea.congestion.trainer.evolution import Evolution, EvolutionSettings, Generation, law_policy
from astraea.congestion.trainer.folder import claim
from astraea.files import append_text, lock, whole_lines

__all__ = ["train_law"]

GENERATIONS, POLICY, SCALARS = "generations.jsonl", "policy.safetensors", "tensorboard"

Watch = Callable[[Generation, EvolutionSettings], None]


def train_law(
    settings: EvolutionSettings,
    out: Path,
    *,
    resume: bool = False,
    jobs: int = 1,
    tensorboard: bool = False,
    watch: Watch | None = None,
) -> Policy:
    """Search for a law and return the best by validation, which lies in ``out/policy.safetensors`` then.

    A generation is appended to ``out/generations.jsonl`` as it ends; with ``resume`` the search goes on after the
    last one and ends as it would have without the stop, whatever ``jobs`` is. A search may be prolonged by more
    ``generations``; where it ended before, it has been validated once more than one that was not stopped.
    Raises :class:`astraea.errors.InputError` if ``out`` holds a training and ``resume`` is not set, and
    :class:`astraea.errors.RunError` if it is another one, naming the key.
    """
    with lock(out):
        claim(out, "law", settings, resume=resume, execution=("generations",))
        past = _past(out)
        search = Evolution(settings, past, jobs)
        best = max((g.validation["all"] for g in past if g.validation), default=-float("inf"))
        spent = time.monotonic()
        board = open_board(out / SCALARS, search.generation) if tensorboard else None
        while search.generation < settings.generations:
            found = search.step()
            append_text(out / GENERATIONS, json.dumps(asdict(found)) + "\n")
            if found.validation and found.validation["all"] > best:
                best = found.validation["all"]
                _card(settings, found, time.monotonic() - spent).save(out / POLICY)
            if board is not None:
                for name, value in _numbers(found).items():
                    board.add_scalar(name, value, found.number)
                board.flush()
            if watch is not None:
                watch(found, settings)
        return load_policy(out / POLICY)


def _past(out: Path) -> list[Generation]:
    file = out / GENERATIONS
    rows = [json.loads(line) for line in whole_lines(file)] if file.is_file() else []
    return [Generation(**{**row, "values": tuple(row["values"]), "centre": tuple(row["centre"])}) for row in rows]


def _card(settings: EvolutionSettings, found: Generation, seconds: float) -> Policy:
    numbers = {n.name: round(x, 4) for n, x in zip(LAW, found.centre, strict=True)}
    card = {
        "trained_by": "astraea congestion train --recipe law",
        "settings": settings.model_dump_json(exclude_defaults=True),
        "seed": str(settings.seed),
        "generation": str(found.number + 1),
        "validation": json.dumps(found.validation),
        "numbers": json.dumps(numbers),
        "seconds": f"{seconds:.0f}",
    }
    return law_policy(found.centre, settings.control, card)


def _numbers(found: Generation) -> dict[str, float]:
    return {
        "fitness/best": max(found.values),
        "fitness/mean": sum(found.values) / len(found.values),
        "search/step": found.step,
        **{f"validation/{name}": value for name, value in (found.validation or {}).items()},
        **{f"numbers/{n.name}": x for n, x in zip(LAW, found.centre, strict=True)},
    }
