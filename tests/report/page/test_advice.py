import json
from pathlib import Path

import pytest
from folders import write_comparison, write_run

from astraea.report.page.advice import after_comparison, after_run
from astraea.report.page.records import ComparisonRecord, RunRecord, read_record


def of_run(folder: Path) -> list[str]:
    record = read_record(folder)
    assert isinstance(record, RunRecord)
    return after_run(record)


def of_comparison(folder: Path) -> list[str]:
    record = read_record(folder)
    assert isinstance(record, ComparisonRecord)
    return after_comparison(record)


def test_a_good_run_asks_for_nothing(tmp_path: Path) -> None:
    assert of_run(write_run(tmp_path / "run", [0.8, 0.8])) == []


def test_an_unfinished_run_says_how_to_go_on(tmp_path: Path) -> None:
    (told,) = of_run(write_run(tmp_path / "my run", [0.8], finished=False))
    assert told.endswith(f"astraea run --resume --out '{tmp_path}/my run'")


def test_classes_below_half_are_named(tmp_path: Path) -> None:
    (told,) = of_run(write_run(tmp_path / "run", [0.5], algorithm="fedavg", recalls=[0.9, 0.49]))
    assert told.startswith("1 of 2 classes are recognised less than half of the time (dog).")
    assert "--arms fedavg,astraea" in told
    (told,) = of_run(write_run(tmp_path / "other", [0.5], recalls=[0.9, None, 0.2], classes=["cat", "dog", "eel"]))
    assert "1 of 3 classes" in told
    assert "(eel)" in told


def test_a_run_that_still_learns_is_too_short(tmp_path: Path) -> None:
    rising = [0.1 * n for n in range(1, 11)]  # the last fifth: 0.9 and 1.0, the one before: 0.7 and 0.8
    assert of_run(write_run(tmp_path / "run", rising)) == [
        "Accuracy rose by 20.0 points in the last fifth of the run: train for longer."
    ]


def test_skipped_visits_and_waiting_are_told(tmp_path: Path) -> None:
    split = {"compute": 2.0, "transfer": 6.0, "waiting": 2.0}
    skipped, waiting = of_run(
        write_run(tmp_path / "run", [0.8, 0.8], visits_skipped=3, simulated_seconds=10.0, simulated_split=split)
    )
    assert skipped.startswith("3 visits were skipped")
    assert waiting.startswith("80% of the simulated time")


def test_waiting_for_who_is_away_asks_for_a_deadline(tmp_path: Path) -> None:
    split = {"compute": 1.0, "transfer": 1.0, "waiting": 8.0}
    folder = write_run(tmp_path / "run", [0.8, 0.8], simulated_seconds=10.0, simulated_split=split)
    lines = [json.loads(text) for text in (folder / "metrics.jsonl").read_text().splitlines()]
    (folder / "metrics.jsonl").write_text(
        "".join(json.dumps(one | {"round_away_seconds": 3.0}) + "\n" for one in lines)
    )

    (told,) = of_run(folder)

    assert told.startswith(
        "60% of the simulated time was waiting for clients that could not be reached: with a deadline_s"
    )


@pytest.mark.parametrize(
    ("finals", "told"),
    [
        (
            {"fedavg": [0.5, 0.5, 0.5], "astraea": [0.7, 0.71, 0.69]},
            "Use astraea: it is 20.0 points of balanced accuracy above fedavg, between 17.5",
        ),
        ({"fedavg": [0.7, 0.6], "astraea": [0.7, 0.61]}, "fedavg is level with astraea"),
        (
            {"fedavg": [0.5, 0.6], "astraea": [0.5, 0.9]},
            "astraea is 15.0 points of balanced accuracy above fedavg, but 2 seeds leave it open",
        ),
        ({"fedavg": [0.5], "astraea": [0.9]}, "astraea is 40.0 points of balanced accuracy above fedavg with one seed"),
        ({"fedavg": [0.9], "astraea": [0.5]}, "No arm is above fedavg in balanced accuracy with one seed: run more"),
        ({"fedavg": [0.9, 0.9], "astraea": [0.5, 0.5]}, "Use fedavg: no arm is above it in balanced accuracy."),
    ],
)
def test_fedavg_is_advised_where_it_is_enough(tmp_path: Path, finals: dict[str, list[float]], told: str) -> None:
    (said,) = of_comparison(write_comparison(tmp_path / "out", finals))
    assert said.startswith(told)


def test_a_rate_at_the_end_of_its_grid_is_told(tmp_path: Path) -> None:
    searched = {
        "astraea": {"0.01": 0.3, "0.1": 0.5},
        "fedavg": {"0.05, cosine": 0.1, "0.1, cosine": 0.9, "0.2, constant": None},
    }
    finals = {"astraea": [0.5], "fedavg": [0.5]}
    told = of_comparison(write_comparison(tmp_path / "out", finals, searched))
    assert told[0] == "astraea does best at the highest learning rate tried, 0.1: try rates beyond it."
    assert len(told) == 2


def test_a_search_that_tells_nothing_apart_is_told(tmp_path: Path) -> None:
    searched = {"fedavg": {"0.01": 0.25, "0.1": 0.25}}
    told = of_comparison(write_comparison(tmp_path / "out", {"fedavg": [0.5, 0.5], "astraea": [0.4, 0.4]}, searched))
    assert told[0] == (
        "fedavg has the same score at everything that was tried: the search says nothing. "
        "Train for more rounds, or try other learning rates."
    )


def test_more_rounds_are_advised_only_while_they_help(tmp_path: Path) -> None:
    (told,) = of_run(write_run(tmp_path / "flat", [0.5, 0.6, 0.6, 0.55], recalls=[0.9, 0.1]))
    assert told.endswith("More rounds do not help: the second half of the run brought nothing. They need more samples.")
    (told,) = of_run(write_run(tmp_path / "up", [0.5, 0.6, 0.61, 0.62], recalls=[0.9, 0.1]))
    assert told.endswith("They need more samples, or more rounds.")


def test_a_comparison_tells_what_its_runs_noted(tmp_path: Path) -> None:
    folder = write_comparison(tmp_path / "out", {"fedavg": [0.5, 0.5], "astraea": [0.4, 0.4]})
    file = folder / "astraea" / "seed-1" / "summary.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"notes": ["One answer for all."]}))
    assert of_comparison(folder)[-1] == "astraea, 1 of 2 seeds: One answer for all."
