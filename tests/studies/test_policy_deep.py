"""The comparison of deep policies: what is switched off, intervals by hand, and a page made from folders alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from astraea.congestion.policy import Policy, shipped_policy
from astraea.congestion.policy.policy import PolicyHeader
from astraea.congestion.trainer.evolution import EvolutionSettings
from astraea.congestion.trainer.td3 import Td3Settings

Load = Callable[[str], ModuleType]


@pytest.fixture
def load(script: Callable[[str, str], ModuleType]) -> Load:
    return lambda name: script(name, "policy")


def test_all_that_evolve_play_as_much_and_matd3_as_many_decisions_as_it_is_told(load: Load) -> None:
    arms = load("deep_arms")
    evolved = [arms.settings_of(name, 1, 5) for name in ("law", "residual", "network")]
    assert {(s.generations, s.population, s.mixes, s.each, s.noisy, s.seed) for s in evolved} == {
        (5, 20, 1, 1, True, 1)
    }
    assert [(type(s), s.subject) for s in evolved] == [
        (EvolutionSettings, "law"),
        (EvolutionSettings, "residual"),
        (EvolutionSettings, "network"),
    ]
    matd3 = arms.settings_of("matd3", 1, 5)
    assert isinstance(matd3, Td3Settings)
    assert (matd3.flow_steps, matd3.updates, matd3.minutes) == (60_000, 12, None)
    assert max(matd3.actor_widths) <= 32
    alone, on_law = (arms.settings_of(name, 1, 5) for name in ("mappo", "mappo on the law"))
    assert (alone.subject, on_law.subject) == ("network", "residual")
    assert alone.flow_steps == on_law.flow_steps == matd3.flow_steps
    assert on_law.law == evolved[1].law


def test_a_zeroed_residual_is_its_law_and_a_zeroed_network_does_nothing(load: Load) -> None:
    deep, law = load("deep"), shipped_policy()
    network = np.arange(10 * 4 + 4, dtype=np.int32)
    header = PolicyHeader(kind="residual", control=law.header.control, widths=(10, 4))
    residual = Policy(header, np.concatenate([law.weights, network]))
    zeroed = deep.zeroed(residual)
    assert zeroed.weights.tolist() == [*law.weights.tolist(), *[0] * 44]
    x = np.zeros(25, np.int32)
    x[[0, 4, 8, 12, 18, 24]] = [9216, 9216, 9216, 9216, 9216, 1000]
    assert zeroed.action(x) == law.action(x) != residual.action(x)
    plain = Policy(PolicyHeader(kind="network", widths=(25, 1)), np.ones(26, np.float32))
    assert deep.zeroed(plain).action(x) == 0 < plain.action(x)
    assert law.header.control.rivals
    assert not deep.without_rivals(residual).header.control.rivals
    assert deep.without_drains(law).header.control.refresh_s is None


def test_cells_have_worlds_of_seeds_of_their_own(load: Load) -> None:
    cells = load("deep_cells")
    for cell in cells.CELLS:
        worlds = cell.worlds(3)
        assert len(worlds) == len({case.world.seed for case in worlds}) == 3
    rival = next(cell for cell in cells.CELLS if cell.title == "beside BBR")
    assert {case.conditions["rival"] for case in rival.worlds(20)} == {"bbr"}
    assert rival.value({"own_share": 1.4, "other_share": 0.6}) == 0.6


def test_an_interval_by_hand(load: Load) -> None:
    # gains 1, 2, 3: mean 2, deviation 1, Student's 4.303 with two degrees of freedom over the root of 3
    assert load("deep_pages").interval([1, 2, 3]) == pytest.approx((2.0, 4.3027 / 3**0.5), abs=1e-3)


def test_the_page_shows_gains_in_the_same_worlds(load: Load, tmp_path: Path) -> None:
    pages, cells = load("deep_pages"), load("deep_cells")

    def keep(folder: str, arm: str, seed: int, figures: list[float]) -> None:
        made = {"arm": arm, "seed": seed, "worlds": len(figures), "generations": 5, "cpu_s": 30.0 + seed}
        made["cells"] = {cell.title: figures for cell in cells.CELLS}
        (tmp_path / "kept" / folder).mkdir(parents=True)
        (tmp_path / "kept" / folder / "scores.json").write_text(json.dumps(made))

    out = tmp_path / "out"
    assert not pages.write_page(tmp_path / "kept", out)
    keep("shipped", "shipped", 0, [0.5, 0.7])
    keep("residual/seed-0", "residual", 0, [0.6, 0.8])
    keep("residual/seed-1", "residual", 1, [0.8, 1.0])
    assert pages.write_page(tmp_path / "kept", out)
    text = (out / "policy-deep.md").read_text()
    assert "| residual | 2 | 0.800 (+0.200 ± 0.000) |" in text
    assert "| shipped | 1 | 0.600 |" in text
    assert "| residual | 2 | 30 | 30 | 31 |" in text
    assert (out / "policy-deep.csv").read_text().count("\n") == 1 + 2 * len(cells.CELLS)
