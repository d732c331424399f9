import io
import json
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from astraea.data import Dataset, Samples, Scenario, ScenarioSettings, build_scenario
from astraea.report.scenario import scenario_figure, scenario_summary, scenario_text


def _scenario(counts: list[int], clients: list[list[int]] | int, **settings: object) -> Scenario:
    y = np.repeat(np.arange(len(counts)), counts)
    samples = Samples(np.zeros((len(y), 1)), y)
    y = np.repeat(np.arange(len(counts)), np.maximum(counts, 1))  # a class that nobody trains on is tested
    test = Samples(np.zeros((len(y), 1)), y)
    dataset = Dataset("toy", samples, test, tuple(f"class {c}" for c in range(len(counts))))
    given = {"clients": clients} if isinstance(clients, int) else {"skew": "indices", "indices": clients}
    return build_scenario(dataset, ScenarioSettings.model_validate({**given, **settings}), seed=0)


def _text(scenario: Scenario, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(scenario_text(scenario))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_summary_is_exact_and_fit_for_json() -> None:
    summary = scenario_summary(_scenario([3, 1], [[0, 3], [1, 2]]))
    assert json.loads(json.dumps(summary)) == summary
    assert summary["samples"] == 4
    assert summary["global_counts"] == [3, 1]
    assert summary["imbalance_ratio"] == 3
    # 3/4 ln(3/2) + 1/4 ln(1/2)
    assert summary["global_kl"] == pytest.approx(0.130812)
    assert summary["clients"] == [
        {"name": "0", "samples": 2, "kl": 0.0, "counts": [1, 1]},
        {"name": "1", "samples": 2, "kl": pytest.approx(np.log(2)), "counts": [2, 0]},
    ]
    assert summary["client_kl"]["mean"] == pytest.approx(np.log(2) / 2)
    assert summary["client_classes"] == {"min": 1, "p10": 1.1, "median": 1.5, "p90": 1.9, "max": 2, "mean": 1.5}
    assert summary["test_counts"] == [3, 1]
    assert summary["validation_counts"] is None


def test_a_class_nobody_holds_leaves_the_imbalance_open() -> None:
    scenario = _scenario([3, 1], [[0], [1]])
    assert scenario_summary(scenario)["imbalance_ratio"] is None
    assert "imbalance unbounded" in _text(scenario)


def test_few_clients_and_classes_are_shown_as_numbers() -> None:
    lines = _text(_scenario([3, 1], [[0, 3], [1, 2]])).splitlines()
    assert "2 clients, 2 classes; 4 training samples, 4 for test" in lines
    cells = [line.split() for line in lines]
    assert ["0", "2", "0.000", "1", "1"] in cells
    assert ["1", "2", "0.693", "2", "·"] in cells
    assert ["all", "4", "0.131", "3", "1"] in cells


def test_many_classes_are_shown_as_a_profile() -> None:
    text = _text(_scenario([8, 4, 1] + [0] * 8 + [2], [list(range(15))]))
    assert "█▄▁        ▂" in text
    # 101 classes need 34 characters for three each, the last for two: means of 6, 3, 0, ..., 0, 1.
    text = _text(_scenario([8, 8, 2, 4, 4, 1] + [0] * 93 + [1, 1], [list(range(29))]))
    assert "█▄" + " " * 31 + "▂" in text


@pytest.mark.parametrize("classes", [10, 47, 200])
def test_many_clients_fit_a_terminal(classes: int) -> None:
    text = _text(_scenario([600] * classes, 500, sizes="uploads"))
    assert max(map(len, text.splitlines())) <= 80
    assert "12 of 500 clients" in text
    table = text[text.index("─") : text.index(" all ")].splitlines()[1:]
    sizes = [int(line.split()[1]) for line in table if line.strip()]
    assert len(sizes) == 12
    assert sizes == sorted(sizes, reverse=True)


def test_notes_are_shown() -> None:
    text = _text(_scenario([30, 30], 3, labels="linear", samples=60), width=200)
    assert "Note: Class 'class 0' has 30 training samples where 40 are asked for" in text


@pytest.mark.parametrize(("clients", "sizes"), [(3, "even"), (60, "uploads")])
def test_the_picture_shows_the_scenarios_numbers(clients: int, sizes: str) -> None:
    scenario = _scenario([4000, 2000, 1000], clients, sizes=sizes, skew="dirichlet")
    figure = scenario_figure(scenario)
    figure.savefig(io.BytesIO())
    axes_of: list[Any] = list(figure.axes)
    heat, bars, _colorbar, size_axes, kl_axes = axes_of
    assert [patch.get_height() for patch in bars.patches] == [4000, 2000, 1000]
    shares = heat.images[0].get_array()
    assert shares is not None
    assert shares.shape == (clients, 3)
    assert np.asarray(shares).sum(axis=1) == pytest.approx(np.ones(clients))
    assert [tick.get_text() for tick in heat.get_xticklabels()] == ["class 0", "class 1", "class 2"]
    for axes in (size_axes, kl_axes):
        assert sum(patch.get_height() for patch in axes.patches) == clients


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (tuple(f"a long name {c}" for c in range(46)), [str(c) for c in range(46)]),
        (tuple(map(str, range(90))), [str(c) for c in range(0, 90, 2)]),
    ],
)
def test_many_classes_are_labelled_as_far_as_there_is_room(names: tuple[str, ...], labels: list[str]) -> None:
    samples = Samples(np.zeros((len(names), 1)), np.arange(len(names)))
    dataset = Dataset("toy", samples, samples, names)
    figure = scenario_figure(build_scenario(dataset, ScenarioSettings(clients=2), seed=0))
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == labels
