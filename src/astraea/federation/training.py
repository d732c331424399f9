"""Local training: one visit, and the walk of a model along a chain, for engines that train one model at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from astraea.federation.clients import ClientData
from astraea.federation.features import Features
from astraea.federation.optimizers import elementwise, optimizer_maker
from astraea.federation.plan import Chain, ChainResult, ChainState, LocalTraining, RoundPlan, Visit
from astraea.federation.rule import LocalRule, VisitContext
from astraea.federation.vector import VectorModel
from astraea.federation.walk import LateError, Trained, Walk
from astraea.seeding import Purpose, torch_seed, torch_seeds

__all__ = ["Deadline", "Trainer", "batches", "clipped", "run_chain", "seed_dropout", "visit_seed", "visit_seeds"]

_MANY = 16
"""Seeds from which on it is faster to work them out together."""

_AT_ONCE = 256
"""Samples that go through the model together where nothing is trained."""

Clock = Callable[[], float]
"""Seconds on a clock that only goes forward."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """Seconds that one visit may take, by ``clock``; ``None`` for as long as it needs."""

    seconds: float | None
    clock: Clock


class Trainer:
    """Trains visits of one round on ``model``: what all of them share is worked out once.

    ``prior`` is the effective class prior ``(N,)``, or ``None``.
    """

    def __init__(
        self,
        model: VectorModel,
        rule: LocalRule,
        training: LocalTraining,
        *,
        prior: Tensor | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        self.model, self.rule = model, rule
        self._log_prior = None if prior is None else prior.log()
        self._deadline = deadline if deadline is not None and deadline.seconds is not None else None
        self._set(training)
        plain = type(rule).gradient is LocalRule.gradient and training.clip_norm is None
        self._by_parts = plain and elementwise(training)
        self._finishes = type(rule).finish is not LocalRule.finish
        self._features = Features(model.module) if rule.reads_features else None

    def _set(self, training: LocalTraining) -> None:
        """Train the visits to come so: they differ in their rate, if in anything."""
        self.training, self._optimizer = training, optimizer_maker(training)

    def train(
        self, data: ClientData, start: ChainState, seed: int, client_state: Mapping[str, Tensor] | None = None
    ) -> Trained:
        """Train the model of ``start`` on ``data``, for a client that kept ``client_state`` from its last visit.

        ``seed`` fixes batch order, fresh copies and dropout. Raises :class:`LateError` if the time is up.
        """
        model, training = self.model, self.training
        seed_dropout(seed, model.device)
        model.write(start.params, start.counters)
        model.begin_training()
        size, kept = model.size, client_state or {}
        histogram = None if data.histogram is None else data.histogram.to(model.device)

        def context(step: int) -> VisitContext:
            return VisitContext(start.params[:size], start.extras, kept, self._log_prior, training.lr, histogram, step)

        with self._features or nullcontext():
            steps, loss = self._descend(data, seed, context)
        params, counters = model.release()
        extras = start.extras
        if self._finishes:
            extras, kept = self.rule.finish(params[:size], steps, context(steps))
        held = len(data)
        samples = held * training.epochs
        mean = loss / samples if samples else math.nan
        return Trained(params, counters, extras, kept, held, samples * self.rule.views, steps, mean)

    def _descend(self, data: ClientData, seed: int, context: Callable[[int], VisitContext]) -> tuple[int, float]:
        """Return the number of steps taken, and the sum of the samples' losses."""
        model, training, deadline = self.model, self.training, self._deadline
        if not training.epochs:
            return 0, 0.0
        order = torch.Generator().manual_seed(seed)
        began = deadline.clock() if deadline is not None else 0.0
        step_along, rule, features = self._stepper(), self.rule, self._features
        prepared = {} if features is None or not len(data) else self._prepared(data, features, context(0))

        def vary(samples: Tensor, strength: float) -> Tensor:
            return data.varied(samples, strength, order)

        steps, total = 0, torch.zeros((), device=model.device)
        for _ in range(training.epochs):
            x, y = data.epoch(order)
            x, y = model.laid_out(x.to(model.device)), y.to(model.device)
            for start, stop in batches(len(y), training.batch_size, merge_single=model.has_batch_norm):
                if deadline is not None and deadline.clock() - began > (deadline.seconds or 0.0):
                    raise LateError(f"not done within {deadline.seconds:g} s")
                here = context(steps)
                shown = x[start:stop] if rule.views == 1 else rule.shown(x[start:stop], vary)
                logits = model.outputs(shown)
                if features is not None:
                    here = replace(here, features=features.of(logits), prepared=prepared)
                loss = rule.objective(logits, y[start:stop], here)
                step_along(model.gradients(loss), here)
                steps += 1
                total += loss.detach() * (stop - start)
        return steps, float(total)

    def _prepared(self, data: ClientData, features: Features, context: VisitContext) -> Mapping[str, Tensor]:
        """Return what the rule makes of the client's samples, as they are, with the model that arrived."""
        model = self.model
        model.module.eval()
        with torch.no_grad():
            found = [features.of(model.outputs(x)) for x in data.plain(_AT_ONCE, model.device)]
        model.begin_training()
        return self.rule.prepare(torch.cat(found), data.y.to(model.device), context)

    def _stepper(self) -> Callable[[list[Tensor], VisitContext], None]:
        """Return what takes a step along the gradients by the model's parts, with a fresh optimiser."""
        make, rule, norm = self._optimizer, self.rule, self.training.clip_norm
        if self._by_parts:
            parts = [(part.detach(), make()) for part in self.model.parts]

            def by_parts(gradients: list[Tensor], context: VisitContext) -> None:
                for (part, optimizer), gradient in zip(parts, gradients, strict=True):
                    optimizer.step(part, gradient)

            return by_parts
        weights, optimizer = self.model.weights, make()

        def as_vector(gradients: list[Tensor], context: VisitContext) -> None:
            gradient = rule.gradient(torch.cat([part.reshape(-1) for part in gradients]), weights, context)
            optimizer.step(weights, gradient if norm is None else clipped(gradient, norm))

        return as_vector

    def walk(
        self,
        plan: RoundPlan,
        chain: Chain,
        clients: Sequence[ClientData] | Mapping[int, ClientData],
        seeds: Sequence[int] | None = None,
    ) -> ChainResult:
        """Walk one model along ``chain`` of ``plan``: each visit trains what the one before it left.

        ``seeds`` are those of the visits, where they are known already.
        """
        walk = Walk(plan, chain, self.model.sharing, self.model)
        for place, visit in enumerate(chain.visits):
            client = visit.client
            try:
                if plan.training.falls_to is not None:
                    self._set(plan.training_at(place))
                seed = visit_seed(plan, visit) if seeds is None else seeds[place]
                trained = self.train(clients[client], walk.starting(client), seed, walk.kept_by(client))
            except Exception as error:  # whatever went wrong at one client must not end the others' work
                walk.skip(visit, error)
            else:
                walk.take(visit, trained)
        return walk.result()


