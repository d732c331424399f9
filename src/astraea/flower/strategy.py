"""Astraea as a strategy of Flower's: mediators, rebalancing and rare-first participation from one import.

A round is planned and added up by the code that plans and adds up a local round. Flower's nodes talk to the
server only, so chains are walked in exchanges, all but the last of which happen while the round is configured. That
last one goes through Flower's own loop, and ``aggregate_train`` ends the round. What it returns is the next model, also
where a subclass overrides it.

The file is long because Flower asks one class for all moments of a round; what can stand alone has a file beside it.
"""

from __future__ import annotations

import inspect
import logging
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
from astraea.federation.loop import Budget, Run
from astraea.federation.plan import Visit
from astraea.federation.round import Round, RoundMetrics
from astraea.federation.settings import TrainingSettings
from astraea.federation.walk import VisitError, finite
from astraea.flower.arrays import Layout
from astraea.flower.checkpoint import StrategyCheckpoint
from astraea.flower.client_registry import ClientRegistry, wait_for_nodes
from astraea.flower.exchange_rounds import ExchangeRounds
from astraea.flower.messages import DATA_CHANGED, KEY, Instructions, remarks
from astraea.flower.options import Options
from astraea.flower.privacy import refuse_false_privacy, wrapper_of
from astraea.seeding import Purpose, stream

__all__ = ["AstraeaStrategy"]

_log = logging.getLogger("flwr")


