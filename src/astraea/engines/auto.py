"""Chooses an engine when the first round is known, and says why in one line.

Between engines that give the same bytes, measurement decides; where bytes would differ, a fixed rule does, so
that a run that is resumed elsewhere goes on as it began.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from torch import nn

from astraea.engines.serial import SerialEngine
from astraea.federation.clients import Population
from astraea.federation.loop import Engine
from astraea.federation.plan import Chain, ChainResult, RoundPlan
from astraea.federation.rule import LocalRule

__all__ = ["AutoEngine", "choose"]

_LOG = logging.getLogger(__name__)

_HANDOVER = 4e-4
"""Seconds to send one chain to a worker and its result back, beside what the model's size adds."""

_COPY = 1e-9
"""Seconds a byte of the model costs on its way to a worker and back."""


class AutoEngine:
    """Executes plans on the engine that :func:`choose` names for the first of them.

    ``build(name)`` makes that engine; ``say`` gets the line that explains the choice (default: the log, as info).
    """

    def __init__(
        self,
        module: nn.Module,
        build: Callable[[str], Engine],
        *,
        workers: int,
        threads: int = 1,
        say: Callable[[str], None] = _LOG.info,
    ) -> None:
        self._build, self._workers, self._say = build, workers, say
        self._probe: SerialEngine | None = SerialEngine(module, threads=threads)
        self.engine: Engine | None = None
        self.name = ""

    def execute(self, plan: RoundPlan, rule: LocalRule, population: Population) -> Iterator[ChainResult]:
        """Yield the result of each chain, in plan order."""
        if self.engine is None and self._probe is not None and plan.chains:
            device = self._probe.model.device.type
            measured = _seconds_per_sample(self._probe, plan, rule, population) if device == "cpu" else 0.0
            self.name, reason = choose(plan, _samples(plan, population), measured, device, self._workers)
            self._say(f"engine {self.name}: {reason}")
            self._probe, self.engine = None, self._build(self.name)
        if self.engine is not None:
            yield from self.engine.execute(plan, rule, population)

    def close(self) -> None:
        """Close the engine that was chosen."""
        if self.engine is not None:
            self.engine.close()


def choose(
    plan: RoundPlan, samples: list[int], seconds_per_sample: float, device: str, workers: int
) -> tuple[str, str]:
    """Return an engine's name and the reason.

    ``samples`` counts what each chain of ``plan`` processes, at ``seconds_per_sample`` on one worker, with up to
    ``workers`` of them.
    """
    chains = len(plan.chains)
    if device != "cpu":
        if chains > 1:
            return "stacked", f"{chains} chains a round on {device} go together as one batch"
        return "serial", f"one chain a round on {device} has nothing to be batched with"
    alone = sum(samples) * seconds_per_sample
    busy = min(workers, chains)
    handovers = chains * (_HANDOVER + _COPY * plan.bytes_per_hop)
    together = max(alone / busy, max(samples) * seconds_per_sample) + handovers
    compared = f"{1e3 * alone:.3g} ms a round in this process, about {1e3 * together:.3g} ms on {busy} workers"
    return ("processes" if busy > 1 and together < 0.9 * alone else "serial"), compared


def _seconds_per_sample(engine: SerialEngine, plan: RoundPlan, rule: LocalRule, population: Population) -> float:
    """Time the first visit of the plan, whose result is thrown away; once more if it was short, warmed up."""
    visit = plan.chains[0].visits[0]
    once = replace(plan, chains=(Chain(0, (visit,)),), training=replace(plan.training, epochs=1))
    seconds = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        (result,) = engine.execute(once, rule, population)
        seconds = min(seconds, time.perf_counter() - began)
        if seconds > 0.5:
            break
    return seconds / max(result.reports[0].samples, 1)


def _samples(plan: RoundPlan, population: Population) -> list[int]:
    sizes = {client: len(population[client]) for chain in plan.chains for client in chain.clients}
    return [plan.training.epochs * sum(sizes[visit.client] for visit in chain.visits) for chain in plan.chains]
