"""One visit of many chains at once: their models are the rows of a matrix, and a step is taken by all of them.

Rows are ordered such that those whose clients hold most come first; as clients run out of batches, the rows at
the end drop out. Where the batches of a step differ in size, they are padded and the padding is left out of
the loss; where that would change the result (BatchNorm, a loss that is no mean over samples), rows of equal
batches go together instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from astraea.federation.clients import ClientData
from astraea.federation.optimizers import make_optimizer
from astraea.federation.plan import LocalTraining
from astraea.federation.rule import LocalRule, VisitContext
from astraea.federation.training import batches, clipped
from astraea.federation.vector import VectorModel
from astraea.federation.walk import Trained

__all__ = ["Row", "gradients", "separable", "train_rows"]


@dataclass
class Row:
    """One chain's visit: where it begins, what it trains on, and what comes out (from ``params`` on)."""

    data: ClientData
    order: torch.Generator
    start: Tensor
    counters: Tensor
    shared: Mapping[str, Tensor]
    client: Mapping[str, Tensor]
    params: Tensor | None = None
    steps: int = 0
    loss: float = float("nan")
    late: bool = False

    def context(self, weights: int, log_prior: Tensor | None, lr: float, step: int = 0) -> VisitContext:
        """Return what the rule may look at."""
        histogram = None if self.data.histogram is None else self.data.histogram.to(self.start.device)
        return VisitContext(self.start[:weights], self.shared, self.client, log_prior, lr, histogram, step)

    def trained(self, rule: LocalRule, training: LocalTraining, weights: int, log_prior: Tensor | None) -> Trained:
        """Return what the visit gives back, once the row is trained."""
        assert self.params is not None
        context = self.context(weights, log_prior, training.lr, self.steps)
        extras, kept = rule.finish(self.params[:weights], self.steps, context)
        held = len(self.data)
        return Trained(self.params, self.counters, extras, kept, held, held * training.epochs, self.steps, self.loss)

    def batches(self, training: LocalTraining, *, merge_single: bool) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the visit's batches, those of an epoch drawn when it begins."""
        for _ in range(training.epochs):
            x, y = self.data.epoch(self.order)
            for start, stop in batches(len(y), training.batch_size, merge_single=merge_single):
                yield x[start:stop], y[start:stop]


