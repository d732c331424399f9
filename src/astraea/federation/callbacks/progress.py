"""Shows a running federation in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from astraea.federation.loop import Budget, Callback, Run
from astraea.progress import Bar

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["LiveProgress"]


class LiveProgress(Callback):
    """A bar with the round, the latest accuracy and the time that is left.

    Each skipped visit has a line, and so has each round that leaves the model as it was. ``told`` are the notes on the
    data, which are shown first.
    """

    def __init__(self, console: Console, name: str) -> None:
        self.told: tuple[str, ...] = ()
        self._console = console
        self.bar = Bar(name, console, now="starting")

    def noted(self, notes: Sequence[str]) -> None:
        """Show what is to be known before it is trained on."""
        self.told = tuple(notes)
        for note in notes:
            self._console.print(f"note: {note}", style="yellow", markup=False, emoji=False, highlight=False)

    def begin(self, run: Run, budget: Budget) -> None:
        """Start the bar where the run stands."""
        self.budget = budget
        self.bar.start()
        self._show(run)

    def after_round(self, run: Run) -> None:
        """Move on."""
        line = run.history[-1]
        for skip in line.get("skipped", []):
            self.bar.note(f"round {line['round']}: client {skip['client']} skipped ({skip['reason']})")
        if "kept" in line:
            self.bar.note(f"round {line['round']} left the model as it was: {line['kept']}")
        measured = next((past for past in reversed(run.history) if "accuracy" in past), None)
        counted = self.budget.samples is None and self.budget.seconds is None
        of = f" of {self.budget.rounds}" if counted else ""
        facts = f"round {line['round']}{of}  loss {line['train_loss']:.3f}"
        if measured is not None:
            facts += f"  accuracy {measured['accuracy']:.1%}  balanced {measured['balanced_accuracy']:.1%}"
        self._show(run, facts)

    def end(self, run: Run) -> None:
        """Leave the last state of the bar on the screen."""
        self.bar.stop()

    def _show(self, run: Run, now: str | None = None) -> None:
        self.bar.show(self.budget.progress(run.state.round, run.totals), 1.0, now)