def run_chain(
    plan: RoundPlan,
    chain: Chain,
    model: VectorModel,
    rule: LocalRule,
    clients: Sequence[ClientData] | Mapping[int, ClientData],
    deadline: Deadline | None = None,
) -> ChainResult:
    """Walk one model along ``chain`` of ``plan``.

    A visit that fails is skipped and reported, and the chain goes on from its last good model.
    """
    return Trainer(model, rule, plan.training, prior=plan.prior, deadline=deadline).walk(plan, chain, clients)


def visit_seed(plan: RoundPlan, visit: Visit) -> int:
    """Return the seed of a visit's random stream."""
    return torch_seed(plan.seed, Purpose.TRAINING, plan.round, visit.client, visit.pass_)


def visit_seeds(plan: RoundPlan) -> list[list[int]]:
    """Return the seeds of the visits of each chain, all worked out at once."""
    visits = [visit for chain in plan.chains for visit in chain.visits]
    if len(visits) < _MANY:
        return [[visit_seed(plan, visit) for visit in chain.visits] for chain in plan.chains]
    clients, passes = (np.array(part, np.uint64) for part in zip(*((v.client, v.pass_) for v in visits), strict=True))
    seeds = iter(torch_seeds(plan.seed, Purpose.TRAINING, plan.round, clients, passes))
    return [[next(seeds) for _ in chain.visits] for chain in plan.chains]


def batches(samples: int, size: int, *, merge_single: bool) -> list[tuple[int, int]]:
    """Return the bounds of the mini-batches; BatchNorm cannot train on one sample, so that one joins the last."""
    bounds = [(start, min(start + size, samples)) for start in range(0, samples, size)]
    if merge_single and len(bounds) > 1 and bounds[-1][1] - bounds[-1][0] == 1:
        bounds[-2:] = [(bounds[-2][0], samples)]
    return bounds


def clipped(gradient: Tensor, norm: float) -> Tensor:
    """Return ``gradient``, shape ``(..., W)``, scaled down to ``norm`` where it is longer."""
    length = torch.linalg.vector_norm(gradient, dim=-1, keepdim=True)
    factor: Tensor = norm / (length + 1e-6)
    return gradient * factor.clamp(max=1.0)


def seed_dropout(seed: int, device: torch.device) -> None:
    """Seed the generator of ``device``, from which dropout draws."""
    # What torch.manual_seed does, but for this device only: for each absent accelerator, that one keeps a
    # formatted stack trace for ever.
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
