"""Astraea as a strategy of Flower's: mediators, rebalancing and rare-first participation from one import.

A round is planned and added up by the code that plans and adds up a local round. Its chains are walked while the round
is configured, each at its own pace; the last message of each goes through Flower's own way, and ``aggregate_train``
ends the round. What that returns is the next model, also where a subclass overrides it.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NoReturn

from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAvg, Result, Strategy

from astraea.balance.privacy import PrivacySettings
from astraea.balance.settings import BalanceSettings
from astraea.errors import InputError, RunError
from astraea.federation.algorithms import Algorithm
from astraea.federation.loop import Budget, Run
from astraea.federation.server import ServerSettings
from astraea.federation.settings import TrainingSettings
from astraea.flower.chain_walks import ChainWalks
from astraea.flower.checkpoint import StrategyCheckpoint
from astraea.flower.client_registry import ClientRegistry
from astraea.flower.options import Options, flower_options
from astraea.flower.planner import Keys, begin_round, draw_evaluators, plan_round, warn_of_standing_rate
from astraea.flower.post import PromptGrid
from astraea.flower.privacy import refuse_false_privacy, wrapper_of
from astraea.flower.questions import wait_for_nodes
from astraea.flower.replies import averageable
from astraea.flower.rounds import EvaluateFn, Exchange, evaluate, logged, train_round, warn_of_plain_average
from astraea.flower.run_record import Planned, RunRecord
from astraea.network.choice import NetworkSettings

__all__ = ["AstraeaStrategy"]

_log = logging.getLogger("flwr")

_ROUND = "server-round"  # where Flower's clients find the number of the round


class AstraeaStrategy(FedAvg):
    """Self-balancing federated learning for a Flower ServerApp.

    ``algorithm``, ``balance``, ``train`` and ``server`` are sections of
    :class:`~astraea.experiment.settings.RunSettings`, as settings or as keyword arguments. What Flower's FedAvg takes
    may be given as to FedAvg, by place or by name.

    Args:
        algorithm: Who trains, in which order: ``{"capacity": 5, "mediator_epochs": 2}``. Without ``clients_per_round``,
            Flower's ``fraction_train`` and ``min_train_nodes`` do; without ``capacity`` chains have up to five clients,
            and are at least two; without ``mediator_epochs`` they are passed once; without ``returns`` each gives the
            mean of the models after its visits. ``{"bits": 4}`` sends an eighth, to ClientApps with the mod
            :func:`~astraea.flower.few_bits`.
        balance: ``{"rebalancing": "none"}``. ``rebalancing = "auto"`` is mean-power for Astraea, none for FedAvg.
        train: ``{"lr": 0.01, "loss": "cross-entropy"}``. It reaches clients made by
            :func:`~astraea.flower.client_app`; a ClientApp of the user's own trains as it likes, and reads Flower's
            ``train_config``.
        server: What becomes of the average: ``{"optimizer": "adam"}`` for FedAdam, ``{"optimizer": "momentum"}`` for
            FedAvgM, not averaging or realignment. Chains come with ``balance={"most_samples": 3}`` and the defence
            ``direction``; ``{"defence": "finite"}`` does without.
        privacy: How clients tell their label histograms: ``{"histograms": "local-dp"}`` or ``"secure-sum"``.
        network: On which rounds are timed: ``"edge"``, or ``{"name": "own.toml", "congestion": "bbr"}``. It times what
            the messages of a round would have taken there; the run itself stays as it is.
        together: Clients that must be new, or have new data, before the class prior and the copies that clients are
            told follow their labels. With 1 they follow at once, and from the change others can tell a newcomer's.
        seed: Of every random decision. What clients are told does not give away one of 2^64 or more.
        checkpoint: Folder in which rounds are stored, for :meth:`start` to go on.
        checkpoint_every: Rounds between two checkpoints.
        prolong: Go on to more rounds than the run was begun with, where the learning rate depends on how many.
        patience: Seconds to wait for ``min_available_nodes`` before the first round, ``min_train_nodes`` before any.

    Raises :class:`InputError` for settings that cannot be used.
    """

    train_metrics_aggr_fn: Callable[[list[RecordDict], str], MetricRecord]

    def __init__(
        self,
        *positional: Any,
        algorithm: str | Algorithm | Mapping[str, Any] | None = None,
        balance: BalanceSettings | Mapping[str, Any] | None = None,
        train: TrainingSettings | Mapping[str, Any] | None = None,
        server: ServerSettings | Mapping[str, Any] | None = None,
        privacy: PrivacySettings | Mapping[str, Any] | None = None,
        network: NetworkSettings | Mapping[str, Any] | str | Path | None = None,
        together: int = 3,
        seed: int = 0,
        checkpoint: Path | str | None = None,
        checkpoint_every: int = 1,
        prolong: bool = False,
        patience: float = 600.0,
        **flower: Any,
    ) -> None:
        own = list(inspect.signature(AstraeaStrategy.__init__).parameters)[2:-1]
        super().__init__(**flower_options(positional, flower, own))
        self.options = options = Options.of(algorithm, balance, train, seed, server, privacy, network)
        self.patience, self._every, self._prolong = patience, checkpoint_every, prolong
        most, asks, bits = options.balance.bound, options.asks_clients, options.algorithm.bits
        way = options.privacy.histograms
        self._registry = ClientRegistry(
            options.copying, seed, self.configrecord_key, ask=asks, most=most, privacy=way, together=together, bits=bits
        )
        self._checkpoint = None if checkpoint is None else StrategyCheckpoint(Path(checkpoint))
        self._record: RunRecord | None = None
        self._walks: ChainWalks | None = None
        self._planned: Planned | None = None
        self._wrapper: Strategy | None = None
        self._begun = False
        self._budget: Budget | None = None  # known within start(), which a wrapper's or a subclass's may not call
        self._timeout = 3600.0

    @property
    def run(self) -> Run:
        """The run so far: state, totals, and a line of metrics a round, as in ``metrics.jsonl``.

        Raises :class:`RunError` before the first round.
        """
        if self._record is None:
            raise RunError("the strategy has not been started yet")
        return self._record.run

    def summary(self) -> None:
        """Log the settings."""
        _log.info("\t├──> Algorithm: %s", self.options.told)
        _log.info("\t├──> Rebalancing: %s", self.options.balance.rebalancing)
        _log.info("\t├──> Defence: %s %s", self.options.server.defence.name, self.options.server.defence)
        super().summary()

    def start(
        self,
        grid: Grid,
        initial_arrays: ArrayRecord,
        num_rounds: int = 3,
        timeout: float = 3600,
        train_config: ConfigRecord | None = None,
        evaluate_config: ConfigRecord | None = None,
        evaluate_fn: EvaluateFn | None = None,
    ) -> Result:
        """Run Flower's loop up to round ``num_rounds``, from where the checkpoint stands.

        ``timeout``, in seconds, is that of every message: a round takes as many of them, one after the other, as its
        longest chain has visits. The result holds the metrics of all rounds, those of earlier processes included.
        Raises :class:`RunError` if every visit of a round fails that is in time, if too few nodes connect, or if the
        checkpoint is of another run, cannot be written or is in use.
        """
        given = Exchange(PromptGrid(grid), timeout, train_config or ConfigRecord(), evaluate_config or ConfigRecord())
        self._record = record = RunRecord(initial_arrays)
        self._walks, self._timeout = None, timeout
        with nullcontext() if self._checkpoint is None else self._checkpoint.held():
            self._budget = self._resume(record, num_rounds, given.train_config)
            try:
                return self._rounds(record, num_rounds, given, evaluate_fn)
            finally:
                self._budget = None

    def _resume(self, record: RunRecord, num_rounds: int, train_config: ConfigRecord) -> Budget:
        """Take over what the checkpoint holds, and return how long the run goes on."""
        if self._checkpoint is None:
            return Budget(num_rounds)
        told = {key: value for key, value in train_config.items() if key != _ROUND}
        flower = {name: getattr(self, name) for name in ("fraction_train", "min_train_nodes", "weighted_by_key")}
        stored = self._checkpoint.load(self._registry, self.options.as_json() | flower | {"train_config": told})
        if stored is None:
            return Budget(num_rounds)
        record.run = stored.run
        _log.info("Resuming after round %d", stored.run.state.round)
        return stored.goes_on(num_rounds, record.layout, self.options, prolong=self._prolong)

    def _rounds(self, record: RunRecord, num_rounds: int, given: Exchange, evaluate_fn: EvaluateFn | None) -> Result:
        run, budget, done = record.run, self._budget, record.run.state.round
        assert budget is not None
        _log.info("Starting %s: rounds %d to %d", type(self).__name__, done + 1, num_rounds)
        self.summary()
        arrays = record.arrays
        # What was measured before the first round is not measured anew by a process that resumes.
        first = None if done else evaluate(evaluate_fn, 0, arrays)
        for round_ in range(done + 1, num_rounds + 1):
            _log.info("[ROUND %d/%d]", round_, num_rounds)
            measured = train_round(self, round_, arrays, given)
            arrays = record.take_over(arrays if measured.arrays is None else measured.arrays, round_)
            self._count_without_last()
            record.note(round_, "flower_train", measured.train)
            record.note(round_, "flower_evaluate", measured.evaluate)
            record.note(round_, "flower_server", evaluate(evaluate_fn, round_, arrays))
            if self._checkpoint is not None and (round_ % self._every == 0 or round_ >= num_rounds):
                self._checkpoint.save(run, self._registry, budget, record.layout)
        if run.history and all("kept" in line for line in run.history):
            _log.warning("no round ended in time, so the model is the one that the run began with: raise timeout")
        return logged(record.result(first))

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Plan the round, walk all chains up to their last visits, and return the messages of those.

        Raises :class:`InputError` within a wrapper whose guarantee would not hold.
        """
        if self.fraction_train == 0.0:
            return []
        self._wrapper = wrapper_of(self)
        if self._budget is None and self._checkpoint is not None:
            raise InputError(
                f"checkpoint= does not work within {type(self._wrapper or self).__name__}, whose own loop begins at "
                "round 1: leave it out, or call AstraeaStrategy.start()"
            )
        if self._wrapper is not None:
            self.options = self.options.undefended()
            refuse_false_privacy(self._wrapper, self.options)
        self._wait(grid)
        config[_ROUND] = server_round
        self._registry.refresh(grid, self._timeout, config)
        record = self._record = self._record or RunRecord(arrays)
        arrays = record.take_over(arrays, server_round - 1)
        self._count_without_last()
        done = (server_round - 1, record.run.totals)
        progress = 0.0 if self._budget is None else self._budget.progress(*done)
        until = None if self._budget is None else self._budget.after(*done)
        algorithm = self._algorithm(record)
        self._planned = planned = plan_round(algorithm, self.options, self._registry, record, grid, progress, until)
        if self._wrapper is not None:
            refuse_false_privacy(self._wrapper, self.options, planned.plan)
        keys = Keys(self.arrayrecord_key, self.configrecord_key, self.weighted_by_key)
        self._walks = begin_round(planned, self.options, self._registry, record, arrays, config, keys, self._timeout)
        messages = self._walks.walk(grid, self._timeout)
        # Flower's grids, and subclasses, may go through the messages more than once.
        plain = isinstance(grid, PromptGrid) and type(self).configure_train is AstraeaStrategy.configure_train
        return messages if plain else list(messages)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Return the next model and Flower's average of the clients' metrics, from the last visits' ``replies``.

        All replies are judged alike, a chain whose last visit failed still counts, and the sum is that of the local
        loop, to the bit. Replies to a subclass's own messages are averaged as FedAvg does. Raises :class:`RunError` if
        every visit of the round that was in time failed.
        """
        walks, record, planned, self._walks = self._walks, self._record, self._planned, None
        replies = list(replies)
        if walks is None or record is None or planned is None:
            if not replies:
                return None, None
            warn_of_plain_average(self, server_round)
            return super().aggregate_train(server_round, replies)
        failures = sum(reply.has_error() for reply in replies)
        _log.info("aggregate_train: Received %d results and %d failures", len(replies) - failures, failures)
        record.end_round(planned, walks, replies, self._registry.histograms, uniform=self._wrapper is not None)
        if self._budget is None:
            warn_of_standing_rate(self.options.train, walks)
        contents, own = walks.contents, self.train_metrics_aggr_fn
        if own.__module__.startswith("flwr."):  # which needs the same metrics of all
            contents = averageable(contents, server_round)
        return record.arrays, own(contents, self.weighted_by_key) if contents else None

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Return the messages of the round's evaluation, to nodes drawn with the seed; none if too few are there."""
        if self.fraction_evaluate == 0.0:
            return []
        connected = self._registry.in_order(grid.get_node_ids())
        wanted = max(self.min_evaluate_nodes, int(len(connected) * self.fraction_evaluate))
        needed = max(self.min_available_nodes, wanted)
        nodes = draw_evaluators(connected, wanted, needed, self.options.seed, server_round)
        config[_ROUND] = server_round
        content = RecordDict({self.arrayrecord_key: arrays, self.configrecord_key: config})
        return [Message(content, node, "evaluate", ttl=self._timeout) for node in nodes]

    def _wait(self, grid: Grid) -> None:
        needed = {"min_train_nodes": self.min_train_nodes}
        if not self._begun:
            needed["min_available_nodes"] = self.min_available_nodes
        self._begun = True
        setting = max(needed, key=needed.__getitem__)
        wait_for_nodes(grid, needed[setting], setting, self.patience)

    def _algorithm(self, record: RunRecord) -> Algorithm:
        wanted = max(int(len(self._registry.clients) * self.fraction_train), self.min_train_nodes, 1)
        return self.options.make_algorithm(wanted, record.layout)

    def _count_without_last(self) -> None:
        """Count a round whose replies went to an ``aggregate_train`` that did not ask for ours."""
        walks, self._walks = self._walks, None
        if walks is None or self._record is None or self._planned is None:
            return
        self._record.count_without_last(self._planned, walks, self._registry.histograms)
        _log.warning(
            "round %d: %s.aggregate_train did without AstraeaStrategy's: samples and steps of the last visits are not "
            "counted",
            walks.plan.round + 1,
            type(self).__name__,
        )

    def initialize_parameters(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse Flower's old interface, which begins with this. Raises :class:`InputError`."""
        raise InputError(
            "AstraeaStrategy cannot run in Flower's old interface (server_fn, ServerConfig, DefaultWorkflow, and so "
            "SecAgg+): in server_app.py call strategy.start(grid, arrays) in a function under @app.main()"
        )
