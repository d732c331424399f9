from pathlib import Path

import pytest
from folders import write_comparison, write_run

from astraea.errors import InputError, RunError
from astraea.report.page.records import RunRecord, read_record


def test_an_empty_folder_says_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no run with a finished round.*--out"):
        read_record(tmp_path)


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [0.1, 0.2], finished=False)
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"round": 3, "acc')
    record = read_record(folder)
    assert isinstance(record, RunRecord)
    assert [line["round"] for line in record.history] == [1, 2]
    assert not record.finished


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("metrics.jsonl", "{\n{}\n", "line 1, is damaged"),
        ("summary.json", "[]", "no JSON object"),
        ("summary.json", "{", "is damaged"),
        ("config.toml", "= 3", "is damaged"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, text: str, words: str) -> None:
    folder = write_run(tmp_path / "run", [0.1])
    (folder / name).write_text(text)
    with pytest.raises(RunError, match=words) as caught:
        read_record(folder)
    assert name in str(caught.value)


def test_a_run_that_a_comparison_lacks_is_named(tmp_path: Path) -> None:
    folder = write_comparison(tmp_path / "out", {"fedavg": [0.1]})
    (folder / "fedavg" / "seed-0" / "config.toml").unlink()
    with pytest.raises(RunError, match=r"seed-0/config\.toml is missing"):
        read_record(folder)
