"""What a round is planned from, and what each client is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import Context, Message
from tests.flower.adding import PLAIN, OwnLoop, adding_app, train_adding

from astraea.flower import AstraeaStrategy
from astraea.flower.telling import Handler


def test_a_rate_that_nobody_used_is_not_told(federation: Callable[..., Any]) -> None:
    strategy = AstraeaStrategy(**PLAIN)
    train_adding(strategy)
    assert "lr" not in strategy.run.history[0]
    one = federation()
    ours = one.strategy()
    one.start(ours, rounds=1)
    assert ours.run.history[0]["lr"] == 0.1


def test_every_message_says_in_which_round_it_is() -> None:
    rounds: list[tuple[str, int]] = []

    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        if context.node_id == 2:
            rounds.append((message.metadata.message_type, int(message.content["config"]["server-round"])))
        return call_next(message, context)

    strategy = AstraeaStrategy(balance={"rebalancing": "none"}, fraction_evaluate=1.0)
    train_adding(strategy, adding_app(None, mod), rounds=2)
    query = "query.label_histogram"
    assert rounds == [(query, 1), ("train", 1), ("evaluate", 1), ("train", 2), ("evaluate", 2)]


def test_the_length_of_chains_follows_the_number_of_clients(caplog: pytest.LogCaptureFixture) -> None:
    train_adding(AstraeaStrategy(**PLAIN), rounds=1)
    assert "round 1: 4 clients in 2 chains, of up to 2 visits one after the other" in caplog.messages


def test_a_loop_of_ones_own_is_told_that_rates_do_not_fall(
    federation: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    one = federation()
    one.start(one.strategy(kind=OwnLoop))
    assert sum("train.schedule = 'cosine' has no effect" in line for line in caplog.messages) == 1
