"""The table and the picture of a comparison, from folders written by hand."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from astraea.errors import RunError
from astraea.experiment.comparison import Comparison, load_comparison
from astraea.report.comparison import write_report

ACCURACIES = {"fedavg": (0.5, 0.6), "astraea": (0.7, 0.7)}


def summary(accuracy: float) -> dict[str, Any]:
    return {
        "accuracy_final": accuracy,
        "accuracy_best": accuracy + 0.1,
        "balanced_accuracy_final": accuracy,
        "tail_recall": None if accuracy == 0.6 else accuracy,
        "worst_decile_client_accuracy": accuracy,
        "samples_processed": 12_000,
        "critical_path_steps": 340,
        "bytes_sent": 5_000_000,
        "storage_overhead": 0.25,
        "per_class_recall": [accuracy, None, 1.0],
        "class_names": ["a", "b", "c"],
    }


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    for arm, accuracies in ACCURACIES.items():
        for seed, accuracy in enumerate(accuracies):
            folder = tmp_path / arm / f"seed-{seed}"
            folder.mkdir(parents=True)
            (folder / "summary.json").write_text(json.dumps(summary(accuracy)))
            lines = [
                {"round": r, "accuracy": accuracy * r / 2, "samples_processed": 6000 * r, "bytes_sent": 100 * r}
                for r in (1, 2)
            ]
            (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    facts = {"arms": list(ACCURACIES), "seeds": [0, 1], "samples": 12_000, "rates": {"fedavg": 0.1, "astraea": 0.05}}
    (tmp_path / "comparison.json").write_text(json.dumps(facts | {"searched": {}}))
    return load_comparison(tmp_path)


def test_markdown_has_mean_and_sample_standard_deviation(comparison: Comparison) -> None:
    lines = comparison.to_markdown().splitlines()
    assert lines[0].startswith("| arm | accuracy, final (%) | best (%) |")
    # 50 and 60: mean 55, sample standard deviation sqrt(2 * 25) = 7.07; what a seed lacks is not averaged.
    assert (
        lines[2] == "| fedavg | 55.0 ± 7.1 | 65.0 ± 7.1 | 55.0 ± 7.1 | – | 55.0 ± 7.1 | 12 | 0.34 | 5.0 | 25 |  | 0.1 |"
    )
    assert lines[3].startswith("| astraea | 70.0 ± 0.0 |")


def test_the_terminals_table_has_a_column_an_arm(comparison: Comparison) -> None:
    shown = str(comparison)
    assert "2 seeds, mean ± standard deviation" in shown
    assert "70.0 ± 0.0" in shown


def test_the_report_keeps_every_value(comparison: Comparison) -> None:
    write_report(comparison)
    with (comparison.folder / "values.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["arm"], row["seed"], row["accuracy_final"]) for row in rows] == [
        ("fedavg", "0", "0.5"),
        ("fedavg", "1", "0.6"),
        ("astraea", "0", "0.7"),
        ("astraea", "1", "0.7"),
    ]
    assert (comparison.folder / "comparison.png").stat().st_size > 10_000
    (comparison.folder / "table.md").unlink()
    (comparison.folder / "table.md").mkdir()
    with pytest.raises(RunError, match=r"table\.md cannot be written"):
        write_report(comparison)


def test_curves_are_means_over_seeds_at_common_points(comparison: Comparison) -> None:
    panel = comparison.figure().axes[0]
    x, y = panel.lines[0].get_data()
    assert list(np.asarray(x)) == [6.0, 12.0]
    assert list(np.asarray(y)) == pytest.approx([27.5, 55.0])
