"""What has been experienced: transitions as rows of one array, the oldest overwritten by the newest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Batch", "ReplayBuffer", "row_width"]


class Batch(NamedTuple):
    """Transitions, n of them. ``seen`` is an observation and, behind it, the global state of that moment."""

    seen: Tensor  # (n, O + S)
    next_seen: Tensor  # (n, O + S)
    action: Tensor  # (n,)
    reward: Tensor  # (n,)
    discount: Tensor  # (n,), of what follows


def row_width(seen: int) -> int:
    """Return the length of a row: what was seen, what is seen next, action, reward, discount."""
    return 2 * seen + 3


class ReplayBuffer:
    """Room for ``capacity`` rows; ``size`` of them are filled, and ``at`` is where the next goes."""

    def __init__(self, capacity: int, seen: int) -> None:
        self.rows = torch.empty(capacity, row_width(seen))
        self.size = 0
        self.at = 0
        self._seen = seen
        self._overwritten: list[tuple[int, Tensor]] = []
        self._marked = (0, 0)

    def mark(self) -> None:
        """Remember what is held now: :meth:`undo` brings it back."""
        self._overwritten.clear()
        self._marked = self.size, self.at

    def undo(self) -> None:
        """Take back what was added since :meth:`mark`."""
        for at, rows in reversed(self._overwritten):
            self.rows[at : at + len(rows)] = rows
        self._overwritten.clear()
        self.size, self.at = self._marked

    def add(self, rows: NDArray[np.float32]) -> None:
        """Keep ``rows``, shape ``(n, row_width(seen))``, of which there may not be more than there is room."""
        new, capacity = torch.from_numpy(rows), len(self.rows)
        first = min(len(new), capacity - self.at)
        for at, part in ((self.at, new[:first]), (0, new[first:])):
            self._overwritten.append((at, self.rows[at : min(at + len(part), self.size)].clone()))
            self.rows[at : at + len(part)] = part
        self.at = (self.at + len(new)) % capacity
        self.size = min(self.size + len(new), capacity)

    def sample(self, rng: np.random.Generator, count: int) -> Batch:
        """Return ``count`` transitions, each drawn from all alike."""
        rows = self.rows[torch.from_numpy(rng.integers(self.size, size=count))]
        n = self._seen
        return Batch(rows[:, :n], rows[:, n : 2 * n], rows[:, -3], rows[:, -2], rows[:, -1])

    def restore(self, rows: Tensor, at: int) -> None:
        """Hold ``rows`` again, as they were when ``at`` was where the next one would go.

        Raises ``ValueError`` for rows that this buffer cannot have held.
        """
        if rows.ndim != 2 or len(rows) > len(self.rows) or rows.shape[1] != self.rows.shape[1]:
            raise ValueError(f"a buffer of shape {tuple(rows.shape)} is no part of {tuple(self.rows.shape)}")
        if not 0 <= at < len(self.rows) or (len(rows) < len(self.rows) and at != len(rows)):
            raise ValueError(f"the row after {len(rows)} is not {at}")
        self.size, self.at = len(rows), at
        self.rows[: self.size] = rows
