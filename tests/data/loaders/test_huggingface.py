from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from astraea.data import load_dataset
from astraea.errors import DataError, InputError


@pytest.fixture
def hf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """The library, with its cache in the test's own folder and no bars."""
    datasets = pytest.importorskip("datasets", reason="needs the extra astraea[huggingface]")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    datasets.disable_progress_bars()
    return datasets


@pytest.fixture
def letters(hf: object, tmp_path: Path, png: Callable[..., bytes]) -> Path:
    """Images, named classes and writers, in splits train, test and validation, saved to disk."""
    features = hf.Features(  # type: ignore[attr-defined]
        {"image": hf.Image(), "label": hf.ClassLabel(names=["b", "a"]), "writer": hf.Value("string")}  # type: ignore[attr-defined]
    )

    def part(labels: list[int], first: int) -> object:
        images = [{"bytes": png(np.full((4, 5), first + n, np.uint8)), "path": None} for n in range(len(labels))]
        rows = {"image": images, "label": labels, "writer": [f"w{n}" for n in range(len(labels))]}
        return hf.Dataset.from_dict(rows, features=features)  # type: ignore[attr-defined]

    parts = {"train": part([0, 1, 1], 0), "test": part([1], 50), "validation": part([0], 90)}
    hf.DatasetDict(parts).save_to_disk(tmp_path / "letters")  # type: ignore[attr-defined]
    return tmp_path / "letters"


def test_a_saved_dataset_of_images_is_read(letters: Path) -> None:
    dataset = load_dataset("huggingface", path=letters, columns=("writer",), download=False)
    assert dataset.test is not None
    assert dataset.train.x.shape == (3, 1, 4, 5)
    assert dataset.train.x[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert dataset.class_names == ("b", "a")
    assert dataset.train.y.tolist() == [0, 1, 1]
    assert dataset.train.columns["writer"].tolist() == ["w0", "w1", "w2"]
    assert dataset.test.x[0, 0, 0, 0] == 50


def test_another_split_may_be_tested_on_and_images_converted(letters: Path) -> None:
    dataset = load_dataset("huggingface", path=letters, test_split="validation", colour="rgb", image_size=8)
    assert dataset.test is not None
    assert dataset.train.x.shape == (3, 3, 8, 8)
    assert dataset.test.x[0, 0, 0, 0] == 90


def test_names_that_are_not_there_name_the_nearest(letters: Path) -> None:
    with pytest.raises(InputError, match="unknown split 'valid'; did you mean 'validation'"):
        load_dataset("huggingface", path=letters, test_split="valid")
    with pytest.raises(InputError, match="unknown column 'writers'; did you mean 'writer'"):
        load_dataset("huggingface", path=letters, columns=("writers",))
    with pytest.raises(InputError, match="unknown column 'labels'; did you mean 'label'"):
        load_dataset("huggingface", path=letters, label_column="labels")


@pytest.mark.usefixtures("hf")
def test_a_file_of_numbers_is_read(tmp_path: Path) -> None:
    rows = [{"signal": [0.5, float(n)], "activity": "sit" if n < 3 else "run"} for n in range(4)]
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    options = {"image_column": "signal", "label_column": "activity"}
    dataset = load_dataset("huggingface", path=tmp_path / "rows.jsonl", **options)
    assert dataset.test is None
    assert dataset.train.x.dtype == np.float32
    assert dataset.class_names == ("run", "sit")
    assert dataset.train.x.tolist() == [[0.5, 0.0], [0.5, 1.0], [0.5, 2.0], [0.5, 3.0]]
    assert dataset.train.y.tolist() == [1, 1, 1, 0]
    with pytest.raises(InputError, match="no column is called 'label': set label_column to one of signal, activity"):
        load_dataset("huggingface", path=tmp_path / "rows.jsonl")


@pytest.mark.usefixtures("hf")
def test_a_folder_of_parquet_is_read(hf: object, tmp_path: Path) -> None:
    table = hf.Dataset.from_dict({"x": [[1.0], [2.0]], "y": [0, 1]})  # type: ignore[attr-defined]
    (tmp_path / "tables").mkdir()
    table.to_parquet(tmp_path / "tables" / "train.parquet")
    assert load_dataset("huggingface", path=tmp_path / "tables").train.x.tolist() == [[1.0], [2.0]]


@pytest.mark.usefixtures("hf")
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"not parquet")
    with pytest.raises(DataError, match=r"Hugging Face cannot load .*broken.parquet.*: check its name"):
        load_dataset("huggingface", path=tmp_path / "broken.parquet")
    with pytest.raises(DataError, match="'nobody/nothing' is not on disk and downloading is off"):
        load_dataset("huggingface", path="nobody/nothing", dir=tmp_path, download=False)


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"needs the package datasets: pip install datasets"):
        load_dataset("huggingface", path=tmp_path)
