"""Streams named by purpose and place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from astraea.seeding import Purpose, stream, torch_seed


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
    assert [purpose.value for purpose in Purpose] == list(range(1, len(Purpose) + 1))
    assert (Purpose.SCENARIO, Purpose.TRAINING) == (1, 10)
