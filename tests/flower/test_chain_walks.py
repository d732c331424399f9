"""How a chain goes on: replies are handed on as they came, and who is silent costs one wait."""

from __future__ import annotations

import pytest

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import Context, Message
from tests.flower.adding import PLAIN, Silent, adding_app, train_adding

from astraea.flower import AstraeaStrategy
from astraea.flower.telling import Handler


def test_a_client_that_was_silent_is_not_asked_in_the_next_pass() -> None:
    grid = Silent(adding_app(), 4)
    strategy = AstraeaStrategy(algorithm={"mediator_epochs": 3}, **PLAIN)
    train_adding(strategy, grid=grid, rounds=1, timeout=0.05)
    assert grid.lost == 1
    reasons = [skip["reason"] for skip in strategy.run.history[0]["skipped"]]
    assert reasons == ["it did not answer in time", *["it did not answer earlier in this round"] * 2]


def test_a_reply_is_handed_on_as_it_came() -> None:
    """The bytes are not written anew: the next client gets the very objects that the one before has sent."""
    sent: list[bytes] = []
    got: list[bytes] = []

    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        if message.metadata.message_type != "train":
            return call_next(message, context)
        got.append(message.content["arrays"]["w"].data)
        reply = call_next(message, context)
        sent.append(reply.content["arrays"]["w"].data)
        return reply

    train_adding(AstraeaStrategy(algorithm={"capacity": 4}, **PLAIN), adding_app(None, mod), rounds=1)
    assert len(got) == 4
    assert all(after is before for before, after in zip(sent, got[1:], strict=False))