def separable(rule: LocalRule, context: VisitContext, classes: int, like: Tensor | None = None) -> bool:
    """Whether the rule's objective is the mean of those of single samples, so that padding can be left out.

    ``like`` are targets as they come: numbers to be predicted, several labels a sample, or else classes.
    """
    generator = torch.Generator().manual_seed(0)
    outputs = classes if like is None or not like.is_floating_point() else like.shape[1] if like.ndim == 2 else 1
    logits = torch.randn(3, outputs, generator=generator).to(context.start.device)
    targets = torch.tensor([0, classes - 1, classes // 2], device=logits.device)
    if like is not None and like.is_floating_point():
        targets = (torch.arange(3 * outputs).reshape(3, *like.shape[1:]) % 2).to(like)
    whole = rule.objective(logits, targets, context)
    single = [rule.objective(logits[n : n + 1], targets[n : n + 1], context) for n in range(3)]
    return bool(torch.isclose(whole, torch.stack(single).mean(), rtol=1e-4, atol=1e-6))


def train_rows(
    model: VectorModel,
    rows: Sequence[Row],
    rule: LocalRule,
    training: LocalTraining,
    log_prior: Tensor | None,
    classes: int | None,
    *,
    precision: Callable[[], AbstractContextManager[Any]],
    late: Callable[[], bool],
) -> None:
    """Train every row's model on its client's data, writing the outcome into the rows.

    ``late()`` is asked before each step; once it is true, rows that are not done stay so and are marked late.
    """
    W = len(model.weights)
    merge = model.has_batch_norm
    order = sorted(rows, key=lambda row: -len(row.data))  # more samples, as many batches or more
    sources = [row.batches(training, merge_single=merge) for row in order]
    stack = torch.stack([row.start for row in order])
    weights, floats = stack[:, :W].clone(), stack[:, W:].clone()
    counters = torch.stack([row.counters for row in order])
    losses = torch.zeros(len(order), device=weights.device)
    like, first = order[0].data.targets, order[0].context(W, log_prior, training.lr)
    pads = classes is not None and not merge and separable(rule, first, classes, like)
    optimizer = make_optimizer(training)
    active, step = len(order), 0
    while True:
        drawn = [batch for source in sources[:active] if (batch := next(source, None)) is not None]
        if not drawn:
            break
        if late():
            for row in order[:active]:
                row.late = True
            break
        if len(drawn) < active:
            active = len(drawn)
            optimizer.keep(active)
        gradient = torch.empty_like(weights[:active])
        for places in _groups(order[:active], drawn, pads):
            whole = len(places) == active
            here = slice(active) if whole else torch.tensor(places, device=weights.device)
            group = [drawn[place] for place in places]
            contexts = [order[place].context(W, log_prior, training.lr, step) for place in places]
            with precision():
                found, loss, after = gradients(
                    model, weights[here], floats[here], counters[here], group, rule, contexts
                )
            gradient[here], (floats[here], counters[here]) = found, after
            sizes = torch.tensor([len(y) for _, y in group], device=losses.device)
            losses[here] += loss * sizes
        if training.clip_norm is not None:
            gradient = clipped(gradient, training.clip_norm)
        optimizer.step(weights[:active], gradient)
        step += 1
        for row in order[:active]:
            row.steps = step
    params = torch.cat((weights, floats), dim=1)
    for place, (row, total) in enumerate(zip(order, losses.tolist(), strict=True)):
        row.params, row.counters = params[place], counters[place]
        if training.epochs:
            row.loss = total / (len(row.data) * training.epochs)


def gradients(
    model: VectorModel,
    weights: Tensor,
    floats: Tensor,
    counters: Tensor,
    batch: Sequence[tuple[Tensor, Tensor]],
    rule: LocalRule,
    contexts: Sequence[VisitContext],
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Return the gradients ``(M, W)`` along which the rule steps, the losses ``(M,)``, and the buffers after.

    ``weights`` ``(M, W)``, ``floats`` ``(M, P - W)`` and ``counters`` ``(M, Q)`` are models, a row each;
    ``batch`` holds a pair of samples and labels for each, ``contexts`` what the rule may look at.
    """
    x, y, mask = _padded(batch)
    start, shared, client, histogram = _stacked(contexts)
    common = contexts[0]

    def context(start: Tensor, shared: Any, client: Any, histogram: Tensor | None) -> VisitContext:
        return VisitContext(start, shared, client, common.log_prior, common.lr, histogram, common.step)

    def forward(weights: Tensor, floats: Tensor, counters: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        buffers = model.named_buffers(floats, counters)
        parts = {**model.named(weights), **buffers}
        logits = functional_call(model.module, parts, (x,))
        return logits, *model.joined({name: parts[name] for name in buffers}, weights)

    def objective(logits: Tensor, y: Tensor, mask: Tensor | None, *seen: Any) -> Tensor:
        if mask is None:
            return rule.objective(logits, y, context(*seen))
        single = vmap(lambda one, label: rule.objective(one[None], label[None], context(*seen)))(logits, y)
        return (single * mask).sum() / mask.sum()

    seen = (start, shared, client, histogram)
    over = (0, 0, 0, None if histogram is None else 0)
    leaf = weights.detach().requires_grad_()
    logits, *after = vmap(forward, randomness="different")(leaf, floats, counters, x)
    logits = logits.to(leaf.dtype)  # losses are never computed in bfloat16
    loss = vmap(objective, in_dims=(0, 0, None if mask is None else 0, *over))(logits, y, mask, *seen)
    (gradient,) = torch.autograd.grad(loss.sum(), leaf)
    if type(rule).gradient is not LocalRule.gradient:

        def change(gradient: Tensor, weights: Tensor, *seen: Any) -> Tensor:
            return rule.gradient(gradient, weights, context(*seen))

        gradient = vmap(change, in_dims=(0, 0, *over))(gradient, weights, *seen)
    return gradient, loss.detach(), (after[0].detach(), after[1])


def _groups(rows: Sequence[Row], drawn: Sequence[tuple[Tensor, Tensor]], pads: bool) -> list[list[int]]:
    """Return which rows take the step together: batches of one size, unless padded, and states of one kind."""
    groups: dict[Any, list[int]] = {}
    for place, (row, (_, y)) in enumerate(zip(rows, drawn, strict=True)):
        kind = (None if pads else len(y), frozenset(row.client), row.data.histogram is None)
        groups.setdefault(kind, []).append(place)
    return list(groups.values())


def _padded(batch: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor | None]:
    sizes = [len(y) for _, y in batch]
    if min(sizes) == max(sizes):
        return torch.stack([x for x, _ in batch]), torch.stack([y for _, y in batch]), None
    pad = torch.nn.utils.rnn.pad_sequence
    x, y = pad([x for x, _ in batch], batch_first=True), pad([y for _, y in batch], batch_first=True)
    mask = torch.arange(max(sizes), device=x.device) < torch.tensor(sizes, device=x.device)[:, None]
    return x, y, mask.to(x.dtype)


def _stacked(contexts: Sequence[VisitContext]) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor], Tensor | None]:
    def stacked(values: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        return {name: torch.stack([value[name] for value in values]) for name in values[0]}

    histograms = [context.histogram for context in contexts if context.histogram is not None]
    return (
        torch.stack([context.start for context in contexts]),
        stacked([context.shared for context in contexts]),
        stacked([context.client for context in contexts]),
        torch.stack(histograms) if histograms else None,
    )
