"""Local training: one visit, and the walk of one model along a chain. Every engine runs these two functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from astraea.federation.clients import ClientData
from astraea.federation.optimizers import elementwise, make_optimizer
from astraea.federation.plan import Chain, ChainResult, ChainState, LocalTraining, RoundPlan, Visit, VisitReport
from astraea.federation.rule import LocalRule, VisitContext
from astraea.federation.vector import VectorModel
from astraea.seeding import Purpose, torch_seed

__all__ = [
    "Deadline",
    "VisitError",
    "batches",
    "clipped",
    "failure",
    "run_chain",
    "seed_dropout",
    "train_visit",
    "visit_seed",
]

Clock = Callable[[], float]
"""Seconds on a clock that only goes forward."""


class VisitError(Exception):
    """A visit whose work is discarded; the message is the reason in the report."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """Seconds that one visit may take, by ``clock``; ``None`` for as long as it needs."""

    seconds: float | None
    clock: Clock


def train_visit(
    model: VectorModel,
    data: ClientData,
    rule: LocalRule,
    training: LocalTraining,
    state: ChainState,
    *,
    seed: int,
    visit: Visit | None = None,
    prior: Tensor | None = None,
    client_state: Mapping[str, Tensor] | None = None,
    deadline: Deadline | None = None,
) -> tuple[ChainState, Mapping[str, Tensor], VisitReport]:
    """Train the model of ``state`` on ``data``; return the new state, what the client keeps, and a report.

    The report names the client and pass of ``visit``, 0 if it is not given. ``seed`` fixes batch order, fresh copies
    and dropout. Raises :class:`VisitError` if the time is up or the result is not finite.
    """
    began = deadline.clock() if deadline is not None else 0.0
    seed_dropout(seed, model.device)
    order = torch.Generator().manual_seed(seed)
    model.write(state.params, state.counters)
    if not model.module.training:
        model.module.train()
    weights, step_along = model.weights, _stepper(model, rule, training)
    context = VisitContext(
        start=state.params[: len(weights)],
        shared=state.extras,
        client=client_state or {},
        log_prior=None if prior is None else prior.log(),
        lr=training.lr,
        histogram=None if data.histogram is None else data.histogram.to(model.device),
    )
    steps, total = 0, torch.zeros((), device=model.device)
    for _ in range(training.epochs):
        x, y = data.epoch(order)
        x, y = model.laid_out(x.to(model.device)), y.to(model.device)
        for start, stop in batches(len(y), training.batch_size, merge_single=model.has_batch_norm):
            if deadline is not None and deadline.seconds is not None and deadline.clock() - began > deadline.seconds:
                raise VisitError(f"not done within {deadline.seconds:g} s")
            loss = rule.objective(model.outputs(x[start:stop]), y[start:stop], replace(context, step=steps))
            step_along(model.gradients(loss), context)
            steps += 1
            total += loss.detach() * (stop - start)
    samples = len(data) * training.epochs
    params, counters = model.release()
    if not model.finite(params):
        raise VisitError("the model became NaN or infinite")
    extras, kept = rule.finish(params[: len(weights)], steps, context)
    loss_mean = float(total) / samples if samples else math.nan
    client, pass_ = (0, 0) if visit is None else (visit.client, visit.pass_)
    report = VisitReport(client, pass_, samples, steps, loss_mean)
    return ChainState(params, counters, extras, state.examples, state.steps + steps), kept, report


def _stepper(
    model: VectorModel, rule: LocalRule, training: LocalTraining
) -> Callable[[list[Tensor], VisitContext], None]:
    """Return what takes a step along the gradients by the model's parts."""
    if type(rule).gradient is LocalRule.gradient and training.clip_norm is None and elementwise(training):
        parts = [(part.detach(), make_optimizer(training)) for part in model.parts]

        def by_parts(gradients: list[Tensor], context: VisitContext) -> None:
            for (part, optimizer), gradient in zip(parts, gradients, strict=True):
                optimizer.step(part, gradient)

        return by_parts
    weights, optimizer = model.weights, make_optimizer(training)

    def as_vector(gradients: list[Tensor], context: VisitContext) -> None:
        gradient = rule.gradient(torch.cat([part.reshape(-1) for part in gradients]), weights, context)
        if training.clip_norm is not None:
            gradient = clipped(gradient, training.clip_norm)
        optimizer.step(weights, gradient)

    return as_vector


def run_chain(
    plan: RoundPlan,
    chain: Chain,
    model: VectorModel,
    rule: LocalRule,
    clients: Sequence[ClientData] | Mapping[int, ClientData],
    deadline: Deadline | None = None,
) -> ChainResult:
    """Walk one model along ``chain``: each visit trains what the one before it left.

    A visit that fails is skipped and reported, and the chain goes on from its last good model. A client's
    samples count once towards the chain's weight, however often it is visited.
    """
    state, reports = plan.start, []
    states: dict[int, Mapping[str, Tensor]] = {}
    counted: set[int] = set()
    for visit in chain.visits:
        client, kept_before = visit.client, states.get(visit.client, plan.client_states.get(visit.client))
        try:
            data = clients[client]
            state, kept, report = train_visit(
                model,
                data,
                rule,
                plan.training,
                state,
                seed=visit_seed(plan, visit),
                visit=visit,
                prior=plan.prior,
                client_state=kept_before,
                deadline=deadline,
            )
        except Exception as error:  # whatever went wrong at one client must not end the others' work
            reports.append(VisitReport(client, visit.pass_, skipped=failure(error)))
            continue
        reports.append(report)
        if kept:
            states[client] = kept
        if client not in counted:
            counted.add(client)
            state = replace(state, examples=state.examples + len(data))
    return ChainResult(chain, state, tuple(reports), states)


def visit_seed(plan: RoundPlan, visit: Visit) -> int:
    """Return the seed of a visit's random stream."""
    return torch_seed(plan.seed, Purpose.TRAINING, plan.round, visit.client, visit.pass_)


def failure(error: Exception) -> str:
    """Return the reason in the report of a visit that ``error`` ended."""
    text = " ".join(str(error).split())
    return text if isinstance(error, VisitError) else f"{type(error).__name__}: {text}"[:300]


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
