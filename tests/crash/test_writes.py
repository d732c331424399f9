"""Every state in which a kill, a power cut or a full disk may leave a folder: resumed, it is as if nothing had been.

Or it is said which file to delete, and then it is.
"""

from __future__ import annotations

import errno
import importlib.util
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from safetensors.torch import load_file
from torch import nn

from astraea.congestion import ObservationSettings, WorldRanges
from astraea.congestion.evaluation import catalogue
from astraea.congestion.evaluation.arms import parse_arms
from astraea.congestion.evaluation.measure import settled_for
from astraea.congestion.evaluation.runner import evaluate
from astraea.congestion.evaluation.suite import Case, Setup, Suite, rng_of, shared_queue
from astraea.congestion.policy import load_policy
from astraea.congestion.trainer import families
from astraea.congestion.trainer.evolution import EvolutionSettings
from astraea.congestion.trainer.mappo import MappoSettings, train_mappo
from astraea.congestion.trainer.search import train_by_evolution
from astraea.congestion.trainer.td3 import Td3Settings, train_td3
from astraea.data.dataset import Samples
from astraea.errors import AstraeaError
from astraea.experiment import compare as comparing
from astraea.experiment.prepare import prepare
from astraea.experiment.run import run
from astraea.experiment.settings import RunSettings, parse_settings
from astraea.federation.models import build_model

if TYPE_CHECKING:
    from disk import full_disk, laid_out, no_flush, states
else:
    _spec = importlib.util.spec_from_file_location("disk", Path(__file__).with_name("disk.py"))
    sys.modules["disk"] = disk = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(disk)
    full_disk, laid_out, no_flush, states = disk.full_disk, disk.laid_out, disk.no_flush, disk.states

SETTINGS: RunSettings = parse_settings(
    {
        "rounds": 3,
        "scenario": {"labels": "half-normal", "clients": 3, "samples": 60},
        "model": {"name": "mlp", "options": {"hidden": []}},
        "train": {"batch_size": 20, "lr": 0.1},
        "algorithm": {
            "name": "astraea",
            "clients_per_round": 3,
            "capacity": 2,
            "local_epochs": 1,
            "mediator_epochs": 2,
        },
        "output": {"checkpoint_every": 2},
    }
)
TD3 = Td3Settings(
    worlds=WorldRanges(flows=(1, 2), bandwidth_mbps=(1, 2), rtt_ms=(30, 60), buffer_bdp=(1, 2), duration_s=1.0,
                       gap_s=(0.1, 0.3)),
    observation=ObservationSettings(history=2), actor_widths=(8,), critic_widths=(8, 4), batch_size=8,
    learning_starts=20, buffer_size=60, worlds_at_once=2, update_flow_steps=15, gradient_steps=3, policy_frequency=2,
    updates=2, flow_steps=80, minutes=None, validation_worlds=1, checkpoint_minutes=0, exploration_actions=30,
)  # fmt: skip
LAW = EvolutionSettings(generations=2, population=4, validate_every=1, validation_mixes=1, seed=5)


@dataclass(frozen=True)
class Kind:
    """Work that goes on in a folder, and what came of it, apart from what never repeats itself: the time it took."""

    work: Callable[[Path], object]
    outcome: Callable[[Path], object]


def a_run(folder: Path) -> None:
    run(SETTINGS, out=folder, resume=True)


def run_outcome(folder: Path) -> object:
    names = ("config.toml", "metrics.jsonl", "model.safetensors", "clients.json", "chains.jsonl", "scenario.json",
             "fingerprint.json", "probe.safetensors")  # fmt: skip
    summary = json.loads((folder / "summary.json").read_text())
    assert summary.pop("wall_seconds") > 0
    left = list(folder.rglob("*.partial"))
    return summary, {name: (folder / name).read_bytes() for name in names}, left


