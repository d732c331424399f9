"""Populations: who trains on what, with copies stored or made on the fly."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from astraea.balance.augmentation import augmented_rows
from astraea.balance.rebalancing import Rebalancing
from astraea.balance.settings import TransformSettings
from astraea.balance.transforms import transform
from astraea.data.dataset import Samples
from astraea.errors import InputError
from astraea.federation.clients import Population
from astraea.seeding import Purpose, stream, torch_seed

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 1, 8, 8), dtype=np.uint8)
LABELS = np.array([0, 0, 0, 0, 1, 1])
CLIENTS = [np.array([0, 1, 4]), np.array([2, 3, 5])]
TRIPLE = Rebalancing(np.array([0.0, 2.0]), np.ones(2))


def population(**options: object) -> Population:
    return Population.from_samples(Samples(IMAGES, LABELS), CLIENTS, 2, TRIPLE, **options)  # type: ignore[arg-type]


def test_offline_copies_are_stored_and_counted() -> None:
    stored = population()
    assert stored.histograms.tolist() == [[2, 3], [2, 3]]
    assert stored.stored == 10
    data = stored[0]
    assert data.fresh is None
    assert len(data) == 5
    originals = {image.tobytes() for image in IMAGES}
    copies = [
        image for image, label in zip(data.x.numpy(), data.y.numpy(), strict=True) if image.tobytes() not in originals
    ]
    assert len(copies) == 2


def test_offline_copies_are_the_same_at_every_visit_whether_kept_or_made_again() -> None:
    kept, forgotten = population(seed=3), population(seed=3)
    assert forgotten._copies is not None
    forgotten._copies.room = 0
    first = kept[0].x
    assert torch.equal(kept[0].x, first)
    assert torch.equal(forgotten[0].x, first)
    assert torch.equal(forgotten[0].x, first)
    assert torch.equal(pickle.loads(pickle.dumps(kept))[0].x, first)
    drawn = augmented_rows(LABELS, CLIENTS[0], TRIPLE, stream(3, Purpose.AUGMENT, 0))
    generator = torch.Generator().manual_seed(torch_seed(3, Purpose.AUGMENT, 0, 1))
    made = transform(torch.from_numpy(IMAGES[drawn.rows[drawn.fresh]]), TransformSettings(), generator)
    assert torch.equal(first[torch.from_numpy(drawn.fresh)], made)
    assert torch.equal(first[~torch.from_numpy(drawn.fresh)], torch.from_numpy(IMAGES[drawn.rows[~drawn.fresh]]))


def test_what_follows_from_histograms_may_be_remembered() -> None:
    with pytest.raises(ValueError, match="read-only"):
        population().histograms[0, 0] = 7


def test_on_the_fly_copies_cost_no_storage_but_as_many_samples() -> None:
    fresh = population(on_the_fly=True)
    assert fresh.histograms.tolist() == [[2, 3], [2, 3]]
    assert fresh.stored == 6
    data = fresh[1]
    assert data.fresh is not None
    assert int(data.fresh.sum()) == 2
    generator = torch.Generator().manual_seed(0)
    first, labels = data.epoch(generator)
    second, _ = data.epoch(generator)
    assert labels.bincount().tolist() == [2, 3]
    assert first.dtype == torch.float32
    assert 0 <= first.min() <= first.max() <= 1
    assert not torch.equal(first.sort(0).values, second.sort(0).values)


@pytest.mark.parametrize(("change", "counts"), [(TRIPLE, [2, 3]), (None, [2, 1])])
def test_all_samples_may_be_transformed_anew_in_each_epoch(change: Rebalancing | None, counts: list[int]) -> None:
    everything = Population.from_samples(Samples(IMAGES, LABELS), CLIENTS, 2, change, transform_all=True)
    assert everything.histograms.tolist() == [counts, counts]
    assert everything.stored == 6
    generator = torch.Generator().manual_seed(0)
    originals = {image.tobytes() for image in (torch.from_numpy(IMAGES).float() / 255).numpy()}
    seen = [image.numpy().tobytes() for _ in range(2) for image in everything[0].epoch(generator)[0]]
    assert len(set(seen)) == 2 * sum(counts)
    assert not originals & set(seen)


def test_a_clients_copies_do_not_depend_on_the_others() -> None:
    both = population(seed=3)
    alone = Population.from_samples(Samples(IMAGES, LABELS), CLIENTS[:1], 2, TRIPLE, seed=3)
    assert torch.equal(both[0].x, alone[0].x)


def test_an_epoch_is_a_new_order_of_the_same_samples() -> None:
    plain = Population.from_samples(Samples(IMAGES, LABELS), CLIENTS, 2)
    x, y = plain[0].epoch(torch.Generator().manual_seed(1))
    assert sorted(y.tolist()) == [0, 0, 1]
    expected = torch.from_numpy(IMAGES[CLIENTS[0]]).float() / 255
    assert torch.equal(x.flatten(1).sum(1).sort().values, expected.flatten(1).sum(1).sort().values)


def test_an_empty_client_is_refused() -> None:
    with pytest.raises(InputError, match="client 1 has no sample to train on"):
        Population.from_samples(Samples(IMAGES, LABELS), [np.arange(6), np.array([], int)], 2)


def test_read_only_arrays_are_taken() -> None:
    x = IMAGES.copy()
    x.setflags(write=False)
    assert len(Population.from_samples(Samples(x, LABELS), CLIENTS, 2)[0]) == 3


def test_a_balanced_epoch_repeats_the_rare_and_transforms_the_repeats() -> None:
    x = np.arange(8, dtype=np.float32).reshape(8, 1)
    y = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    population = Population.from_samples(Samples(x, y), [np.arange(8)], classes=3).class_balanced()
    assert population.histograms.tolist() == [[4, 4, 0]]
    assert population.stored == 8
    drawn, labels = population[0].epoch(torch.Generator().manual_seed(0))
    assert labels.bincount(minlength=3).tolist() == [4, 4, 0]
    values = drawn[:, 0].tolist()
    common = [value for value, label in zip(values, labels.tolist(), strict=True) if label == 0]
    assert len(set(common)) == 4
    assert set(common) <= set(x[:6, 0].tolist())
    # Each rare sample comes once as it is, and once more with noise.
    rare = [value for value, label in zip(values, labels.tolist(), strict=True) if label == 1]
    assert {6.0, 7.0} <= set(rare)
    assert len(set(rare)) == 4


ROUNDS = """
import resource, sys
import numpy as np
from torch import nn
from astraea.balance.losses import CrossEntropy
from astraea.balance.rebalancing import Rebalancing
from astraea.data.dataset import Samples
from astraea.engines import SerialEngine
from astraea.federation.algorithms import FedAvg
from astraea.federation.clients import Population
from astraea.federation.loop import Budget, Run, train
from astraea.federation.rules import Plain
from astraea.federation.settings import TrainingSettings
from astraea.federation.vector import VectorModel

def megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def rounds(clients):
    x = np.load(sys.argv[1], mmap_mode="r")
    rows = np.arange(10 * clients)
    copies = Rebalancing(np.array([1.0, 0.0]), np.ones(2))
    population = Population.from_samples(Samples(x, np.arange(len(x)) % 2), np.split(rows, clients), 2, copies)
    module = nn.Sequential(nn.Flatten(), nn.Linear(784, 2))
    algorithm = FedAvg(clients_per_round=20).bound(TrainingSettings(), Plain().bound(CrossEntropy()))
    run = Run(algorithm.init(*VectorModel(module).read()))
    train(run, algorithm, SerialEngine(module), population, Budget(2), seed=0)

rounds(20)
before = megabytes()
rounds(40_000)
print(megabytes() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="about how Linux counts memory")
def test_rounds_cost_what_their_clients_hold_and_not_what_the_population_does(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    images = np.lib.format.open_memmap(path, "w+", np.uint8, (400_000, 1, 28, 28))
    megabytes = images.nbytes / 2**20
    images.flush()
    del images
    done = subprocess.run([sys.executable, "-c", ROUNDS, str(path)], check=True, capture_output=True, text=True)
    # Of 40,000 clients, 40 are visited; the others are their numbers: rows, histograms, a few arrays in passing.
    assert float(done.stdout) < megabytes / 3


@pytest.mark.parametrize("on_the_fly", [False, True])
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.int16, np.uint8, np.bool_])
def test_copies_of_codes_are_their_originals_and_models_get_integers(dtype: type, on_the_fly: bool) -> None:
    ids = np.random.default_rng(0).integers(0, 2, (30, 7)).astype(dtype)
    labels = np.arange(30) % 3
    change = Rebalancing(np.array([0.0, 1.0, 3.0]), np.ones(3))
    population = Population.from_samples(Samples(ids, labels), [np.arange(30)], 3, change, on_the_fly=on_the_fly)
    x, y = population[0].epoch(torch.Generator().manual_seed(0))
    assert x.dtype == population.input_dtype == (torch.int32 if dtype == np.int32 else torch.int64)
    assert len(x) == 10 + 20 + 40
    rows = {(label, *row) for label, row in zip(labels.tolist(), ids.astype(int).tolist(), strict=True)}
    assert {(label, *row) for label, row in zip(y.tolist(), x.tolist(), strict=True)} == rows
