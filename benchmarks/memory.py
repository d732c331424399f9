"""Memory of a round: it should follow the clients that take part and the workers, not the population.

A population's images lie in a file that is mapped; one round of 50 clients is run, and the growth of resident
memory is measured, of this process and of its workers (their private part).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from arena import arguments, bars, write

PROGRAM = """
import json, os, sys, numpy as np
from astraea.balance.losses import CrossEntropy
from astraea.data.dataset import Samples
from astraea.engines import EngineSettings, ProcessesEngine
from astraea.experiment.engines import make_engine
from astraea.federation.algorithms import FedAvg
from astraea.federation.clients import Population
from astraea.federation.loop import Budget, Run, train
from astraea.federation.models import EmnistCNN
from astraea.federation.rules import Plain
from astraea.federation.settings import TrainingSettings
from astraea.federation.vector import VectorModel

def resident(pid="self"):
    fields = dict(line.split(":") for line in open(f"/proc/{pid}/smaps_rollup").read().splitlines()[1:])
    return sum(int(fields[key].split()[0]) for key in ("Private_Clean", "Private_Dirty", "Shared_Dirty")) / 1024

clients, cohort, engine, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
x = np.lib.format.open_memmap(folder + "/x.npy", "w+", np.uint8, (clients * 50, 1, 28, 28))
x.flush()
x = np.load(folder + "/x.npy", mmap_mode="r")
before = resident()
y = np.arange(clients * 50) % 62
population = Population.from_samples(Samples(x, y), np.split(np.arange(clients * 50), clients), 62)
held = resident()
algorithm = FedAvg(clients_per_round=cohort, local_epochs=1).bound(TrainingSettings(), Plain().bound(CrossEntropy()))
module = EmnistCNN((1, 28, 28), 62)
start = VectorModel(module).read()
made = make_engine(EngineSettings.of(engine, **({"workers": 2} if engine == "processes" else {})), module)
while isinstance(made, ProcessesEngine) and not all(worker.ready for worker in made.pool.workers):
    list(made.pool.collect())
run = Run(algorithm.init(*start))
train(run, algorithm, made, population, Budget(2), seed=0)
workers = [resident(m.process.pid) for m in made.pool.workers] if isinstance(made, ProcessesEngine) else []
print(json.dumps({"population": held - before, "rounds": resident() - held, "workers": sum(workers)}))
made.close()
"""

CASES = [(1_000, 50), (10_000, 50), (100_000, 50), (100_000, 500)]


def main() -> None:
    options = arguments((__doc__ or "").splitlines()[0])
    results = {}
    for engine in ("serial", "processes"):
        for clients, cohort in CASES:
            with tempfile.TemporaryDirectory(dir=Path.home()) as folder:  # not in memory, as /tmp may be
                done = subprocess.run(
                    [sys.executable, "-c", PROGRAM, str(clients), str(cohort), engine, folder],
                    check=True,
                    capture_output=True,
                    text=True,
                )
            measured = json.loads(done.stdout)
            results[f"{engine}\n{clients:,}/{cohort}"] = measured
            print(
                f"{engine}, {clients:,} clients ({clients * 50 * 784 / 2**20:,.0f} MB of images), {cohort} a round: "
                f"indices and counts {measured['population']:.0f} MB, rounds {measured['rounds']:.0f} MB, "
                f"workers {measured['workers']:.0f} MB"
            )
    write(options.out, "memory", results)
    bars(options.out, "memory", results, "MB")


if __name__ == "__main__":
    main()
