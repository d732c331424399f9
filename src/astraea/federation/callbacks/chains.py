"""Writes ``chains.jsonl``: who trained in each round, chain by chain, in the order of the visits."""

from __future__ import annotations

import json
from pathlib import Path

from astraea.errors import RunError
from astraea.federation.loop import Budget, Callback, Run
from astraea.federation.plan import RoundPlan
from astraea.files import append_text, whole_lines, write_text

__all__ = ["ChainsFile"]


class ChainsFile(Callback):
    """Appends each round's chains to ``path``: the clients' numbers, a client once for each of its visits."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, run: Run, budget: Budget) -> None:
        """Drop the lines of rounds that a resumed run repeats.

        Raises :class:`RunError` if the file is damaged.
        """
        lines = whole_lines(self.path) if self.path.exists() else []
        try:
            kept = [line for line in lines if json.loads(line)["round"] <= run.state.round]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise RunError(
                f"{self.path} is damaged ({error}): delete it, and the run goes on without the chains of past rounds"
            ) from error
        write_text(self.path, "".join(f"{line}\n" for line in kept))

    def planned(self, plan: RoundPlan) -> None:
        """Append the round's chains: before it is executed, so that no checkpoint is ahead of this file."""
        chains = [[visit.client for visit in chain.visits] for chain in plan.chains]
        append_text(self.path, json.dumps({"round": plan.round + 1, "chains": chains}, separators=(",", ":")) + "\n")
