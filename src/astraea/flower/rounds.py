"""Flower's loop of rounds, which can begin at any of them: what is called, in which order and with what, is the same.

Flower's own always begins at round 1, so a resumed run would show its strategy the wrong rounds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from flwr.app import ArrayRecord, ConfigRecord, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Result, Strategy

__all__ = ["EvaluateFn", "Exchange", "evaluate", "logged", "train_round", "warn_of_plain_average"]

_log = logging.getLogger("flwr")

EvaluateFn = Callable[[int, ArrayRecord], MetricRecord | None]


class Exchange(NamedTuple):
    """What every round of a run is given."""

    grid: Grid
    timeout: float
    train_config: ConfigRecord
    evaluate_config: ConfigRecord


class Measured(NamedTuple):
    """What came of a round: the next model if there is one, and the metrics of training and of evaluation."""

    arrays: ArrayRecord | None
    train: MetricRecord | None
    evaluate: MetricRecord | None


def train_round(strategy: Strategy, round_: int, arrays: ArrayRecord, given: Exchange) -> Measured:
    """Train and evaluate round ``round_``, counted from 1, of ``strategy``, which begins with ``arrays``."""
    grid, timeout = given.grid, given.timeout
    messages = strategy.configure_train(round_, arrays, given.train_config, grid)
    made, train = strategy.aggregate_train(round_, grid.send_and_receive(messages, timeout=timeout))
    if train is not None:
        _log.info("\t└──> Aggregated MetricRecord: %s", train)
    now = arrays if made is None else made
    messages = strategy.configure_evaluate(round_, now, given.evaluate_config, grid)
    evaluate = strategy.aggregate_evaluate(round_, grid.send_and_receive(messages, timeout=timeout))
    if evaluate is not None:
        _log.info("\t└──> Aggregated MetricRecord: %s", evaluate)
    return Measured(made, train, evaluate)


def evaluate(evaluate_fn: EvaluateFn | None, round_: int, arrays: ArrayRecord) -> MetricRecord | None:
    """Return what the server measures of the model after ``round_`` rounds, if it does, and log it as Flower does."""
    if evaluate_fn is None:
        return None
    found = evaluate_fn(round_, arrays)
    if round_:
        _log.info("Global evaluation")
        _log.info("\t└──> MetricRecord: %s", found)
    else:
        _log.info("Initial global evaluation results: %s", found)
    return found


def logged(result: Result) -> Result:
    """Return the result of a run, and log it as Flower does."""
    _log.info("Final results:")
    for line in str(result).splitlines():
        _log.info("\t%s", line)
    return result


def warn_of_plain_average(strategy: Strategy, round_: int) -> None:
    """Say that a round has nothing of Astraea's, since the messages were a subclass's own."""
    _log.warning(
        "round %d: %s.configure_train did without AstraeaStrategy's, so this is a round of Flower's FedAvg, without "
        "chains and guards: begin it with super().configure_train(...)",
        round_,
        type(strategy).__name__,
    )
