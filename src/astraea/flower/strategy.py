"""Astraea as a strategy of Flower's: mediators, rebalancing and rare-first participation from one import.

A round is planned and added up by the code that plans and adds up a local round. Flower's nodes talk to the
server only, so chains are walked in exchanges, all but the last of which happen while the round is configured. That
last one goes through Flower's own loop, and ``aggregate_train`` is Flower's own.
"""

from __future__ import annotations

import dataclasses
import inspect
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAvg, Result

from astraea.balance.settings import BalanceSettings
from astraea.errors import InputError, RunError, unknown_name
from astraea.federation.algorithms import Algorithm, State, View
from astraea.federation.loop import Budget, RoundMetrics, Run
from astraea.federation.plan import Visit
from astraea.federation.settings import TrainingSettings
from astraea.federation.training import VisitError
from astraea.flower.arrays import Layout
from astraea.flower.checkpoint import StrategyCheckpoint
from astraea.flower.client_registry import ClientRegistry
from astraea.flower.exchange_rounds import ExchangeRounds
from astraea.flower.messages import DATA_CHANGED, KEY, Instructions, remarks
from astraea.flower.options import Options
from astraea.flower.privacy import refuse_false_privacy, wrapper_of
from astraea.seeding import Purpose, stream

__all__ = ["AstraeaStrategy"]

_log = logging.getLogger("flwr")
_POLL = 1.0  # seconds between two looks at who is connected


