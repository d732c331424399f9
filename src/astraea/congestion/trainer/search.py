"""Run an evolution in a folder: each generation kept as it ends, the best by validation beside it, resumable."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from astraea.congestion.policy.law import LAW
from astraea.congestion.policy.policy import Policy, load_policy
from astraea.congestion.trainer.board import open_board
from astraea.congestion.trainer.evolution import Evolution, EvolutionSettings, Generation
from astraea.congestion.trainer.folder import claim
from astraea.errors import InputError, RunError
from astraea.files import append_text, lock, whole_lines

__all__ = ["resumed", "train_by_evolution"]

GENERATIONS, POLICY, SCALARS = "generations.jsonl", "policy.safetensors", "tensorboard"

Watch = Callable[[Generation, EvolutionSettings], None]


def train_by_evolution(
    settings: EvolutionSettings,
    out: Path,
    *,
    resume: bool = False,
    jobs: int = 1,
    tensorboard: bool = False,
    watch: Watch | None = None,
) -> Policy:
    """Search for a policy and return the best by validation, which lies in ``out/policy.safetensors`` then.

    A generation is appended to ``out/generations.jsonl`` as it ends; with ``resume`` the search goes on after the
    last one and ends as it would have without the stop, whatever ``jobs`` is. A search may be prolonged by more
    ``generations``; where it ended before, it has been validated once more than one that was not stopped.
    Raises :class:`astraea.errors.InputError` if ``out`` holds a training and ``resume`` is not set, and
    :class:`astraea.errors.RunError` if it is another one, naming the key.
    """
    with lock(out):
        claim(out, settings.subject, settings, resume=resume, execution=("generations",))
        past, search = resumed(settings, out, jobs)
        best: Generation | None = None
        began = time.monotonic()
        board = open_board(out / SCALARS, search.generation) if tensorboard else None
        for found in past:
            best = _better(best, found)
        if best is not None and not _is_of(out / POLICY, best, search):  # a kill may have come before it was written
            _card(search, best, 0.0).save(out / POLICY)
        while search.generation < settings.generations:
            found = search.step()
            append_text(out / GENERATIONS, json.dumps(asdict(found)) + "\n", durable=True)
            if _better(best, found) is found:
                best = found
                _card(search, found, time.monotonic() - began).save(out / POLICY)
            if board is not None:
                for name, value in _numbers(found, settings).items():
                    board.add_scalar(name, value, found.number)
                board.flush()
            if watch is not None:
                watch(found, settings)
        if best is None:  # a search that was stopped before its first validation is over now
            last = replace(past[-1], validation=search.validate(search.centre))
            _card(search, last, time.monotonic() - began).save(out / POLICY)
        return load_policy(out / POLICY)


def resumed(settings: EvolutionSettings, out: Path, jobs: int = 1) -> tuple[list[Generation], Evolution]:
    """Return the generations in ``out``, and the search after them. Raises :class:`RunError` if they are damaged."""
    file = out / GENERATIONS
    try:
        rows = [json.loads(line) for line in whole_lines(file)] if file.is_file() else []
        past = [Generation(**{**row, "values": tuple(row["values"]), "centre": tuple(row["centre"])}) for row in rows]
        for found in past:
            if not np.isfinite([*found.values, *(found.validation or {"all": 0.0}).values()]).all():
                raise ValueError("it holds values that are no numbers")
            _score(found)
        return past, Evolution(settings, past, jobs)
    except (ArithmeticError, AssertionError, LookupError, ValueError, TypeError, RecursionError) as error:
        raise RunError(f"{file} is damaged ({type(error).__name__}: {error}): delete it to begin anew") from error


def _better(best: Generation | None, found: Generation) -> Generation | None:
    if found.validation is None or (best is not None and found.validation["all"] <= _score(best)):
        return best
    return found


def _score(found: Generation) -> float:
    return -math.inf if found.validation is None else found.validation["all"]


def _is_of(file: Path, found: Generation, search: Evolution) -> bool:
    """Whether the policy in ``file`` is that of the generation ``found`` of this search."""
    wanted = _card(search, found, 0.0)
    try:
        held = load_policy(file)
    except InputError:
        return False
    same = held.header == wanted.header and bool((held.weights == wanted.weights).all())
    return same and held.card.get("generation") == wanted.card["generation"]


def _card(search: Evolution, found: Generation, seconds: float) -> Policy:
    settings = search.settings
    card = {
        "trained_by": f"astraea congestion train --recipe {settings.subject}",
        "settings": settings.model_dump_json(exclude_defaults=True),
        "seed": str(settings.seed),
        "generation": str(found.number + 1),
        "validation": json.dumps(found.validation),
        "seconds": f"{seconds:.0f}",
    }
    if settings.subject == "law":
        card["numbers"] = json.dumps({n.name: round(x, 4) for n, x in zip(LAW, found.centre, strict=True)})
    return search.subject.policy(np.asarray(found.centre), card)


def _numbers(found: Generation, settings: EvolutionSettings) -> dict[str, float]:
    of_law = settings.subject == "law"
    return {
        "fitness/best": max(found.values),
        "fitness/mean": sum(found.values) / len(found.values),
        "search/step": found.step,
        **{f"validation/{name}": value for name, value in (found.validation or {}).items()},
        **({f"numbers/{n.name}": x for n, x in zip(LAW, found.centre, strict=True)} if of_law else {}),
    }
