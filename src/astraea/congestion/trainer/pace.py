"""What trainings by gradients share while they run: how far they are, and how many threads they use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

__all__ = ["Progress", "torch_threads"]


@dataclass(frozen=True)
class Progress:
    """How far a training is, told after every update."""

    done: float  # share of its length, of decisions or of time, whichever is further
    flow_steps: int
    line: dict[str, Any] | None  # what the last finished epoch came to, as in metrics.jsonl


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let PyTorch use ``count`` threads meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
