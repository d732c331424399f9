"""The replay buffer: rows, wrapping around, and what is drawn."""

from __future__ import annotations

import numpy as np
import torch

from astraea.congestion.trainer.td3.buffer import ReplayBuffer, row_width


def rows(*numbers: int) -> np.ndarray:
    """Rows of what was seen (2 values), what is seen next (2), action, reward and discount, all told apart."""
    return np.array([[n, n + 0.1, n + 0.2, n + 0.3, n + 0.4, n + 0.5, n + 0.6] for n in numbers], np.float32)


def test_the_newest_rows_take_the_place_of_the_oldest() -> None:
    buffer = ReplayBuffer(5, seen=2)
    assert row_width(2) == buffer.rows.shape[1] == 7
    buffer.add(rows(0, 1, 2))
    assert (buffer.size, buffer.at) == (3, 3)
    buffer.add(rows(3, 4, 5, 6))
    assert (buffer.size, buffer.at) == (5, 2)
    assert buffer.rows[:, 0].tolist() == [5, 6, 2, 3, 4]
    buffer.add(rows(7, 8, 9))
    assert (buffer.size, buffer.at) == (5, 0)
    assert buffer.rows[:, 0].tolist() == [5, 6, 7, 8, 9]
    buffer.add(rows(0)[:0])
    assert (buffer.size, buffer.at) == (5, 0)


def test_what_is_drawn_is_what_was_kept() -> None:
    buffer = ReplayBuffer(100, seen=2)
    buffer.add(rows(1, 2, 3))
    batch = buffer.sample(np.random.default_rng(0), 60)
    first = batch.seen[:, 0]
    assert set(first.tolist()) == {1, 2, 3}
    for part, shift in ((batch.action, 0.4), (batch.reward, 0.5), (batch.discount, 0.6), (batch.next_seen[:, 1], 0.3)):
        assert torch.allclose(part, first + shift)
    assert batch.seen.shape == batch.next_seen.shape == (60, 2)


def test_a_buffer_restored_goes_on_like_the_first() -> None:
    first, second = ReplayBuffer(4, seen=2), ReplayBuffer(4, seen=2)
    first.add(rows(0, 1, 2, 3, 4, 5)[:4])
    first.add(rows(4, 5))
    second.restore(first.rows[: first.size].clone(), first.at)
    for buffer in (first, second):
        buffer.add(rows(6, 7, 8))
    assert torch.equal(first.rows, second.rows)
    assert (first.size, first.at) == (second.size, second.at) == (4, 1)


def test_what_was_added_since_a_mark_can_be_taken_back() -> None:
    buffer = ReplayBuffer(5, seen=2)
    buffer.add(rows(0, 1))
    for _ in range(2):  # first while there is room, then while rows are overwritten
        buffer.mark()
        before, size, at = buffer.rows[: buffer.size].clone(), buffer.size, buffer.at
        for new in (rows(2, 3, 4, 5), rows(6, 7, 8), rows(9, 10)):
            buffer.add(new)
        buffer.undo()
        assert (buffer.size, buffer.at) == (size, at)
        assert torch.equal(buffer.rows[: buffer.size], before)
        buffer.add(rows(2, 3, 4, 5))
