"""The search: the same whatever the threads, and better than where it began."""

from __future__ import annotations

import numpy as np
import pytest

from astraea.congestion.policy.law import LAW
from astraea.congestion.trainer import evolution, families
from astraea.congestion.trainer.evolution import Evolution, EvolutionSettings
from astraea.congestion.trainer.families import FAMILIES, Family, worlds_of

TINY = EvolutionSettings(generations=3, population=4, validate_every=2, validation_mixes=1, seed=5)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Families whose worlds an interpreter can play."""
    made = []
    for family in FAMILIES[:2]:
        fields = {"flows": (2, 2), "bandwidth_mbps": (1.0, 2.0), "duration_s": 2.0, "gap_s": (0.1, 0.3)}
        ranges = family.ranges.model_copy(update={**fields, "packets_per_flow": None})
        made.append(Family(family.name, family.summary, ranges, 1))
    monkeypatch.setattr(families, "FAMILIES", tuple(made))


def test_a_mix_holds_each_family_as_often_as_it_says() -> None:
    worlds = worlds_of(np.random.default_rng(0), 2)
    for family in FAMILIES:
        assert sum(name == family.name for name, _ in worlds) == 2 * family.share
    assert len(worlds) == 2 * 17
    assert len({world.seed for _, world in worlds}) == len(worlds)


@pytest.mark.compiled
@pytest.mark.usefixtures("small")
def test_the_search_does_not_depend_on_threads_and_goes_on_from_its_past() -> None:
    one = Evolution(TINY, jobs=1)
    whole = [one.step() for _ in range(3)]
    two = Evolution(TINY, whole[:1], jobs=2)
    assert [two.step(), two.step()] == whole[1:]
    assert [g.validation is not None for g in whole] == [False, True, True]
    assert whole[2].validation == one.validate(one.centre)


@pytest.mark.compiled
@pytest.mark.usefixtures("small")
def test_another_seed_searches_elsewhere() -> None:
    first = Evolution(TINY).step()
    other = Evolution(TINY.model_copy(update={"seed": 6})).step()
    assert first.centre != other.centre


def test_it_climbs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nearness to a point as the return, the centre comes near that point."""
    aim = np.array([n.start + 0.5 * n.spread for n in LAW])
    spread = np.array([n.spread for n in LAW])
    search = Evolution(EvolutionSettings(generations=60, validate_every=100, population=16))

    def nearness(candidates: list[np.ndarray], worlds: object) -> np.ndarray:
        return np.array([-float((((c - aim) / spread) ** 2).sum()) for c in candidates])

    monkeypatch.setattr(search, "_play", nearness)
    monkeypatch.setattr(evolution, "worlds_of", lambda *_: [])
    monkeypatch.setattr(search, "validate", lambda _: {"all": 0.0})
    for _ in range(60):
        search.step()
    assert np.abs((search.centre - aim) / spread).max() < 0.1
