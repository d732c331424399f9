"""The same rounds by this project."""

from __future__ import annotations

import time
from typing import Any

from astraea.balance.losses import CrossEntropy
from astraea.data.dataset import Samples
from astraea.engines import EngineSettings, ProcessesEngine
from astraea.experiment.engines import make_engine
from astraea.federation.algorithms import FedAvg
from astraea.federation.clients import Population
from astraea.federation.loop import Budget, Run, train
from astraea.federation.rules import Plain
from astraea.federation.settings import TrainingSettings
from astraea.federation.vector import VectorModel
from contenders.work import accuracy, build, finished, load


def serve(config: dict[str, Any], turns: Any) -> None:
    x, y, clients, test_x, test_y = load(config)
    population = Population.from_samples(Samples(x, y), clients, 10)
    algorithm = FedAvg(clients_per_round=config["cohort"], local_epochs=1).bound(
        TrainingSettings(batch_size=config["batch"], lr=config["lr"], momentum=0.0, schedule="constant"),
        Plain().bound(CrossEntropy()),
    )
    device = config["device"]
    model = VectorModel(build(config["model"]).to(device))
    settings = EngineSettings.of(config["engine"], device=device, bfloat16=config.get("bfloat16", False))
    engine = make_engine(settings, build(config["model"]))
    while isinstance(engine, ProcessesEngine) and not all(worker.ready for worker in engine.pool.workers):
        list(engine.pool.collect())
    run = Run(algorithm.init(*model.read()))
    for done, _ in enumerate(turns, start=1):
        run.finished = False
        began = time.perf_counter()
        train(run, algorithm, engine, population, Budget(done), seed=0)
        finished(device)
        seconds = time.perf_counter() - began
        with model.holding(run.state.params, run.state.counters) as module:
            turns.report(seconds, accuracy=accuracy(module, test_x, test_y))
    engine.close()