class AstraeaStrategy(FedAvg):
    """Self-balancing federated learning for a Flower ServerApp.

    ``algorithm``, ``balance`` and ``train`` are sections of :class:`~astraea.experiment.settings.RunSettings`, as
    settings or as keyword arguments: ``algorithm={"capacity": 5, "mediator_epochs": 2}``,
    ``balance={"rebalancing": "none"}``, ``train={"lr": 0.01, "loss": "cross-entropy"}``. Unless ``algorithm`` says
    how many ``clients_per_round``, Flower's ``fraction_train`` and ``min_train_nodes`` do. ``train`` reaches
    clients made by :func:`~astraea.flower.client_app`; a ClientApp of the user's own trains as it likes.

    With ``checkpoint``, a folder, every ``checkpoint_every``-th round is stored there, and :meth:`start` goes on
    after the last one that is. More rounds than it was begun with need ``prolong`` where the learning rate depends on
    how many there are; rounds that are done keep theirs. ``min_available_nodes`` are waited for before the first
    round, and ``min_train_nodes`` before any other, so that a run goes on without nodes that died; ``patience`` is
    how many seconds to wait. Everything in ``flower`` goes to Flower's FedAvg.

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
        prolong: bool = False,
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
        self.patience, self._every, self._prolong = patience, checkpoint_every, prolong
        self._registry = ClientRegistry(options.copying, seed, self.configrecord_key, ask=options.reads_histograms)
        same = options.as_json() | {"fraction_train": self.fraction_train}
        self._checkpoint = None if checkpoint is None else StrategyCheckpoint(Path(checkpoint), same)
        self._layout: Layout | None = None
        self._exchanges: ExchangeRounds | None = None
        self._only_last = False
        self._away: list[int] = []  # clients that were not connected when the round was planned
        self._run: Run | None = None
        self._budget: Budget | None = None  # known once start() is called, which a wrapper's start() does not do
        self._done = 0  # rounds of earlier processes, which Flower's loop does not count
        self._timeout = 3600.0

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
        self._run = None
        first = self._take_over(initial_arrays, 0)
        if stored is not None:
            self._budget = stored.goes_on(num_rounds, self._layout, self.options, prolong=self._prolong)
        self._run = first if stored is None else stored.run
        state = self._run.state
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
        setting = "min_available_nodes" if server_round == 1 else "min_train_nodes"
        wait_for_nodes(grid, getattr(self, setting), setting, self.patience)
        self._registry.refresh(grid, self._timeout)
        self._layout = self._layout or Layout.of(arrays)
        round_ = self._done + server_round - 1
        run = self._take_over(arrays, round_)
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
        known = self.options.reads_histograms  # else nobody was asked for its counts
        prior = tuple(plan.prior.tolist()) if known and plan.prior is not None else None

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

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Return the next model and Flower's average of the clients' metrics, from the last visits' ``replies``.

        All replies are judged alike, a chain whose last visit failed still counts, and the sum is that of the local
        loop, to the bit. Raises :class:`RunError` if every visit of the round failed.
        """
        if self._exchanges is None:
            return None, None
        replies = list(replies)
        failures = sum(reply.has_error() for reply in replies)
        _log.info("aggregate_train: Received %d results and %d failures", len(replies) - failures, failures)
        self._exchanges.take(replies)
        visits = self._exchanges.metrics()
        self._end_round()
        metrics = self.train_metrics_aggr_fn(visits, self.weighted_by_key) if visits else None
        if metrics is not None:
            self.run.history[-1]["flower_train"] = dict(metrics)
        return self._arrays(), metrics

    def _end_round(self) -> None:
        """Add up and count what the exchanges of this round gave."""
        assert self._exchanges is not None
        exchanges, self._exchanges = self._exchanges, None
        round_ = Round(self._algorithm(), exchanges.plan)
        for result in exchanges.results(only_last=self._only_last):
            round_.add(result)
        run = self.run
        run.state, run.totals, line = round_.finish(run.state, run.totals, self._registry.histograms)
        run.history.append(line | ({"away": self._away} if self._away else {}))

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

    def _after_round(
        self,
        server_round: int,
        arrays: ArrayRecord,
        evaluate_fn: Callable[[int, ArrayRecord], MetricRecord | None] | None,
    ) -> MetricRecord | None:
        run, round_ = self.run, self._done + server_round
        if server_round == 0 and self._done:
            return None  # measured by the process that finished this round
        if server_round:
            self._take_over(arrays, round_)
        metrics = None if evaluate_fn is None else evaluate_fn(round_, arrays)
        if server_round:
            if metrics is not None:
                run.history[-1]["flower_server"] = dict(metrics)
            if self._checkpoint is not None and (round_ % self._every == 0 or self._last(round_)):
                assert self._budget is not None
                assert self._layout is not None
                self._checkpoint.save(run, self._registry, self._budget, self._layout)
        return metrics

    def _take_over(self, arrays: ArrayRecord, round_: int) -> Run:
        """Let ``arrays`` be the model after ``round_`` rounds: a wrapper or a subclass may have made another of ours.

        Raises :class:`RunError` if that cannot be.
        """
        assert self._layout is not None
        try:
            params, counters = self._layout.vectors(arrays)
        except VisitError as error:
            raise RunError(f"the model after {round_} rounds cannot be used: {error}") from error
        if not finite(params):
            raise RunError(f"the model after {round_} rounds holds NaN or infinite numbers: begin with another")
        run = self._run = self._run or Run(State(round_, params, counters))
        if self._exchanges is not None:
            self._count_without_last(self._exchanges)
        run.state = replace(run.state, round=round_, params=params, counters=counters)
        return run

    def _count_without_last(self, exchanges: ExchangeRounds) -> None:
        """Count a round whose replies went to an ``aggregate_train`` that did not ask for ours."""
        self._exchanges, counted = None, RoundMetrics(exchanges.plan)
        for result in exchanges.results():
            counted.add(result)
        self.run.totals, line = counted.counted(self.run.totals, self._registry.histograms)
        self.run.history.append(line)
        _log.warning(
            "round %d: %s.aggregate_train did without AstraeaStrategy's: samples and steps of the last visits are not "
            "counted",
            exchanges.plan.round + 1,
            type(self).__name__,
        )

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

        def own(metrics: Mapping[int, MetricRecord]) -> dict[int, MetricRecord]:
            return {self._done + round_: found for round_, found in metrics.items()}

        result.train_metrics_clientapp = told("flower_train") | own(result.train_metrics_clientapp)
        result.evaluate_metrics_clientapp = told("flower_evaluate") | own(result.evaluate_metrics_clientapp)
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

    def _algorithm(self) -> Algorithm:
        return self.options.make_algorithm(
            max(int(len(self._registry.clients) * self.fraction_train), self.min_train_nodes, 1)
        )
