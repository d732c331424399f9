from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import pytest

STUDIES = Path(__file__).parents[2] / "studies"
sys.path.insert(0, str(STUDIES))

from searched.plan import load_plan  # noqa: E402
from searched.search import point  # noqa: E402
from time_to_accuracy import TRANSPORTS, Timed, page  # noqa: E402


def timed(method: str, knobs: dict[str, float], seconds: float, curve: list[list[float]], seed: int = 0) -> Timed:
    final = curve[-1][1]
    row: dict[str, Any] = {"bytes": 800, "rounds": 10, "curve": curve, "accuracy": final, "validation": final}
    return Timed(method, point(knobs), seed, "server", {**dict.fromkeys(TRANSPORTS, seconds), "training": 0.75}, row)


SLOW = [[400, 0.5], [800, 0.8]]
QUICK = [[400, 0.8], [800, 0.9]]
FEDAVG = {"chains": 4, "epochs": 5, "rate": 0.02}
ASTRAEA = {"chains": 1, "chain": 20, "epochs": 5, "passes": 1, "rate": 0.01}


def test_an_accuracy_is_reached_at_the_first_evaluation_that_shows_it() -> None:
    run = timed("FedAvg", FEDAVG, 3.0, SLOW)

    assert run.reaches("CUBIC", 0.5) == 15
    assert run.reaches("CUBIC", 0.6) == 30
    assert math.isinf(run.reaches("CUBIC", 0.9))


def test_the_page_takes_each_methods_soonest_plan() -> None:
    runs = [
        timed("FedAvg", FEDAVG, 3.0, SLOW),
        timed("FedAvg, copies, running prior", FEDAVG, 3.0, QUICK),
        timed("Astraea", ASTRAEA, 8.0, QUICK),
        timed("Astraea", {**ASTRAEA, "chain": 10}, 2.0, QUICK),
        timed("FedAvg", FEDAVG, 3.0, SLOW, seed=1),
        timed("Astraea", {**ASTRAEA, "chain": 10}, 2.5, QUICK, seed=1),
    ]

    text = page({"edge": runs}, load_plan(STUDIES / "frontier.toml"), "devanagari", "random", 4)

    table = text[: text.index("| corners")]
    rows = {line.split(" | ")[0][2:]: line.split(" | ") for line in table.splitlines() if line.startswith("| ")}
    assert rows["FedAvg"][1:6] == ["30", "30", "30", "30", "1.00"]
    assert rows["FedAvg, copies, running prior"][1] == "15"
    assert rows["Astraea"][1:7] == ["10", "10", "10", "10", "3.00", "2.00"]
    assert rows["Astraea"][7] == "75"
    assert rows["Astraea"][8] == "1 × 10, 5 epochs, rate 0.01, mediators: server"
    assert rows["Astraea"][9].startswith("12 (1 of 1)")
    corners = [line for line in text.splitlines() if line.startswith("| Astraea | 3.00")]
    assert [line.split(" | ")[1:4] for line in corners] == [["3.00", "1.00", "3.00"]]
    assert "80.0 %" in text


@pytest.mark.parametrize("name", ["devanagari"])
def test_the_page_that_is_kept_is_of_these_methods(name: str) -> None:
    text = (STUDIES.parent / "docs" / "results" / "time-to-accuracy.md").read_text()

    assert text.startswith("# Time to accuracy\n")
    assert name in text
