"""The search: the same whatever the threads, and better than where it began."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from astraea.congestion.connection.settings import PolicySettings
from astraea.congestion.policy.law import LAW
from astraea.congestion.trainer import evolution, families
from astraea.congestion.trainer.evolution import Evolution, EvolutionSettings, network_settings, residual_settings
from astraea.congestion.trainer.families import CHANGING, FAMILIES, NOISY, Family, mix_of, worlds_of
from astraea.errors import InputError

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


def test_a_mix_may_hold_noise_and_change_and_as_many_worlds_of_each_family() -> None:
    worlds = worlds_of(np.random.default_rng(0), noisy=True)
    assert len(worlds) == 22
    assert worlds[:17] == worlds_of(np.random.default_rng(0))
    assert {flow.jitter_ms > 0.2 for name, world in worlds if name == "noisy" for flow in world.flows} == {True}
    names = [name for name, _ in worlds_of(np.random.default_rng(0), noisy=True, each=2)]
    assert names == [family.name for family in (*FAMILIES, NOISY, CHANGING) for _ in range(2)]
    assert mix_of(PolicySettings(gain=0.1)).shares == (4.0, 3.0, 4.0, 2.0, 3.0, 1.0, 3.0, 2.0)


def test_changing_worlds_draw_base_and_capacity_anew_every_15_s() -> None:
    worlds = [world for name, world in worlds_of(np.random.default_rng(0), 20, noisy=True) if name == "changing"]
    assert len(worlds) == 40
    moving = [link.delay_steps for link in (world.links[0] for world in worlds) if link.delay_steps]
    stepping = [link.steps for link in (world.links[0] for world in worlds) if link.steps]
    assert {tuple(start for start, _ in steps) for steps in (*moving, *stepping)} == {(0, 15, 30, 45)}
    assert 20 < len(moving) < 36
    assert 20 < len(stepping) < 36
    for world in worlds:
        link = world.links[0]
        assert all(0 <= added <= 4 * link.delay_ms for _, added in link.delay_steps)
        assert all(10 <= mbps <= 100 for _, mbps in link.steps)


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


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(InputError, match="population must be even, as candidates come in pairs, got 5"):
        network_settings(population=5)
    with pytest.raises(InputError, match="law must hold the 18 numbers of a law for a residual, and none for others"):
        EvolutionSettings(subject="residual")
    with pytest.raises(InputError, match="none for others"):
        network_settings(law=(0,) * 18)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("settings", [residual_settings, network_settings])
def test_networks_are_searched_for_alike(settings: Callable[..., EvolutionSettings]) -> None:
    tiny = settings(generations=3, population=4, validate_every=2, validation_mixes=1, noisy=False, seed=5)
    one = Evolution(tiny)
    whole = [one.step() for _ in range(3)]
    two = Evolution(tiny, whole[:2])
    assert two.step() == whole[2]
    assert len(set(whole[0].values)) > 1
    assert Evolution(tiny.model_copy(update={"seed": 6})).step().centre != whole[0].centre


def test_it_climbs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nearness to a point as the return, the centre comes near that point."""
    aim = np.array([n.start + 0.5 * n.spread for n in LAW])
    spread = np.array([n.spread for n in LAW])
    search = Evolution(EvolutionSettings(generations=60, validate_every=100, population=16))

    def nearness(candidates: list[np.ndarray], worlds: object) -> np.ndarray:
        return np.array([-float((((c - aim) / spread) ** 2).sum()) for c in candidates])

    monkeypatch.setattr(search, "_play", nearness)
    monkeypatch.setattr(evolution, "worlds_of", lambda *_, **__: [])
    monkeypatch.setattr(search, "validate", lambda _: {"all": 0.0})
    for _ in range(60):
        search.step()
    assert np.abs((search.centre - aim) / spread).max() < 0.1
