"""The loop: budgets, totals, evaluation, stopping and failing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from astraea.balance.losses import CrossEntropy
from astraea.engines.serial import SerialEngine
from astraea.errors import RunError
from astraea.federation.algorithms import Algorithm, Astraea, FedAvg
from astraea.federation.callbacks import EarlyStopping
from astraea.federation.clients import Population
from astraea.federation.loop import Budget, Callback, Kept, Run, train
from astraea.federation.round import Metrics, Totals
from astraea.federation.rules import Plain
from astraea.federation.settings import TrainingSettings


def fedavg(clients: int = 3, epochs: int = 1) -> Algorithm:
    settings = FedAvg(clients_per_round=clients, local_epochs=epochs)
    return settings.bound(TrainingSettings(lr=0.1, momentum=0.0), Plain().bound(CrossEntropy()))


def start(engine: SerialEngine, algorithm: Algorithm) -> Run:
    return Run(algorithm.init(*engine.model.read()))


def go(constant: Any, clients: Population, budget: Budget, algorithm: Algorithm | None = None, **options: Any) -> Run:
    engine = SerialEngine(constant)
    algorithm = algorithm or fedavg()
    return train(start(engine, algorithm), algorithm, engine, clients, budget, seed=0, **options)


def test_totals_add_up(constant: Any, three_clients: Population) -> None:
    run = go(constant, three_clients, Budget(rounds=2), fedavg(epochs=3))
    # Clients of 2, 1 and 2 samples, one batch each: three epochs of three clients, twice.
    assert run.totals == Totals(
        {
            "client_epochs": 18,
            "samples_processed": 30,
            "optimizer_steps": 18,
            "critical_path_steps": 6,
            "bytes_sent": 2 * 3 * 2 * (2 * 4),
            "visits_skipped": 0,
        }
    )
    assert [line["round"] for line in run.history] == [1, 2]
    assert run.history[0]["samples_processed"] == 15
    assert run.history[0]["clients"] == 3
    assert run.finished


def test_the_critical_path_is_the_longest_chain(constant: Any, three_clients: Population) -> None:
    settings = Astraea(clients_per_round=3, capacity=2, local_epochs=1, mediator_epochs=2)
    algorithm = settings.bound(TrainingSettings(), Plain().bound(CrossEntropy()))
    run = go(constant, three_clients, Budget(rounds=1), algorithm)
    assert (run.totals["optimizer_steps"], run.totals["critical_path_steps"]) == (6, 4)
    # Greedy: client 2 is uniform alone; with client 0 or 1 the pool is [3, 1] or [1, 2], the latter nearer.
    # So mediators pool [1, 2] and [2, 0]: KL log 2 - H(1/3) and log 2.
    kl = [np.log(2) + (np.log(1 / 3) + 2 * np.log(2 / 3)) / 3, np.log(2)]
    assert run.history[0]["mediator_kl"] == pytest.approx(np.mean(kl))


def test_a_sample_budget_ends_the_run_and_drives_the_schedule(constant: Any, three_clients: Population) -> None:
    run = go(constant, three_clients, Budget(rounds=1, samples=12))
    assert run.totals["samples_processed"] == 15  # whole rounds of 5
    assert [line["lr"] for line in run.history] == pytest.approx(
        [0.05 * (1 + np.cos(np.pi * done / 12)) for done in (0, 5, 10)]
    )


def test_evaluation_is_due_every_so_often_and_at_the_end(constant: Any, three_clients: Population) -> None:
    asked: list[int] = []

    def evaluate(params: Tensor, counters: Tensor, kept: Kept) -> Metrics:
        asked.append(len(asked))
        return {"accuracy": 0.5}

    run = go(constant, three_clients, Budget(rounds=5), evaluate=evaluate, evaluate_every=2)
    assert [line["round"] for line in run.history if "accuracy" in line] == [2, 4, 5]


def test_the_best_model_by_validation_is_kept_and_patience_ends_the_run(
    constant: Any, three_clients: Population
) -> None:
    scores: Iterator[float] = iter([0.1, 0.5, 0.5, 0.4, 0.9])
    models: list[Tensor] = []

    def evaluate(params: Tensor, counters: Tensor, kept: Kept) -> Metrics:
        models.append(params.clone())
        return {"validation_balanced_accuracy": next(scores)}

    run = go(constant, three_clients, Budget(rounds=9), evaluate=evaluate, callbacks=[EarlyStopping(2)])
    assert run.state.round == 4
    assert run.best is not None
    assert (run.best.round, run.best.score) == (2, 0.5)
    assert torch.equal(run.best.params, models[1])


def test_availability_is_asked_each_round(constant: Any, three_clients: Population) -> None:
    only = [np.array([True, False, False]), np.array([False, False, True])]
    run = go(constant, three_clients, Budget(rounds=2), availability=lambda round_: only[round_])
    assert [line["clients"] for line in run.history] == [1, 1]
    assert run.totals["samples_processed"] == 4


def test_a_round_in_which_every_visit_fails_ends_the_run_with_the_reason(three_clients: Population) -> None:
    class Failing(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias = torch.nn.Parameter(torch.zeros(2))

        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("no such layer")

    ended: list[int] = []

    class Watch(Callback):
        def end(self, run: Run) -> None:
            ended.append(run.state.round)

    with pytest.raises(RunError, match=r"round 1: all 3 visits failed, the first .* because: ValueError: no such"):
        go(Failing(), three_clients, Budget(rounds=2), callbacks=[Watch()])
    assert ended == [0]


def test_skipped_visits_are_in_the_metrics(three_clients: Population) -> None:
    class Picky(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias = torch.nn.Parameter(torch.zeros(2))

        def forward(self, x: Tensor) -> Tensor:
            if len(x) == 1:
                raise ValueError("one sample is not enough")
            return self.bias.expand(len(x), -1)

    run = go(Picky(), three_clients, Budget(rounds=1))
    assert run.history[0]["skipped"] == [{"client": 1, "pass": 0, "reason": "ValueError: one sample is not enough"}]
    assert run.totals["visits_skipped"] == 1
    assert run.totals["samples_processed"] == 4


def test_a_budget_knows_where_the_next_round_ends() -> None:
    assert Budget(rounds=4).after(1, Totals()) == 0.5
    assert Budget(rounds=4).after(3, Totals()) == 1.0
    longer = Budget(rounds=4, earlier=(2,))  # up to the second round it is a run of two
    assert [longer.after(number, Totals()) for number in range(4)] == [0.5, 1.0, 0.75, 1.0]
    samples = Budget(rounds=1, samples=100)
    assert samples.after(0, Totals()) is None
    # Two rounds took 40 samples, so the third is taken for 20; more than all is not done.
    assert samples.after(2, Totals({"samples_processed": 40})) == pytest.approx(0.6)
    assert samples.after(1, Totals({"samples_processed": 80})) == 1.0
