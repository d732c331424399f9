"""Rounds of clients that do nothing, by this project: each takes the model in and gives a new vector back."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from astraea.balance.losses import CrossEntropy
from astraea.data.dataset import Samples
from astraea.engines import EngineSettings, ProcessesEngine
from astraea.experiment.engines import make_engine
from astraea.federation.algorithms import FedAvg
from astraea.federation.clients import Population
from astraea.federation.loop import Budget, Run, train
from astraea.federation.plan import RoundPlan
from astraea.federation.rules import Plain
from astraea.federation.settings import TrainingSettings


class Flat(nn.Module):
    """A model that is one vector."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.zeros(size))


class Idle(FedAvg):
    """FedAvg whose clients train for no epoch at all; everything else happens as ever."""

    def plan(self, *arguments: Any) -> RoundPlan:
        plan = super().plan(*arguments)
        return replace(plan, training=replace(plan.training, epochs=0))


def serve(config: dict[str, Any], turns: Any) -> None:
    clients, cohort = config["clients"], config["cohort"]
    samples = Samples(np.zeros((clients, 1), np.float32), np.arange(clients) % 10)
    population = Population.from_samples(samples, np.split(np.arange(clients), clients), 10)
    algorithm = Idle(clients_per_round=cohort).bound(
        TrainingSettings(schedule="constant"), Plain().bound(CrossEntropy())
    )
    engine = make_engine(EngineSettings.of(config["engine"]), Flat(config["size"]))
    while isinstance(engine, ProcessesEngine) and not all(worker.ready for worker in engine.pool.workers):
        list(engine.pool.collect())
    run = Run(algorithm.init(torch.zeros(config["size"]), torch.zeros(0, dtype=torch.int64)))
    done = 0
    for _ in turns:
        done += config["rounds"]
        run.finished = False
        began, used = time.perf_counter(), time.process_time()
        train(run, algorithm, engine, population, Budget(done), seed=0)
        turns.report(
            (time.perf_counter() - began) / config["rounds"], cpu=(time.process_time() - used) / config["rounds"]
        )
    engine.close()
