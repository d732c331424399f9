"""The sum over Flower's messages: exact with a third gone, each exchange once, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import ConfigRecord, Message, RecordDict
from flwr.clientapp import ClientApp

from astraea.errors import AstraeaError
from astraea.flower import InProcessGrid, label_histogram
from astraea.flower.messages import SumStage
from astraea.flower.secure_sum.client import answered
from astraea.flower.secure_sum.gathering import gathered
from astraea.flower.secure_sum.protocol import ProtocolError
from astraea.flower.secure_sum.server import groups_of

HELD = np.random.default_rng(0).integers(0, 60, (12, 10))


class Leaving(InProcessGrid):
    """A grid of clients that hold ``HELD``, some of which stop answering: node -> number of answers that it gives."""

    def __init__(self, leave: dict[int, int], clients: int = len(HELD)) -> None:
        app = ClientApp()
        labels = [np.repeat(np.arange(10), row) for row in HELD]
        app.query("label_histogram")(label_histogram(lambda context: labels[context.node_id - 2], 10, "secure-sum"))
        super().__init__(app, clients)
        self._leave = leave

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        numbers: list[str] = []
        for message in messages:
            node = message.metadata.dst_node_id
            left = self._leave.get(node, 99)
            self._leave[node] = left - 1
            if left <= 0:
                numbers.append(f"lost {node}")
                continue
            numbers += super().push_messages([message])
        return numbers


def _gather(grid: InProcessGrid, epsilon: float = 1.0) -> Any:
    nodes = list(grid.get_node_ids())
    return gathered(nodes, epsilon, grid, 0.05, ConfigRecord(), "config", np.random.default_rng(0))


@pytest.mark.parametrize("answers", [0, 1, 2, 3])
def test_equal_to_the_plain_sum_to_the_bit_with_a_third_gone(answers: int) -> None:
    """Nodes 3, 6, 9 and 12 of twelve leave before one of the four exchanges, or are never there."""
    gone = {3, 6, 9, 12}
    rows, refused = _gather(Leaving(dict.fromkeys(gone, answers)))
    kept = [node for node in range(2, 14) if answers == 3 or node not in gone]
    assert sorted(rows) == kept
    assert sum(row for row, _ in rows.values()).tolist() == HELD[[node - 2 for node in kept]].sum(axis=0).tolist()
    assert set(refused) == (set() if answers == 3 else gone)


def test_with_more_than_a_third_gone_nothing_is_learned_and_the_reason_told() -> None:
    rows, refused = _gather(Leaving(dict.fromkeys((3, 6, 9, 12, 13), 2)))
    assert rows == {}
    assert refused[2] == "7 nodes stayed in the secure sum, it needs 8"


def test_without_noise_all_clients_are_taken_to_be_alike() -> None:
    rows, _ = _gather(Leaving({}), epsilon=0.0)
    assert np.ptp(np.stack([row for row, _ in rows.values()]), axis=0).max() <= 1


def test_an_exchange_out_of_turn_is_refused_and_secrets_are_forgotten() -> None:
    state, counts = RecordDict(), np.array([3, 4])
    with pytest.raises(ProtocolError, match="asks for 'reveal' of a secure sum out of turn"):
        answered(state, SumStage(name="reveal", places=(0, 1, 2)), b"", counts)
    answered(state, SumStage(name="keys"), b"", counts)
    with pytest.raises(ProtocolError, match="asks for 'masked' of a secure sum out of turn"):
        answered(state, SumStage(name="masked", places=(0,)), b"", counts)
    with pytest.raises(AstraeaError, match="the server sent 65 bytes"):
        answered(state, SumStage(name="shares", place=0), bytes(65), counts)


def test_many_nodes_are_summed_in_groups() -> None:
    groups = groups_of(range(250), np.random.default_rng(0))
    assert [len(group) for group in groups] == [84, 83, 83]
    assert sorted(node for group in groups for node in group) == list(range(250))
