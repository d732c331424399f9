"""The reference engine: chains run one after another in this process. Every other engine must give its bytes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from astraea.engines.allocator import keep_freed_memory
from astraea.federation.clients import Population
from astraea.federation.plan import ChainResult, RoundPlan
from astraea.federation.rule import LocalRule
from astraea.federation.training import Deadline, run_chain
from astraea.federation.vector import VectorModel

__all__ = ["SerialEngine", "repeatable"]


@contextmanager
def repeatable(device: torch.device, threads: int) -> Iterator[None]:
    """Train with that many threads, and leave PyTorch's number of threads and its random state as they were."""
    before, state = torch.get_num_threads(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.set_rng_state(state)
        if cuda is not None:
            torch.cuda.set_rng_state(cuda, device)


class SerialEngine:
    """Executes plans with one model in memory; results are independent of PyTorch's global random state."""

    def __init__(
        self, module: nn.Module, *, threads: int = 1, bfloat16: bool = False, visit_deadline: float | None = None
    ) -> None:
        keep_freed_memory()
        self.model = VectorModel(module, threads=torch.get_num_threads(), bfloat16=bfloat16)
        self.threads = threads
        self.deadline = Deadline(visit_deadline, time.monotonic)

    def execute(self, plan: RoundPlan, rule: LocalRule, population: Population) -> Iterator[ChainResult]:
        """Yield the result of each chain, in plan order."""
        plan = plan.to(self.model.device)
        for chain in plan.chains:
            with repeatable(self.model.device, self.threads):
                result = run_chain(plan, chain, self.model, rule, population, self.deadline)
            with self.model.sharing():  # the result is added up now, while all other cores are idle
                yield result

    def close(self) -> None:
        """Nothing is held."""
