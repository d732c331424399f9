"""The memory: rows, wrapping around, and what is drawn."""

from __future__ import annotations

import numpy as np
import torch

from astraea.congestion.trainer.td3.replay import Replay, row_width


def rows(*numbers: int) -> np.ndarray:
    """Rows of what was seen (2 values), what is seen next (2), action, reward and discount, all told apart."""
    return np.array([[n, n + 0.1, n + 0.2, n + 0.3, n + 0.4, n + 0.5, n + 0.6] for n in numbers], np.float32)


def test_the_newest_rows_take_the_place_of_the_oldest() -> None:
    replay = Replay(5, seen=2)
    assert row_width(2) == replay.rows.shape[1] == 7
    replay.add(rows(0, 1, 2))
    assert (replay.size, replay.at) == (3, 3)
    replay.add(rows(3, 4, 5, 6))
    assert (replay.size, replay.at) == (5, 2)
    assert replay.rows[:, 0].tolist() == [5, 6, 2, 3, 4]
    replay.add(rows(7, 8, 9))
    assert (replay.size, replay.at) == (5, 0)
    assert replay.rows[:, 0].tolist() == [5, 6, 7, 8, 9]
    replay.add(rows(0)[:0])
    assert (replay.size, replay.at) == (5, 0)


def test_what_is_drawn_is_what_was_kept() -> None:
    replay = Replay(100, seen=2)
    replay.add(rows(1, 2, 3))
    batch = replay.sample(np.random.default_rng(0), 60)
    first = batch.seen[:, 0]
    assert set(first.tolist()) == {1, 2, 3}
    for part, shift in ((batch.action, 0.4), (batch.reward, 0.5), (batch.discount, 0.6), (batch.next_seen[:, 1], 0.3)):
        assert torch.allclose(part, first + shift)
    assert batch.seen.shape == batch.next_seen.shape == (60, 2)


def test_a_memory_restored_goes_on_like_the_first() -> None:
    first, second = Replay(4, seen=2), Replay(4, seen=2)
    first.add(rows(0, 1, 2, 3, 4, 5)[:4])
    first.add(rows(4, 5))
    second.restore(first.rows[: first.size].clone(), first.at)
    for replay in (first, second):
        replay.add(rows(6, 7, 8))
    assert torch.equal(first.rows, second.rows)
    assert (first.size, first.at) == (second.size, second.at) == (4, 1)
