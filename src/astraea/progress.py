"""The one progress bar: a name, how far it is, what is going on now, and the time that has passed and is left."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Bar"]

_QUIET = 10.0
"""Seconds between two lines where there is no terminal to draw a bar on, as in a log."""


_PACE = 3600.0
"""Seconds over which the pace is measured that tells the time left: rounds may take minutes each."""


class Bar:
    """A bar on ``console``, by default standard error, from entering its context to leaving it."""

    def __init__(self, name: str, console: Console | None = None, now: str = "") -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.table import Column

        self._progress = Progress(
            TextColumn("{task.description}", style="bold", markup=False, table_column=Column(no_wrap=True)),
            BarColumn(bar_width=12),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            # What is going on takes the space that is left, so that the times are never cut.
            TextColumn(
                "{task.fields[now]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)
            ),
            console=console or Console(stderr=True),
            expand=True,
            speed_estimate_period=_PACE,
        )
        self._name, self._told = name, time.monotonic()
        self._task = self._progress.add_task(name, total=None, now=now)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Show the bar."""
        self._progress.start()

    def stop(self) -> None:
        """Leave its last state on the screen."""
        self._progress.stop()

    def show(self, done: float, total: float | None, now: str | None = None) -> None:
        """Show that ``done`` of ``total`` is done, ``None`` while unknown, and what is going on ``now``."""
        fields: dict[str, Any] = {} if now is None else {"now": now}
        self._progress.update(self._task, completed=done, total=total, **fields)
        if not self._progress.console.is_terminal and total and time.monotonic() - self._told >= _QUIET:
            self._told = time.monotonic()
            task = self._progress.tasks[0]
            left = "" if task.time_remaining is None else f", {task.time_remaining:,.0f} s left"
            self._progress.console.print(
                f"{self._name}: {done / total:.0%} after {task.elapsed or 0:,.0f} s{left}, {task.fields['now']}",
                markup=False,
                emoji=False,
                highlight=False,
            )

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(text, style="yellow", markup=False, emoji=False, highlight=False)
