"""The run behind a strategy: its model as named arrays, and what its rounds counted and measured."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from flwr.app import ArrayRecord, Message, MetricRecord
from flwr.serverapp.strategy import Result
from numpy.typing import NDArray
from torch import Tensor

from astraea.errors import RunError
from astraea.federation.algorithms import Algorithm, State
from astraea.federation.loop import Run
from astraea.federation.plan import ChainState, RoundPlan
from astraea.federation.round import Metrics, Round, RoundMetrics, Simulated
from astraea.federation.walk import VisitError, finite
from astraea.flower.accounting import Accounting
from astraea.flower.arrays import Layout
from astraea.flower.chain_walks import ChainWalks

__all__ = ["Planned", "RunRecord"]

_log = logging.getLogger("flwr")


class Planned(NamedTuple):
    """A round's ``algorithm`` and ``plan``, made for a share ``progress`` of the run, and the clients that are away.

    ``accounting`` times the round on a network, if there is one.
    """

    algorithm: Algorithm
    plan: RoundPlan
    progress: float
    away: list[int]
    accounting: Accounting | None = None


class _Packed(NamedTuple):
    """A model as ``arrays``, whose bytes by name are kept apart, since who gets a record may change what is in it."""

    params: Tensor
    counters: Tensor
    arrays: ArrayRecord
    bytes: tuple[tuple[str, bytes], ...]

    @classmethod
    def of(cls, state: State, arrays: ArrayRecord) -> _Packed:
        return cls(state.params, state.counters, arrays, tuple((name, one.data) for name, one in arrays.items()))

    def holds(self, state: State) -> bool:
        return self.params is state.params and self.counters is state.counters

    def is_in(self, arrays: ArrayRecord) -> bool:
        """Whether ``arrays`` are still these very bytes, under these names in this order."""
        return len(arrays) == len(self.bytes) and all(
            name == own and array.data is data
            for (name, array), (own, data) in zip(arrays.items(), self.bytes, strict=True)
        )


class RunRecord:
    """A run that begins with ``arrays``.

    Raises :class:`InputError` for arrays that cannot be averaged, and :class:`RunError` if they are not finite.
    """

    def __init__(self, arrays: ArrayRecord) -> None:
        self.layout = Layout.of(arrays)
        params, counters, exact, *_ = self.layout.vectors(arrays)
        if not finite(params):
            raise RunError("the model that the run begins with holds NaN or infinite numbers: begin with another")
        self.run = Run(State(0, params, counters))
        self._packed = _Packed.of(self.run.state, arrays) if exact else None

    @property
    def arrays(self) -> ArrayRecord:
        """The model."""
        state, packed = self.run.state, self._packed
        if packed is None or not packed.holds(state) or not packed.is_in(packed.arrays):
            packed = self._packed = _Packed.of(state, self.pack(ChainState(state.params, state.counters)))
        return packed.arrays

    def pack(self, state: ChainState) -> ArrayRecord:
        """Return a model as named arrays."""
        return self.layout.record(state.params, state.counters)

    def take_over(self, arrays: ArrayRecord, round_: int) -> ArrayRecord:
        """Let ``arrays`` be the model after ``round_`` rounds: a wrapper or a subclass may have made another of ours.

        A model with NaN or infinite numbers is never kept: the one before stays. Returns what the next round is to
        begin with. Raises :class:`RunError` if the model is another.
        """
        self.run.state = state = replace(self.run.state, round=round_)
        if self._packed is not None and self._packed.holds(state) and self._packed.is_in(arrays):
            return arrays
        try:
            params, counters, exact, square, _ = self.layout.vectors(arrays)
        except VisitError as error:
            raise RunError(f"the model after {round_} rounds cannot be used: {error}") from error
        if not math.isfinite(square) and not finite(params):
            _log.warning("the model after %d rounds holds NaN or infinite numbers: the one before stays", round_)
            return self.arrays
        self.run.state = state = replace(state, params=params, counters=counters)
        if exact:
            self._packed = _Packed.of(state, arrays)
        return self.arrays

    def end_round(
        self,
        planned: Planned,
        walks: ChainWalks,
        replies: Iterable[Message],
        histograms: NDArray[np.int64],
        *,
        uniform: bool = False,
    ) -> None:
        """Add up and count what the chains gave, with the ``replies`` to their last visits, one chain at a time.

        Raises :class:`RunError` if every visit that was in time failed.
        ``uniform`` is for central differential privacy: every chain counts alike, and one without a good last reply as
        unchanged.
        """
        plan, run, before = walks.plan, self.run, self.run.state
        round_, came = Round(planned.algorithm, plan), 0
        for result in walks.results(replies, only_last=uniform):
            came += result.trained
            round_.add(replace(result, end=replace(result.end, examples=1)) if uniform else result)
            del result  # whose memory the next one takes
        round_.metrics.simulated = self._timed(planned, walks)
        state, run.totals, line = round_.finish(before, run.totals, histograms)
        if "kept" in line:
            _log.warning("round %d left the model as it was: %s", state.round, line["kept"])
        if uniform:
            state = replace(state, params=before.params + (state.params - before.params) * (came / len(plan.chains)))
        if not finite(state.params):
            _log.warning("round %d: its model holds NaN or infinite numbers: the one before stays", state.round)
            state = replace(before, round=state.round)
            line["kept"] = "the model before, since that of this round was not finite"
        run.state = state
        self._enter(line, planned, walks)

    def count_without_last(self, planned: Planned, walks: ChainWalks, histograms: NDArray[np.int64]) -> None:
        """Count a round whose replies went to an ``aggregate_train`` that did not ask for ours."""
        counted = RoundMetrics(walks.plan)
        for result in walks.results():
            counted.add(result)
        counted.simulated = self._timed(planned, walks)
        self.run.totals, line = counted.counted(self.run.totals, histograms)
        self._enter(line, planned, walks)

    def _timed(self, planned: Planned, walks: ChainWalks) -> Simulated | None:
        over = self.run.totals.get("simulated_seconds", 0.0)
        return None if planned.accounting is None else planned.accounting.time(walks, over)

    def _enter(self, line: Metrics, planned: Planned, walks: ChainWalks) -> None:
        if not walks.counts_steps:  # ClientApps of the user's own train at rates of their own
            line.pop("lr", None)
        shortened = len(line.get("clipped", ()))
        if walks.plan.round == 0 and 2 * shortened > walks.plan.visits:
            _log.warning(
                "round 1: %d of %d changes are shortened, as nothing says yet how far visits go: server.defence has "
                "bounded them by the norm of the model. A run of one round, or clients that do not train, need "
                "server={'defence': 'finite'}",
                shortened,
                walks.plan.visits,
            )
        self.run.history.append(line | ({"away": planned.away} if planned.away else {}))

    @property
    def follows_rates(self) -> bool:
        """Whether most clients of the last round trained at the rates they were told; before the first nobody knows."""
        lines = [line for line in self.run.history if "chains" in line]
        return not lines or "lr" in lines[-1]

    def note(self, round_: int, name: str, metrics: Mapping[str, object] | None) -> None:
        """Add Flower's metrics to the line of a round, which has none yet if nobody trained."""
        history = self.run.history
        if metrics is None:
            return
        if not history or history[-1]["round"] != round_:
            history.append({"round": round_})
        history[-1][name] = dict(metrics)

    def told(self, name: str) -> dict[int, MetricRecord]:
        """Return Flower's metrics by round."""
        return {line["round"]: MetricRecord(line[name]) for line in self.run.history if name in line}

    def result(self, first: MetricRecord | None) -> Result:
        """Return Flower's result, with the rounds of earlier processes; ``first`` was measured before round 1."""
        result = Result()
        result.arrays = self.arrays
        result.train_metrics_clientapp = self.told("flower_train")
        result.evaluate_metrics_clientapp = self.told("flower_evaluate")
        result.evaluate_metrics_serverapp = ({} if first is None else {0: first}) | self.told("flower_server")
        return result
