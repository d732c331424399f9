"""Worker processes: exits, replacement, memory, and models that other processes cannot import."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
import torch
from torch import nn

from astraea.balance.losses import CrossEntropy
from astraea.data.dataset import Samples
from astraea.engines import EngineSettings, ProcessesEngine, SerialEngine
from astraea.engines.shared import Region, pack, unpack
from astraea.errors import InputError, RunError
from astraea.experiment.engines import make_engine
from astraea.federation.clients import Population
from astraea.federation.plan import Chain, ChainResult, ChainState, LocalTraining, RoundPlan, Visit
from astraea.federation.rules import Plain
from astraea.federation.vector import VectorModel

cloudpickle.register_pickle_by_value(sys.modules[__name__])

PLAIN = Plain().bound(CrossEntropy())


class Deadly(nn.Module):
    """Kills its process, as often as ``lives`` files can be made, when it meets an input of 666."""

    def __init__(self, folder: Path, lives: int) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 2)
        self.folder, self.lives, self.parent = folder, lives, os.getpid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        used = len(list(self.folder.iterdir()))
        if bool((x == 666).any()) and used < self.lives and os.getpid() != self.parent:
            (self.folder / str(used)).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.layer(x)


@pytest.fixture(scope="module")
def population() -> Population:
    x = np.arange(12, dtype=np.float32).reshape(12, 1) / 12
    x[4] = 666
    return Population.from_samples(Samples(x, np.arange(12) % 2), np.split(np.arange(12), 6), 2)


def plan_for(module: nn.Module, chains: list[list[int]]) -> RoundPlan:
    return RoundPlan(
        round=0,
        seed=0,
        start=ChainState(*VectorModel(module).read()),
        chains=tuple(Chain(n, tuple(Visit(c) for c in chain)) for n, chain in enumerate(chains)),
        training=LocalTraining(1, 1, "SGD", 1e-4),
    )


def started(module: nn.Module, workers: int = 2) -> ProcessesEngine:
    engine = ProcessesEngine(module, workers=workers)
    while not all(worker.ready for worker in engine.pool.workers):
        list(engine.pool.collect())
    return engine


def same(found: list[ChainResult], expected: list[ChainResult]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.end.params, other.end.params)
        assert one.reports == other.reports


CHAINS = [[0], [1, 2], [3], [4, 5], [0, 5]]


def test_a_worker_that_dies_is_replaced_and_its_chain_run_again(tmp_path: Path, population: Population) -> None:
    module = Deadly(tmp_path, lives=1)
    plan = plan_for(module, CHAINS)
    engine = started(module)
    pids = {worker.process.pid for worker in engine.pool.workers}
    found = list(engine.execute(plan, PLAIN, population))
    assert len(list(tmp_path.iterdir())) == 1
    assert len(pids & {worker.process.pid for worker in engine.pool.workers}) == 1
    same(found, list(SerialEngine(module).execute(plan, PLAIN, population)))
    engine.close()


def test_a_chain_on_which_two_workers_died_is_given_up(tmp_path: Path, population: Population) -> None:
    module = Deadly(tmp_path, lives=5)
    plan = plan_for(module, CHAINS)
    engine = started(module)
    found = list(engine.execute(plan, PLAIN, population))
    assert len(list(tmp_path.iterdir())) == 2
    assert [result.trained for result in found] == [True, False, True, True, True]
    reason = "2 worker processes died on this chain, the last killed by signal 9"
    assert [(report.client, report.skipped) for report in found[1].reports] == [(1, reason), (2, reason)]
    assert torch.equal(found[1].end.params, plan.start.params)
    engine.close()


def test_a_worker_killed_while_idle_is_replaced(population: Population) -> None:
    engine = started(nn.Linear(1, 2))
    plan = plan_for(nn.Linear(1, 2), CHAINS)
    for worker in engine.pool.workers:
        os.kill(worker.process.pid, signal.SIGKILL)
        worker.process.wait()
    same(
        list(engine.execute(plan, PLAIN, population)),
        list(SerialEngine(nn.Linear(1, 2)).execute(plan, PLAIN, population)),
    )
    engine.close()


def test_results_that_are_let_go_leave_their_memory_to_later_ones(population: Population) -> None:
    engine = started(nn.Linear(1, 2))
    plan = plan_for(nn.Linear(1, 2), [[n % 6] for n in range(100)])
    for _ in engine.execute(plan, PLAIN, population):
        pass
    regions = sum(len(worker.inbox) for worker in engine.pool.workers)
    assert regions <= 2 * 4 * 2  # the window, whoever of the two had to hold it
    kept = list(engine.execute(plan, PLAIN, population))
    assert sum(len(worker.inbox) for worker in engine.pool.workers) >= 100
    same(kept, list(SerialEngine(nn.Linear(1, 2)).execute(plan, PLAIN, population)))
    engine.close()


def test_the_longest_chain_goes_first_within_the_window(population: Population) -> None:
    engine = started(nn.Linear(1, 2), workers=1)
    chains = [[0], [1, 2, 3], [4], [5, 0], [1], [2], [3, 4, 5, 0]]
    sent: list[int] = []
    send = engine.pool.send

    def noted(worker: Any, task: Any, chain: Any) -> Any:
        sent.append(chain.id)
        return send(worker, task, chain)

    engine.pool.send = noted  # type: ignore[method-assign]
    list(engine.execute(plan_for(nn.Linear(1, 2), chains), PLAIN, population))
    assert sent == [1, 3, 0, 2, 4, 6, 5]  # four at a time may be open: 6 has to wait until 2 is added up
    engine.close()


def test_a_model_of_a_script_reaches_the_workers(tmp_path: Path) -> None:
    script = tmp_path / "script.py"  # without a guard around its main part
    script.write_text(
        """