class AstraeaStrategy(FedAvg):
    """Self-balancing federated learning for a Flower ServerApp.

    ``algorithm``, ``balance`` and ``train`` are sections of :class:`~astraea.experiment.settings.RunSettings`, as
    settings or as keyword arguments: ``algorithm={"capacity": 5, "mediator_epochs": 2}``,
    ``balance={"rebalancing": "none"}``, ``train={"lr": 0.01, "loss": "cross-entropy"}``. Unless ``algorithm`` says
    how many ``clients_per_round``, Flower's ``fraction_train`` and ``min_train_nodes`` do. ``train`` reaches
    clients made by :func:`~astraea.flower.client_app`; a ClientApp of the user's own trains as it likes.

    With ``checkpoint``, a folder, every ``checkpoint_every``-th round is stored there, and :meth:`start` goes on
    after the last one that is. ``min_available_nodes`` are waited for before the first round, and
    ``min_train_nodes`` before any other, so that a run goes on without nodes that died; ``patience`` is how many
    seconds to wait. Everything in ``flower`` goes to Flower's FedAvg.

    Raises :class:`InputError` for settings that cannot be used.
    """

    train_metrics_aggr_fn: Callable[[list[RecordDict], str], MetricRecord]

    def __init__(
        self,
        *,
        algorithm: str | Algorithm | Mapping[str, Any] | None = None,
        balance: BalanceSettings | Mapping[str, Any] | None = None,
        train: TrainingSettings | Mapping[str, Any] | None = None,
        seed: int = 0,
        checkpoint: Path | str | None = None,
        checkpoint_every: int = 1,
        patience: float = 600.0,
        **flower: Any,
    ) -> None:
        known = list(inspect.signature(FedAvg.__init__).parameters)[1:]
        for name in flower:
            if name not in known:
                own = list(inspect.signature(AstraeaStrategy.__init__).parameters)[1:-1]
                raise unknown_name("strategy option", name, [*own, *known])
        super().__init__(**flower)
        self.options = options = Options.of(algorithm, balance, train, seed)
        self.patience, self._every = patience, checkpoint_every
        self._registry = ClientRegistry(options.copying, seed, self.configrecord_key, ask=options.reads_histograms)
        same = options.as_json() | {"fraction_train": self.fraction_train}
        self._checkpoint = None if checkpoint is None else StrategyCheckpoint(Path(checkpoint), same)
        self._layout: Layout | None = None
        self._exchanges: ExchangeRounds | None = None
        self._only_last = False
        self._away: list[int] = []  # clients that were not connected when the round was planned
        self._visits: list[RecordDict] = []
        self._run: Run | None = None
        self._budget: Budget | None = None  # known once start() is called, which a wrapper's start() does not do
        self._done = 0  # rounds of earlier processes, which Flower's loop does not count
        self._timeout = 3600.0
        self._average = self.train_metrics_aggr_fn
        self.train_metrics_aggr_fn = self._train_metrics

    @property
    def run(self) -> Run:
        """The run so far: state, totals, and a line of metrics a round, as in ``metrics.jsonl``.

        Raises :class:`RunError` before the first round.
        """
        if self._run is None:
            raise RunError("the strategy has not been started yet")
        return self._run

    def summary(self) -> None:
        """Log the settings."""
        _log.info("\t├──> Algorithm: %s", self.options.algorithm)
        _log.info("\t├──> Rebalancing: %s", self.options.balance.rebalancing)
        super().summary()

    def start(
        self,
        grid: Grid,
        initial_arrays: ArrayRecord,
        num_rounds: int = 3,
        timeout: float = 3600,
        train_config: ConfigRecord | None = None,
        evaluate_config: ConfigRecord | None = None,
        evaluate_fn: Callable[[int, ArrayRecord], MetricRecord | None] | None = None,
    ) -> Result:
        """Run Flower's loop up to round ``num_rounds``, from where the checkpoint stands.

        ``timeout``, in seconds, is that of every exchange: a round has as many as its longest chain has visits. The
        result holds the metrics of all rounds, those of earlier processes included. Raises :class:`RunError` if
        every visit of a round fails, if too few nodes connect, or if the checkpoint is of another run.
        """
        self._layout, self._timeout, self._budget = Layout.of(initial_arrays), timeout, Budget(num_rounds)
        stored = None if self._checkpoint is None else self._checkpoint.load(self._registry)
        params, counters = self._layout.vectors(initial_arrays)
        self._run = stored or Run(State(0, params, counters))
        state = self._run.state
        if (len(state.params), len(state.counters)) != (len(params), len(counters)):
            raise RunError("the checkpoint holds another model: give checkpoint= another folder")
        self._done = state.round
        if stored is not None:
            _log.info("Resuming after round %d", self._done)
        result = super().start(
            grid,
            self._layout.record(state.params, state.counters),
            max(0, num_rounds - self._done),
            timeout,
            train_config,
            evaluate_config,
            lambda round_, arrays: self._after_round(round_, arrays, evaluate_fn),
        )
        return self._whole(result)

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Plan the round, walk all chains up to their last visits, and return the messages of those.

        Raises :class:`InputError` within a wrapper whose privacy guarantee would not hold.
        """
        if self.fraction_train == 0.0:
            return []
        wrapper = wrapper_of(self)
        if wrapper is not None:
            refuse_false_privacy(wrapper, reads_histograms=self.options.reads_histograms, longest=1)
            if self._checkpoint is not None:
                raise InputError(
                    f"checkpoint= does not work within {type(wrapper).__name__}, whose own loop begins at round 1: "
                    "leave it out"
                )
        self._wait_for(grid, "min_available_nodes" if server_round == 1 else "min_train_nodes")
        self._registry.refresh(grid, self._timeout)
        self._layout = self._layout or Layout.of(arrays)
        round_ = self._done + server_round - 1
        params, counters = self._layout.vectors(arrays)  # which a wrapper may have changed since the last round
        run = self._run = self._run or Run(State(round_, params, counters))
        run.state = replace(run.state, round=round_, params=params, counters=counters)
        histograms = self._registry.histograms
        view = View(
            histograms=histograms,
            available=self._registry.available(grid),
            progress=0.0 if self._budget is None else self._budget.progress(round_, run.totals),
            seed=self.options.seed,
        )
        self._away = np.flatnonzero(~view.available).tolist()
        plan = self._algorithm().plan(run.state, view, stream(self.options.seed, Purpose.PARTICIPATION, round_))
        if wrapper is not None:
            refuse_false_privacy(
                wrapper,
                reads_histograms=self.options.reads_histograms,
                longest=max(len(chain.visits) for chain in plan.chains),
            )
        config["server-round"] = self._done + server_round
        prior = None if plan.prior is None else tuple(plan.prior.tolist())

        def content(visit: Visit, arrays: ArrayRecord) -> RecordDict:
            told = Instructions(
                seed=self.options.seed,
                round=round_,
                client=visit.client,
                pass_=visit.pass_,
                progress=view.progress,
                epochs=self.options.algorithm.local_epochs,
                samples=int(histograms.sum()),
                train=self.options.train,
                prior=prior,
                copying=self._registry.copying if self._registry.clients[visit.client].augments else None,
            )
            own = ConfigRecord({**config, KEY: told.model_dump_json()})
            return RecordDict({self.arrayrecord_key: arrays, self.configrecord_key: own})

        self._exchanges = ExchangeRounds(
            plan, self._layout, self.weighted_by_key, self._registry.node, content, self._check
        )
        self._only_last = wrapper is not None  # what did not pass through the wrapper's clipping may not count
        for number in range(self._exchanges.count - 1):
            self._exchanges.take(
                grid.send_and_receive(self._exchanges.messages(number, self._timeout), timeout=self._timeout)
            )
        return self._exchanges.messages(self._exchanges.count - 1, self._timeout)

    def _check_and_log_replies(
        self, replies: Iterable[Message], is_train: bool, validate: bool = True
    ) -> tuple[list[Message], list[Message]]:
        """Return, for training, one reply: the average of all chains, which Flower's average then leaves as it is.

        So the last visits' replies are judged like all others, a chain whose last visit failed still counts, and
        the sum is that of the local loop, to the bit.
        """
        if not is_train:
            return super()._check_and_log_replies(replies, is_train, validate)
        exchanges, self._exchanges = self._exchanges, None
        if exchanges is None:
            return [], []
        replies = list(replies)
        exchanges.take(replies)
        run, algorithm, counted = self.run, self._algorithm(), RoundMetrics(exchanges.plan)
        total = algorithm.zero(exchanges.plan)
        for result in exchanges.results(only_last=self._only_last):
            total = algorithm.add(total, result)
            counted.add(result)
        counted.check()
        run.state = algorithm.finish(run.state, total)
        run.totals = counted.added_to(run.totals)
        line = counted.metrics(self._registry.histograms) | dataclasses.asdict(run.totals)
        run.history.append(line | ({"away": self._away} if self._away else {}))
        self._visits = exchanges.metrics()
        assert self._layout is not None
        average = RecordDict(
            {
                self.arrayrecord_key: self._layout.record(run.state.params, run.state.counters),
                "metrics": MetricRecord({self.weighted_by_key: max(total.examples, 1)}),
            }
        )
        return [Message(average, dst_node_id=1, message_type="train")], []

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Return the messages of the round's evaluation; none if fewer nodes are there than it needs."""
        connected = len(list(grid.get_node_ids()))
        needed = max(self.min_available_nodes, self.min_evaluate_nodes, int(connected * self.fraction_evaluate))
        if self.fraction_evaluate and connected < needed:
            _log.warning("no evaluation by clients: %d nodes are connected, it needs %d", connected, needed)
            return []
        return super().configure_evaluate(self._done + server_round, arrays, config, grid)

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]) -> MetricRecord | None:
        """Return Flower's average of the clients' evaluations."""
        metrics = super().aggregate_evaluate(server_round, replies)
        if metrics is not None and self._run is not None and self._run.history:
            self._run.history[-1]["flower_evaluate"] = dict(metrics)
        return metrics

    def _train_metrics(self, contents: list[RecordDict], key: str) -> MetricRecord:
        metrics = self._average(self._visits, key)
        self.run.history[-1]["flower_train"] = dict(metrics)
        return metrics

    def _after_round(
        self,
        server_round: int,
        arrays: ArrayRecord,
        evaluate_fn: Callable[[int, ArrayRecord], MetricRecord | None] | None,
    ) -> MetricRecord | None:
        run, round_ = self.run, self._done + server_round
        if server_round == 0 and self._done:
            return None  # measured by the process that finished this round
        metrics = None if evaluate_fn is None else evaluate_fn(round_, self._arrays())
        if server_round:
            if metrics is not None:
                run.history[-1]["flower_server"] = dict(metrics)
            if self._checkpoint is not None and (round_ % self._every == 0 or self._last(round_)):
                self._checkpoint.save(run, self._registry)
        return metrics

    def _last(self, round_: int) -> bool:
        return self._budget is not None and round_ >= self._budget.rounds

    def _arrays(self) -> ArrayRecord:
        assert self._layout is not None
        return self._layout.record(self.run.state.params, self.run.state.counters)

    def _whole(self, result: Result) -> Result:
        """Return ``result`` with the rounds of earlier processes, and this one's under their right numbers."""
        result.arrays = self._arrays()
        before = {} if self._done else {0: result.evaluate_metrics_serverapp.get(0)}

        def told(name: str) -> dict[int, MetricRecord]:
            return {line["round"]: MetricRecord(line[name]) for line in self.run.history if name in line}

        result.train_metrics_clientapp = told("flower_train")
        result.evaluate_metrics_clientapp = told("flower_evaluate")
        first = {round_: metrics for round_, metrics in before.items() if metrics is not None}
        result.evaluate_metrics_serverapp = first | told("flower_server")
        return result

    def _check(self, client: int, examples: float, reply: Message) -> None:
        if bool(remarks(reply).get(DATA_CHANGED, False)):
            self._registry.ask_again(client)
        elif self.options.reads_histograms and not self._registry.fits(client, examples):
            self._registry.ask_again(client)
            raise VisitError(
                f"it trained on {examples:g} samples, which contradicts its label histogram of "
                f"{self._registry.clients[client].trained.sum()}: it is asked for that again"
            )

    def _wait_for(self, grid: Grid, setting: str) -> None:
        needed, deadline = getattr(self, setting), time.monotonic() + self.patience
        while (connected := len(list(grid.get_node_ids()))) < needed:
            if time.monotonic() > deadline:
                raise RunError(
                    f"{connected} nodes are connected after {self.patience:g} s, {setting} asks for {needed}: "
                    "start more SuperNodes, or lower it"
                )
            _log.info("Waiting for nodes: %d of %d are connected", connected, needed)
            time.sleep(_POLL)

    def _algorithm(self) -> Algorithm:
        return self.options.make_algorithm(
            max(int(len(self._registry.clients) * self.fraction_train), self.min_train_nodes, 1)
        )