class _Here:
    """Does jobs at once, in this process, whose operations are recorded."""

    def submit(self, job: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(job(*self.shared, *arguments))
        except Exception as error:
            future.set_exception(error)
        return future

    def __init__(self, *shared: Any) -> None:
        self.shared = shared


def a_comparison(folder: Path) -> None:
    @contextmanager
    def here(_: int, *shared: Any) -> Iterator[_Here]:
        yield _Here(*shared)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparing, "worker_pool", here)
        comparing.compare("fedavg,astraea", 1, folder, settings=SETTINGS, rounds=2, rates=[0.1, 0.2],
                          evaluation={"validation": 0.2})  # fmt: skip


def comparison_outcome(folder: Path) -> object:
    runs = [run_outcome(folder / arm / "seed-0") for arm in ("fedavg", "astraea")]
    return (folder / "comparison.json").read_bytes(), runs


def a_training(folder: Path) -> None:
    train_by_evolution(LAW, folder, resume=True)


def training_outcome(folder: Path) -> object:
    policy = load_policy(folder / "policy.safetensors")
    return (folder / "generations.jsonl").read_bytes(), policy.weights.tolist(), policy.card | {"seconds": ""}


def a_td3_training(folder: Path) -> None:
    train_td3(TD3, folder, resume=True)


def a_mappo_training(folder: Path) -> None:
    settings = MappoSettings(
        worlds=TD3.worlds, num_steps=15, num_minibatches=2, update_epochs=2, worlds_at_once=2, updates=2, flow_steps=50,
        validation_mixes=1, critic_widths=(4,), hidden=(3,),
    )  # fmt: skip
    train_mappo(settings, folder, resume=True)


def td3_outcome(folder: Path) -> object:
    lines = [json.loads(line) | {"seconds": 0} for line in (folder / "metrics.jsonl").read_text().splitlines()]
    policy = load_policy(folder / "policy.safetensors")
    best = json.loads(policy.card["validation"]) | {"seconds": 0}
    learned = {name: value.tolist() for name, value in load_file(folder / "checkpoint.safetensors").items()}
    return lines, policy.weights.tolist(), policy.card | {"validation": best}, learned, list(folder.rglob("*.partial"))


def _cases(setup: Setup) -> list[Case]:
    flows = [{"controller": setup.controller}]
    return [
        Case(f"{mbps}", shared_queue(flows, rng_of("small", 0, 0), capacity_mbps=mbps, duration_s=1.0), {"mbps": mbps})
        for mbps in (0.3, 0.5)
    ]


SMALL = Suite(name="small", summary="", plan=_cases, measure=settled_for(0.0), columns=())


def an_evaluation(folder: Path) -> None:
    evaluate([SMALL], parse_arms(["cubic", "newreno"]), folder, seeds=1)


def evaluation_outcome(folder: Path) -> object:
    lines = [json.loads(line) for line in (folder / "outcomes.jsonl").read_text().splitlines()]
    return [line | {"seconds": 0} for line in lines]


def a_flower_run(folder: Path) -> None:
    pytest.importorskip("flwr", reason="needs the extra astraea[flower]")
    from flwr.app import ArrayRecord

    from astraea.flower import AstraeaStrategy, InProcessGrid, client_app, initial_arrays

    experiment = prepare(SETTINGS)
    scenario, settings = experiment.scenario, experiment.settings
    shape, classes = scenario.train.x.shape[1:], experiment.classes

    def model() -> nn.Module:
        return build_model(settings.model, shape, classes, settings.seed)

    def samples(context: Any) -> Samples:
        return scenario.train.take(scenario.clients[int(context.node_config["partition-id"])])

    arrays: ArrayRecord = initial_arrays(model())
    grid = InProcessGrid(client_app(model, samples, classes), len(scenario.clients))
    strategy = AstraeaStrategy(algorithm=settings.algorithm, balance=settings.balance, train=settings.train,
                               seed=settings.seed, fraction_evaluate=0.0, checkpoint=folder)  # fmt: skip
    result = strategy.start(grid, arrays, settings.rounds)
    weights = {name: value.tolist() for name, value in result.arrays.to_torch_state_dict().items()}
    flower_results[folder] = weights, strategy.run.history, dict(strategy.run.totals)


