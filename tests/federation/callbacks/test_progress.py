from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console

import astraea
from astraea.federation.callbacks import LiveProgress
from astraea.federation.loop import Budget, Callback, Run


class Order(Callback):
    def __init__(self) -> None:
        self.seen: list[object] = []

    def noted(self, notes: Sequence[str]) -> None:
        self.seen.append(tuple(notes))

    def begin(self, run: Run, budget: Budget) -> None:
        self.seen.append("begin")


def test_what_is_noted_of_the_data_is_told_before_the_first_round() -> None:
    order = Order()
    x = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    said: dict[str, Any] = {"rounds": 1, "scenario": {"clients": 2}, "algorithm": {"clients_per_round": 2}}
    astraea.run(dataset=(x, np.arange(20) % 2), callbacks=[order], **said)
    assert order.seen == [("'arrays' has no test set: 4 training samples are held out as one.",), "begin"]


def test_notes_are_shown_as_they_are() -> None:
    shown = io.StringIO()
    progress = LiveProgress(Console(file=shown, width=80), "mine")
    progress.noted(["Column 'a [mmol]' has 2 values."])
    assert shown.getvalue() == "note: Column 'a [mmol]' has 2 values.\n"
    assert progress.told == ("Column 'a [mmol]' has 2 values.",)
