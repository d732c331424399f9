"""Shows a running federation in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from astraea.federation.loop import Budget, Callback, Run

__all__ = ["LiveProgress"]


class LiveProgress(Callback):
    """A bar with the round, the latest accuracy and the time that is left; a line for each skipped visit."""

    def __init__(self, console: Console, name: str) -> None:
        self.progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[facts]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self.name = name

    def begin(self, run: Run, budget: Budget) -> None:
        """Start the bar where the run stands."""
        self.budget = budget
        self.progress.start()
        self.task = self.progress.add_task(self.name, total=1.0, facts="starting")
        self.progress.update(self.task, completed=self._done(run))

    def after_round(self, run: Run) -> None:
        """Move on."""
        line = run.history[-1]
        for skip in line.get("skipped", []):
            self.progress.console.print(
                f"round {line['round']}: client {skip['client']} skipped ({skip['reason']})",
                style="yellow",
                markup=False,
                highlight=False,
            )
        measured = next((past for past in reversed(run.history) if "accuracy" in past), None)
        facts = f"round {line['round']}  loss {line['train_loss']:.3f}"
        if measured is not None:
            facts += f"  accuracy {measured['accuracy']:.1%}  balanced {measured['balanced_accuracy']:.1%}"
        self.progress.update(self.task, completed=self._done(run), facts=facts)

    def end(self, run: Run) -> None:
        """Leave the last state of the bar on the screen."""
        self.progress.stop()

    def _done(self, run: Run) -> float:
        return self.budget.progress(run.state.round, run.totals)