flower_results: dict[Path, object] = {}

KINDS = {
    "run": Kind(a_run, run_outcome),
    "compare": Kind(a_comparison, comparison_outcome),
    "train": Kind(a_training, training_outcome),
    "train-td3": Kind(a_td3_training, td3_outcome),
    "train-mappo": Kind(a_mappo_training, td3_outcome),
    "evaluate": Kind(an_evaluation, evaluation_outcome),
    "flower": Kind(a_flower_run, flower_results.__getitem__),
}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalogue.SUITES, "small", SMALL)
    fields = {"flows": (1, 1), "bandwidth_mbps": (0.3, 0.5), "duration_s": 1.0, "gap_s": (0.1, 0.3)}
    family = replace(families.FAMILIES[0], ranges=families.FAMILIES[0].ranges.model_copy(update=fields))
    monkeypatch.setattr(families, "FAMILIES", (family,))


def failure(work: Callable[[], object]) -> Exception | None:
    """Return the error that ``work`` ends in, of those that the command line turns into a sentence."""
    try:
        work()
    except (AstraeaError, OSError) as error:
        return error
    return None


def resumed(kind: Kind, folder: Path) -> tuple[object, list[str]]:
    """Return what comes of ``folder`` when it is resumed, and the sentences that were followed to get there."""
    told: list[str] = []
    while (error := failure(lambda: kind.work(folder))) is not None:
        told.append(str(error))
        named = [path for path in folder.rglob("*") if path.is_file() and re.search(rf"{path}(?![\w.])", told[-1])]
        assert "delete it" in told[-1], told
        assert len(named) == 1, told
        assert len(told) < 4, told
        named[0].unlink()
    return kind.outcome(folder), told


def check(kind: Kind, tmp_path: Path, points: Callable[[Sequence[Any]], Sequence[Any]]) -> int:
    whole = tmp_path / "whole"
    trees = states(whole, lambda: kind.work(whole))
    expected = kind.outcome(whole)
    chosen = points(trees)
    with no_flush():
        for number, tree in enumerate(chosen):
            found, told = resumed(kind, laid_out(tree, tmp_path / "resumed"))
            assert found == expected, (number, {k: v and v[-80:] for k, v in tree.items()}, told)
    return len(chosen)


def check_full(kind: Kind, tmp_path: Path, operations: Iterator[int]) -> int:
    kind.work(tmp_path / "whole")
    expected, count = kind.outcome(tmp_path / "whole"), 0
    for operation in operations:
        folder = tmp_path / f"full-{operation}"
        reached: list[bool] = []
        error = failure(lambda: reached.append(full_disk(folder, lambda: kind.work(folder), operation)))  # noqa: B023
        if reached == [False]:
            break
        assert isinstance(error, AstraeaError | OSError), "a full disk was not noticed"
        assert "No space left on device" in str(error)
        assert isinstance(error, AstraeaError) or error.errno == errno.ENOSPC
        with no_flush():
            assert resumed(kind, folder) == (expected, [])
        count += 1
    return count


def test_some_points_of_a_run(tmp_path: Path) -> None:
    assert check(KINDS["run"], tmp_path, lambda trees: trees[3 :: len(trees) // 6]) >= 6


def test_a_full_disk_at_some_points_of_a_run(tmp_path: Path) -> None:
    assert check_full(KINDS["run"], tmp_path, iter((1, 20))) == 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_point(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = check(KINDS[kind], tmp_path, lambda trees: trees)
    with capsys.disabled():
        print(f"{kind}: {count} points")  # noqa: T201
    assert count >= 15


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_at_every_point(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = check_full(KINDS[kind], tmp_path, iter(range(10_000)))
    with capsys.disabled():
        print(f"{kind}: full at {count} points")  # noqa: T201
    assert count >= 5