import numpy as np, torch
from torch import nn
from astraea.data.dataset import Samples
from astraea.engines import ProcessesEngine
from astraea.balance.losses import CrossEntropy
from astraea.federation.clients import Population
from astraea.federation.plan import ChainState, Chain, LocalTraining, RoundPlan, Visit
from astraea.federation.rules import Plain
from astraea.federation.vector import VectorModel

class Mine(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 2)
    def forward(self, x):
        return self.layer(x)

engine = ProcessesEngine(Mine(), workers=1)
while not engine.pool.started:
    list(engine.pool.collect())
samples = Samples(np.ones((2, 1), np.float32), np.array([0, 1]))
start = ChainState(*VectorModel(Mine()).read())
plan = RoundPlan(0, 0, start, (Chain(0, (Visit(0),)),), LocalTraining(1, 1, "SGD", 0.1))
(result,) = engine.execute(plan, Plain().bound(CrossEntropy()), Population.from_samples(samples, [np.arange(2)], 2))
print(result.reports[0].steps)
"""
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")


def test_what_cannot_be_sent_is_named() -> None:
    module = nn.Linear(1, 2)
    module.lock = threading.Lock()  # type: ignore[assignment]
    with pytest.raises(InputError, match=r"the model cannot be sent to worker processes .*set engine.name = 'serial'"):
        ProcessesEngine(module, workers=1)


def test_a_closed_engine_says_so(population: Population) -> None:
    engine = ProcessesEngine(nn.Linear(1, 2), workers=1)
    engine.close()
    with pytest.raises(RunError, match="the engine is closed"):
        next(iter(engine.execute(plan_for(nn.Linear(1, 2), [[0]]), PLAIN, population)))


def test_workers_need_a_processor() -> None:
    with pytest.raises(InputError, match="trains on processor cores, not on 'meta'"):
        make_engine(EngineSettings.of("processes", device="meta"), nn.Linear(1, 2))


def test_values_come_out_of_shared_memory_as_they_went_in(tmp_path: Path) -> None:
    mapped = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.int16, (3, 2))
    mapped[:] = 5
    value = {
        "float": torch.arange(5.0),
        "empty": torch.empty((0, 3), dtype=torch.int64),
        "bfloat16": torch.ones(2, 3, dtype=torch.bfloat16),
        "scalar": torch.tensor(3),
        "transposed": torch.arange(6).view(2, 3).T,
        "array": np.arange(4),
        "mapped": mapped,
        "part": mapped[1:],
    }
    packed, region = pack(value, Region)
    found = unpack(packed, region.bytes())
    for key, expected in value.items():
        if isinstance(expected, torch.Tensor):
            assert torch.equal(found[key], expected)
            assert found[key].dtype == expected.dtype
        else:
            assert np.array_equal(found[key], np.asarray(expected))
    assert isinstance(found["mapped"], np.memmap)
    found["float"][0] = 7
    assert unpack(packed, region.bytes())["float"][0] == 7  # the very same memory
    region.close()
