"""The comparison of deep policies: what is switched off, intervals by hand, and a page made from folders alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from astraea.congestion.play import simulate
from astraea.congestion.policy import Policy, shipped_policy
from astraea.congestion.policy.policy import PolicyHeader
from astraea.congestion.simulator.topology import dumbbell
from astraea.congestion.trainer.evolution import EvolutionSettings
from astraea.congestion.trainer.td3 import Td3Settings

Load = Callable[[str], ModuleType]


@pytest.fixture
def load(script: Callable[[str, str], ModuleType]) -> Load:
    return lambda name: script(name, "policy")


def test_all_train_in_the_same_worlds_and_end_by_time_alone(load: Load) -> None:
    arms = load("deep_arms")
    evolved = [arms.settings_of(name, 1, 2.0) for name in ("law", "residual", "network")]
    assert {(s.population, s.mixes, s.each, s.noisy, s.validation_mixes, s.seed) for s in evolved} == {
        (20, 1, 1, True, 4, 1)
    }
    assert [(type(s), s.subject) for s in evolved] == [
        (EvolutionSettings, "law"),
        (EvolutionSettings, "residual"),
        (EvolutionSettings, "network"),
    ]
    matd3 = arms.settings_of("matd3", 1, 2.0)
    assert isinstance(matd3, Td3Settings)
    assert (matd3.minutes, matd3.exploration_actions) == (2.0, 15_000)  # a third of 720,000 for each of 16 worlds
    assert max(matd3.actor_widths) <= 32
    alone, on_law = (arms.settings_of(name, 1, 2.0) for name in ("mappo", "mappo on the law"))
    assert (alone.subject, on_law.subject) == ("network", "residual")
    assert alone.minutes == on_law.minutes == 2.0
    assert on_law.law == evolved[1].law


def test_a_training_ends_by_processor_time_and_keeps_its_course(load: Load, tmp_path: Path) -> None:
    training = load("deep_train")
    (tmp_path / "policy.safetensors").write_bytes(b"")
    track = training.Track(tmp_path)
    policies = [replace(shipped_policy(), weights=shipped_policy().weights + k) for k in range(2)]
    for cpu_s, samples, policy in ((1.0, 10, 0), (2.0, 20, 0), (3.0, 30, 1), (2.5, 25, 0)):  # the last after a kill
        policies[policy].save(tmp_path / "policy.safetensors")
        track.mark(cpu_s, samples)
    again = training.Track(tmp_path)
    assert (again.spent, again.samples) == (2.5, 25)
    assert [row["policy"] for row in again.rows] == ["track/0000000010.safetensors"] * 3


def test_a_zeroed_residual_is_its_law_and_a_zeroed_network_does_nothing(load: Load) -> None:
    deep, law = load("deep"), shipped_policy()
    network = np.full(10 * 4 + 4, 500, np.int32)
    header = PolicyHeader(kind="residual", control=law.header.control, widths=(10, 4))
    residual = Policy(header, np.concatenate([law.weights, network]))
    zeroed = deep.zeroed(residual)
    assert zeroed.weights.tolist() == [*law.weights.tolist(), *[0] * 44]
    x = np.zeros(25, np.int32)
    x[[0, 4, 8, 12, 18]] = 9216
    assert zeroed.action(x) == law.action(x) != residual.action(x)
    plain = Policy(PolicyHeader(kind="network", widths=(25, 1)), np.ones(26, np.float32))
    assert deep.zeroed(plain).action(x) == 0 < plain.action(x)
    assert law.header.control.rivals
    assert not deep.without_rivals(residual).header.control.rivals
    assert deep.without_drains(law).header.control.refresh_s is None


def test_cells_have_worlds_of_seeds_of_their_own(load: Load) -> None:
    cells = load("deep_cells")
    for cell in cells.CELLS:
        worlds = cell.worlds(20)
        assert len(worlds) == len({case.world.seed for case in worlds}) == 20
    rival = next(cell for cell in cells.CELLS if cell.title == "beside BBR")
    assert {case.conditions["rival"] for case in rival.worlds(20)} == {"bbr"}
    assert rival.value({"own_share": 1.4, "other_share": 0.6}) == 0.6


def test_an_interval_by_hand(load: Load) -> None:
    # gains 1, 2, 3: mean 2, deviation 1, Student's 4.303 with two degrees of freedom over the root of 3
    assert load("deep_pages").interval([1, 2, 3]) == pytest.approx((2.0, 4.3027 / 3**0.5), abs=1e-3)


def test_returns_are_means_over_families_by_weight(load: Load) -> None:
    found = load("deep_cells").returns(shipped_policy(), 1)
    assert tuple(found) == load("deep_cells").FAMILIES
    others = sum(found[name][0] for name in found if name not in ("all", "rival"))
    assert found["all"][0] == pytest.approx((others + 3 * found["rival"][0]) / 10)


def test_decisions_of_a_world_are_counted_by_round_trip_times(load: Load) -> None:
    result = simulate(dumbbell([{"controller": "policy"}, {"controller": "cubic"}], rtt_ms=20.0, duration_s=6.0))
    assert load("deep_cells")._decisions(result) == pytest.approx(6.0 / 0.030, rel=0.1)  # of one flow, 30 ms each


def test_the_page_shows_gains_in_the_same_worlds(load: Load, tmp_path: Path) -> None:
    pages, cells = load("deep_pages"), load("deep_cells")
    titles = [*(f"return, {name}" for name in cells.FAMILIES), *(cell.title for cell in cells.CELLS)]

    def keep(folder: str, arm: str, seed: int, figures: list[float], **more: float) -> None:
        made = {"arm": arm, "seed": seed, "worlds": len(figures), "cells": dict.fromkeys(titles, figures), **more}
        (tmp_path / "kept" / folder).mkdir(parents=True)
        (tmp_path / "kept" / folder / "scores.json").write_text(json.dumps(made))
        track = [{"cpu_s": cpu_s, "policy": name} for cpu_s, name in ((5.0, "a"), (9.0, "b"), (10.0, "b"))]
        (tmp_path / "kept" / folder / "track.jsonl").write_text("\n".join(map(json.dumps, track)))
        course = [{"cpu_s": 10.0, "decisions": more.get("decisions", 0), "return": figures[0]}]
        (tmp_path / "kept" / folder / "course.json").write_text(json.dumps(course))

    out = tmp_path / "out"
    assert not pages.write_page(tmp_path / "kept", out)
    keep("shipped", "shipped", 0, [0.5, 0.7])
    keep("shipped, no drains", "shipped, no drains", 0, [0.4, 0.6])
    keep("residual/seed-0", "residual", 0, [0.6, 0.8], minutes=2.0, cpu_s=120.0, decisions=1_000_000)
    keep("residual/seed-1", "residual", 1, [0.8, 1.0], minutes=2.0, cpu_s=130.0, decisions=2_000_000)
    assert pages.write_page(tmp_path / "kept", out)
    text = (out / "policy-deep.md").read_text()
    assert "| grid | Jain's index | 0.600 | **+0.200 ± 0.000** |" in text
    assert "| residual | 2 | 125 | 9 9 | 1.50 | 0.700 0.900 | – |" in text
    assert "| shipped, no drains | -0.100 ± 0.000 |" in text
    assert (out / "policy-deep.png").is_file()
    assert (out / "policy-deep.csv").read_text().count("\n") == 1 + 3 * len(titles)
