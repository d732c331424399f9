"""A plan over a grid: one visit of every chain is one exchange of messages, and ``group_id`` names the mediator.

Flower's nodes talk to the server only, so a mediator is a role here: it keeps its chain's last good model and
hands it on. Chains of unequal length are aligned at their ends, so that the last exchange has all of them.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict

from astraea.federation.plan import ChainResult, RoundPlan, Visit
from astraea.federation.walk import Trained, VisitError, Walk
from astraea.flower.arrays import Layout
from astraea.flower.messages import MOST, remarks

__all__ = ["ExchangeRounds"]

_log = logging.getLogger("flwr")


class ExchangeRounds:
    """Walks the chains of ``plan``.

    ``node(client)`` is where a client lives, ``content(visit, arrays)`` what it is sent, ``check(client, examples,
    reply)`` raises :class:`VisitError` if its number of examples cannot be right. ``weight`` names that number in
    a reply's metrics.
    """

    def __init__(
        self,
        plan: RoundPlan,
        layout: Layout,
        weight: str,
        node: Callable[[int], int],
        content: Callable[[Visit, ArrayRecord], RecordDict],
        check: Callable[[int, float, Message], None],
    ) -> None:
        self.plan, self._layout, self._weight = plan, layout, weight
        self._node, self._content, self._check = node, content, check
        self.count = max(len(chain.visits) for chain in plan.chains)
        self._metrics: list[MetricRecord] = []
        self._walks = {chain.id: Walk(plan, chain) for chain in plan.chains}
        self._waiting: dict[int, Visit] = {}

    def messages(self, number: int, timeout: float) -> list[Message]:
        """Return the messages of exchange ``number``, from 0 to ``count`` - 1."""
        found = []
        for chain in self.plan.chains:
            place = number - (self.count - len(chain.visits))
            if place >= 0:
                visit, state = chain.visits[place], self._walks[chain.id].state
                self._waiting[chain.id] = visit
                content = self._content(visit, self._layout.record(state.params, state.counters))
                found.append(Message(content, self._node(visit.client), "train", group_id=str(chain.id), ttl=timeout))
        return found

    def take(self, replies: Iterable[Message]) -> None:
        """Hand on the models of an exchange's replies; a chain without a good one keeps the model it had."""
        by_chain = {reply.metadata.group_id: reply for reply in replies}
        for number, visit in sorted(self._waiting.items()):
            walk = self._walks[number]
            try:
                trained, metrics = self._read(walk, visit, by_chain.get(str(number)))
            except VisitError as error:
                walk.skip(visit, error)
            else:
                if walk.take(visit, trained):
                    self._metrics.append(metrics)
            skipped = walk.reports[-1].skipped
            if skipped is not None:
                _log.warning(
                    "round %d, mediator %d: client %d is skipped: %s",
                    self.plan.round + 1,
                    number,
                    visit.client,
                    skipped,
                )
        self._waiting = {}

    def results(self, *, only_last: bool = False) -> Iterator[ChainResult]:
        """Yield the result of each chain; with ``only_last`` a chain whose last visit failed counts as untrained."""
        for walk in self._walks.values():
            result = walk.result()
            failed = result.reports[-1].skipped if only_last else None
            if failed is not None:
                reports = tuple(report._replace(skipped=report.skipped or failed) for report in result.reports)
                result = replace(result, reports=reports)
            yield result

    def metrics(self) -> list[RecordDict]:
        """Return the metrics of each good reply, as far as all of them report the same: no others have an average."""
        kinds = [
            {(name, len(value) if isinstance(value, list) else None) for name, value in record.items()}
            for record in self._metrics
        ]
        shared = {name for name, _ in set.intersection(*kinds)} if kinds else set()
        unlike = sorted({name for kind in kinds for name, _ in kind} - shared)
        if unlike:
            _log.warning(
                "round %d: metric '%s' has no average, since not all clients report it alike",
                self.plan.round + 1,
                "', '".join(unlike),
            )
        return [
            RecordDict({"metrics": MetricRecord({name: record[name] for name in record if name in shared})})
            for record in self._metrics
        ]

    def _read(self, walk: Walk, visit: Visit, reply: Message | None) -> tuple[Trained, MetricRecord]:
        """Return what a reply gives, and its metrics. Raises :class:`VisitError` if it cannot be understood."""
        if reply is None:
            raise VisitError("it did not answer in time")
        if reply.has_error():
            raise VisitError(f"it answered with an error: {' '.join((reply.error.reason or '').split())[-500:]}")
        arrays, metrics = list(reply.content.array_records.values()), list(reply.content.metric_records.values())
        if len(arrays) != 1 or len(metrics) != 1:
            raise VisitError(
                f"its reply holds {len(arrays)} ArrayRecords and {len(metrics)} MetricRecords, not one of each"
            )
        examples = _examples(metrics[0], self._weight)
        params, counters = self._layout.vectors(arrays[0])
        self._check(visit.client, examples, reply)
        steps, loss = max(0, int(_number(remarks(reply), "steps", 0.0))), _number(metrics[0], "train_loss", math.nan)
        held, extras = int(examples), walk.state.extras  # extras travel between clients, and here only the model does
        trained = Trained(params, counters, extras, {}, held, held * self.plan.training.epochs, steps, loss)
        return trained, metrics[0]


def _examples(metrics: MetricRecord, weight: str) -> float:
    value = metrics.get(weight)
    if not isinstance(value, int | float) or not 1 <= value < MOST:
        raise VisitError(f"its metric '{weight}' is {value!r}, not a number of samples")
    return value


def _number(values: Mapping[str, object], name: str, otherwise: float) -> float:
    value = values.get(name)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else otherwise
