"""Messages under way: chains do not wait for each other, and the log says who is slow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import ConfigRecord, Error, Message, RecordDict

from astraea.flower import AstraeaStrategy, InProcessGrid, post
from astraea.flower.post import Post, PromptGrid


class Late(InProcessGrid):
    """A grid whose first node's replies are there at the fifth look; ``events`` tells sent and fetched."""

    looks = 0

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.events: list[tuple[str, int]] = []

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        sent = list(messages)
        self.events += [("sent", message.metadata.dst_node_id) for message in sent]
        return list(super().push_messages(sent))

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        numbers = list(message_ids)
        late = {number for number in numbers if number in self._replies and self._of_first(self._replies[number])}
        self.looks += bool(late)
        found = list(super().pull_messages([n for n in numbers if n not in late or self.looks % 5 == 0]))
        self.events += [("back", reply.metadata.src_node_id) for reply in found]
        return found

    def _of_first(self, reply: Message) -> bool:
        return reply.metadata.src_node_id == 2 and reply.metadata.message_type == "train"


def test_a_chain_goes_on_while_another_waits(federation: Callable[..., Any]) -> None:
    one = federation(algorithm={"capacity": 2, "mediator_epochs": 1})
    grid, strategy = Late(one.app(), 5), one.strategy()
    one.start(strategy, grid, rounds=1)
    assert torch.equal(strategy.run.state.params, _locally(one))
    trained = grid.events[grid.events.index(("back", 6)) + 1 :]  # after the questions for histograms
    back = trained.index(("back", 2))
    assert {node for kind, node in trained[:back] if kind == "sent"} >= {2, 3, 4, 5, 6} - _after_first(strategy)


def _locally(one: Any) -> Any:
    from astraea.federation.loop import Budget

    one.experiment.budget = Budget(1)
    return one.locally().state.params


def _after_first(strategy: AstraeaStrategy) -> set[int]:
    """Nodes that come after the late one in its chain."""
    assert strategy._planned is not None
    chain = next(chain for chain in strategy._planned.plan.chains if 0 in chain.clients)
    return {client + 2 for client in chain.clients[chain.clients.index(0) + 1 :]}


def _question(node: int) -> Message:
    return Message(RecordDict({"config": ConfigRecord()}), node, "query.label_histogram")


def test_what_the_superlink_does_not_take_and_what_never_comes_has_no_reply(federation: Callable[..., Any]) -> None:
    grid = InProcessGrid(federation().app(), 1)
    waiting = Post[str](grid)
    waiting.send("unknown", _question(99), 0.0)
    waiting.send("there", _question(2), 10.0)
    grid.push_messages = lambda messages: []
    waiting.send("refused", _question(2), 10.0)
    assert waiting.tags == {"unknown", "there", "refused"}
    replies = {arrival.tag: arrival.reply is not None for arrival in waiting.fetch()}
    assert replies == {"unknown": False, "there": True, "refused": False}
    assert len(waiting) == 0


def test_the_log_says_who_is_waited_for(
    federation: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(post, "_TELL", 0.0)
    waiting = Post[int](InProcessGrid(federation().app(), 1), "client {}".format)
    waiting.send(7, _question(99), 0.01)
    assert [arrival.reply for arrival in waiting.fetch()] == [None]
    assert "waiting for client 7: nothing has come for 0 s" in caplog.messages


def test_nobody_looks_long_before_replies_have_come_so_far(federation: Callable[..., Any]) -> None:
    """Of two messages, 10 and 2 s under way: a tenth of the younger one's time, or what is left of three quarters."""
    grid = PromptGrid(InProcessGrid(federation().app(), 1))
    waiting = Post[str](grid)
    for tag, sent in (("old", 0.0), ("young", 8.0)):
        waiting.send(tag, _question(99), None)
        number = list(waiting._waiting)[-1]
        waiting._waiting[number] = waiting._waiting[number]._replace(sent=sent)
    assert waiting._pause(10.0) == pytest.approx(0.2)
    grid.soonest = 3.2  # the young one is not looked for before 10.4
    assert waiting._pause(10.0) == pytest.approx(0.4)
    assert waiting._pause(10.4) == pytest.approx(0.24)
    grid.soonest = 40.0  # nor is any before, but for the longest pause
    assert waiting._pause(10.0) == 3.0


def test_the_quickest_reply_is_known_and_errors_are_none(federation: Callable[..., Any]) -> None:
    grid = PromptGrid(InProcessGrid(federation().app(), 1))
    good = Message(RecordDict(), dst_node_id=2, message_type="train")
    lost = Message(Error(code=0, reason="away"), reply_to=good)
    for reply, seconds, soonest in ((lost, 0.1, 0.0), (good, 3.0, 3.0), (good, 2.0, 2.0), (good, 5.0, 2.0)):
        grid.note(reply, seconds)
        assert grid.soonest == soonest
