"""What clients are told, and what they tell: nothing from which one works out another's data or the plan."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import Context, Message

from astraea.flower.mods import Handler

SECRET = 2**127 + 12345


def _listening(told: list[dict[str, Any]]) -> Callable[[Message, Context, Handler], Message]:
    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        if message.metadata.message_type == "train":
            (record,) = message.content.config_records.values()
            told.append(json.loads(str(record["astraea"])))
        return call_next(message, context)

    return mod


def test_a_client_is_told_a_stream_for_each_visit_and_not_the_seed(federation: Callable[..., Any]) -> None:
    """With a seed that cannot be guessed, the bytes are still those of the local engine."""
    told: list[dict[str, Any]] = []
    one = federation(seed=SECRET, balance={"storage": "offline"})
    strategy = one.strategy()
    result = one.start(strategy, one.grid(one.app(mods=[_listening(told)])))
    assert {*told[0]} == {"stream", "progress", "epochs", "train", "prior", "copying"}
    assert len({one["stream"] for one in told}) == len(told) == 20
    assert str(SECRET) not in json.dumps(told)
    there = torch.cat([value.reshape(-1) for value in result.arrays.to_torch_state_dict().values()])
    assert torch.equal(there, one.locally().state.params)
