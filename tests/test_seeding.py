"""Streams named by purpose and place."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astraea.seeding import CopyStreams, Purpose, copy_streams, stream, torch_seed, torch_seeds


def test_a_stream_is_the_same_whenever_it_is_made() -> None:
    stream(5, Purpose.TRAINING, 1, 2).random(100)
    assert stream(5, Purpose.TRAINING, 1, 3).random() == stream(5, Purpose.TRAINING, 1, 3).random()


@given(st.integers(0, 2**40), st.integers(0, 10**6), st.integers(0, 10**6))
def test_neighbouring_streams_differ(seed: int, round_: int, client: int) -> None:
    here = torch_seed(seed, Purpose.TRAINING, round_, client)
    assert 0 <= here < 2**63
    others = {
        torch_seed(seed + 1, Purpose.TRAINING, round_, client),
        torch_seed(seed, Purpose.AUGMENT, round_, client),
        torch_seed(seed, Purpose.TRAINING, round_ + 1, client),
        torch_seed(seed, Purpose.TRAINING, round_, client + 1),
        torch_seed(seed, Purpose.TRAINING, round_, client, 0),
    }
    assert here not in others
    assert len(others) == 5


def test_the_numbers_of_purposes_are_part_of_a_runs_identity() -> None:
    numbers = [purpose.value for purpose in Purpose]
    assert numbers == sorted(set(numbers))
    assert (Purpose.SCENARIO, Purpose.TRAINING) == (1, 10)


@given(
    seed=st.integers(0, 2**140),
    purpose=st.sampled_from(list(Purpose)),
    round_=st.integers(0, 2**32 - 1),
    visits=st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 99)), min_size=1, max_size=5),
)
def test_many_seeds_at_once_are_those_of_numpy(
    seed: int, purpose: Purpose, round_: int, visits: list[tuple[int, int]]
) -> None:
    clients, passes = (np.array(part, np.uint64) for part in zip(*visits, strict=True))
    expected = [torch_seed(seed, purpose, round_, client, pass_) for client, pass_ in visits]
    assert torch_seeds(seed, purpose, round_, clients, passes) == expected


@pytest.mark.parametrize("seed", [0, 7, 2**40 + 1, 2**64, 2**127 + 5])
def test_streams_of_copies_are_told_without_the_seed(seed: int) -> None:
    told = copy_streams(seed, 4)
    assert told.generator.random(3).tolist() == stream(seed, Purpose.AUGMENT, 4).random(3).tolist()
    assert told.transforms == torch_seed(seed, Purpose.AUGMENT, 4, 1)
    assert CopyStreams(*json.loads(json.dumps(told))) == told


def test_streams_of_a_secret_seed_begin_at_a_hash() -> None:
    """By hand: purpose 10 is training, so the stream of round 2 and client 3 begins at SHA-256 of "seed,10,2,3"."""
    seed = 2**64 + 9
    digest = hashlib.sha256(f"{seed},10,2,3".encode()).digest()
    begun = np.random.SeedSequence(int.from_bytes(digest))
    assert torch_seed(seed, Purpose.TRAINING, 2, 3) == int(begun.generate_state(1, np.uint64)[0]) >> 1
    rows = torch_seeds(seed, Purpose.TRAINING, 2, np.array([3, 5], np.uint64))
    assert rows == [torch_seed(seed, Purpose.TRAINING, 2, client) for client in (3, 5)]
