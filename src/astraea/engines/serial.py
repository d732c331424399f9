"""The reference engine: chains run one after another in this process. Every other engine must give its bytes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from torch import nn

from astraea.engines.allocator import keep_freed_memory
from astraea.federation.clients import Population
from astraea.federation.plan import ChainResult, RoundPlan
from astraea.federation.rule import LocalRule
from astraea.federation.training import Deadline, Trainer, visit_seeds
from astraea.federation.vector import VectorModel

__all__ = ["SerialEngine", "repeatable"]


class repeatable:  # noqa: N801 - a context manager, used like a function
    """Train with that many threads, and leave PyTorch's number of threads and its random state as they were."""

    __slots__ = ("_before", "_device", "_threads")

    def __init__(self, device: torch.device, threads: int) -> None:
        self._device, self._threads = device, threads

    def __enter__(self) -> None:
        cuda = torch.cuda.get_rng_state(self._device) if self._device.type == "cuda" else None
        self._before = torch.get_num_threads(), torch.get_rng_state(), cuda
        torch.set_num_threads(self._threads)

    def __exit__(self, *error: object) -> None:
        threads, state, cuda = self._before
        torch.set_num_threads(threads)
        torch.set_rng_state(state)
        if cuda is not None:
            torch.cuda.set_rng_state(cuda, self._device)


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
        trainer = Trainer(self.model, rule, plan.training, prior=plan.prior, deadline=self.deadline)
        for chain, seeds in zip(plan.chains, visit_seeds(plan), strict=True):
            with repeatable(self.model.device, self.threads):
                result = trainer.walk(plan, chain, population, seeds)
            with self.model.sharing():  # the result is added up now, while all other cores are idle
                yield result
            del result  # its memory is that of the next one

    def close(self) -> None:
        """Nothing is held."""
