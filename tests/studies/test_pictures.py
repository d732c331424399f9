"""Pictures of finished studies: what is drawn where, from rows of a table written by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import typer

STUDIES = Path(__file__).parents[2] / "studies"


@pytest.fixture(scope="module")
def pictures(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("pictures")


def _rows(*cells: tuple[str, str, str, float, float]) -> list[dict[str, str]]:
    names = ("dataset", "case", "arm", "final (%)", "sent (MB)")
    return [dict(zip(names, map(str, cell), strict=True)) for cell in cells]


def test_arms_of_all_cases_stand_at_the_left_and_seeds_at_their_values(pictures: ModuleType) -> None:
    rows = _rows(
        ("digits", "a", "fedavg", 60, 1),
        ("digits", "a", "fedavg", 70, 1),
        ("digits", "b", "astraea", 80, 1),
        ("cifar10", "a", "fedavg", 30, 1),
    )
    panels = pictures.accuracies(rows).axes
    assert [panel.get_title(loc="left") for panel in panels] == ["digits, a", "b", "CIFAR-10, a", "b"]
    assert [label.get_text() for label in panels[0].get_yticklabels()] == ["FedAvg", "Astraea"]
    seeds, mean = panels[0].lines
    assert list(seeds.get_xdata()) == [60, 70]
    assert list(mean.get_xdata()) == [65]
    assert list(panels[1].lines[0].get_ydata()) == [1]  # Astraea keeps its line where FedAvg has none
    assert panels[0].get_xlim() == panels[1].get_xlim() != panels[2].get_xlim()


def test_cases_of_one_dataset_stand_one_below_the_other(pictures: ModuleType) -> None:
    rows = _rows(("digits", "a", "fedavg", 60, 1), ("digits", "b", "alpha=0", 70, 1))
    above, below = pictures.accuracies(rows).axes
    assert [label.get_text() for label in above.get_yticklabels()] == ["FedAvg"]
    assert [label.get_text() for label in below.get_yticklabels()] == ["alpha=0"]
    assert above.get_xlim() == below.get_xlim()


def test_traffic_has_means_and_spreads(pictures: ModuleType) -> None:
    rows = _rows(
        ("digits", "a", "fedavg", 60, 10), ("digits", "a", "fedavg", 62, 30), ("digits", "a", "astraea", 80, 5)
    )
    (panel,) = pictures.traffic(rows).axes
    first, second = panel.containers
    assert (first.lines[0].get_xdata()[0], first.lines[0].get_ydata()[0]) == (20, 61)
    (bar,) = first.lines[2][0].get_segments()
    assert bar[:, 1] == pytest.approx([61 - 2**0.5, 61 + 2**0.5])
    assert np.ptp(second.lines[2][0].get_segments()[0][:, 1]) == 0  # one seed has no spread


def test_every_table_of_a_study_can_be_drawn(pictures: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "cost.csv").write_bytes((STUDIES.parent / "docs" / "results" / "cost.csv").read_bytes())
    pictures.main(["cost"], tmp_path)
    assert (tmp_path / "cost.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(typer.Exit):
        pictures.main(["headline"], tmp_path)
