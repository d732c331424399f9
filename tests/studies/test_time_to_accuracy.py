from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from astraea.errors import InputError

sys.path.insert(0, str(Path(__file__).parents[2] / "studies"))

from searched.plan import Setup, load_plan
from searched.search import point
from time_to_accuracy import TRANSPORTS, Timed, Times, TimesFile, main, page

STUDIES = Path(__file__).parents[2] / "studies"


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


SETUP = Setup("devanagari", "random", "fedavg", point({"chains": 4, "epochs": 5}), 0)
ROUNDS = {("edge", "server"): Times(3.0, 0.75), ("edge", "clients"): Times(2.5, 0.5)}


def test_times_are_kept_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "scores" / "times.jsonl"
    TimesFile(file, 8).add(SETUP, "BBR", ROUNDS)

    again = TimesFile(file, 8)

    assert again.get(SETUP, "BBR") == ROUNDS
    assert again.get(SETUP, "CUBIC") is None
    assert TimesFile(file, 4).get(SETUP, "BBR") is None  # so many other rounds were timed


def test_times_under_another_profile_of_a_controller_are_taken_anew(tmp_path: Path) -> None:
    file = tmp_path / "times.jsonl"
    TimesFile(file, 8).add(SETUP, "policy", ROUNDS)
    file.write_text(file.read_text().replace('"efficiency": "0.', '"efficiency": "1.'))

    assert TimesFile(file, 8).get(SETUP, "policy") is None


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "times.jsonl"
    TimesFile(file, 8).add(SETUP, "policy", ROUNDS)
    file.write_text(file.read_text() + '{"way"\n')

    with pytest.raises(InputError, match=r"times.jsonl, line 2 is damaged .* delete it, and it is timed anew"):
        TimesFile(file, 8)


def test_an_unknown_way_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        main(ways="CUBIC,BRB", arms="", timed=1, scores=tmp_path / "times.jsonl", results=tmp_path)
    assert "unknown method or way 'BRB'; did you mean 'BBR'" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("name", ["devanagari"])
def test_the_page_that_is_kept_is_of_these_methods(name: str) -> None:
    text = (STUDIES.parent / "docs" / "results" / "time-to-accuracy.md").read_text()

    assert text.startswith("# Time to accuracy\n")
    assert name in text
