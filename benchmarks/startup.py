"""How soon the first round is done, beside ``import torch`` alone, in fresh processes that take turns."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from arena import arguments, bars, write

TORCH = "import torch"
FIRST_ROUND = """
from astraea.balance.losses import CrossEntropy
from astraea.data.dataset import Samples
from astraea.engines import EngineSettings
from astraea.experiment.engines import make_engine
from astraea.federation.algorithms import FedAvg
from astraea.federation.clients import Population
from astraea.federation.loop import Budget, Run, train
from astraea.federation.models import EmnistCNN
from astraea.federation.rules import Plain
from astraea.federation.settings import TrainingSettings
from astraea.federation.vector import VectorModel
import numpy as np
y = np.arange(2000) % 10
samples = Samples(np.zeros((2000, 1, 28, 28), np.uint8), y)
population = Population.from_samples(samples, np.split(np.arange(2000), 100), 10)
algorithm = FedAvg(clients_per_round=10, local_epochs=1).bound(TrainingSettings(), Plain().bound(CrossEntropy()))
module = EmnistCNN((1, 28, 28), 10)
start = VectorModel(module).read()
engine = make_engine(EngineSettings.of("NAME"), module)
train(Run(algorithm.init(*start)), algorithm, engine, population, Budget(1), seed=0)
import os
os._exit(0)
"""
OPTIMIZER = "import torch; torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)"


def main() -> None:
    options = arguments(__doc__ or "", turns=6)
    programs = {
        "import torch": TORCH,
        "first round, serial": FIRST_ROUND.replace("NAME", "serial"),
        "first round, processes": FIRST_ROUND.replace("NAME", "processes"),
        "first optimiser of torch.optim": OPTIMIZER,
    }
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(options.turns):
        for name, program in programs.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], check=True)
            seconds[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}
    beyond = {
        name: statistics.median(t - b for t, b in zip(times[1:], seconds["import torch"][1:], strict=True))
        for name, times in seconds.items()
    }
    for name, median in medians.items():
        print(f"{name}: {median:.2f} s, {beyond[name]:+.2f} s beyond import torch")
    write(options.out, "startup", {name: {"seconds": seconds[name], "beyond": beyond[name]} for name in programs})
    bars(options.out, "startup", {"": medians}, "s")


if __name__ == "__main__":
    main()
