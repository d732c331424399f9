from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from astraea.data import load_dataset
from astraea.data.loaders.uci_har import CHANNELS
from astraea.errors import DataError


def _published(rows: int = 3) -> dict[str, str]:
    """The text files of UCI's archive; reading j of window i on channel k is 100 k + i + j / 1000."""
    files = {}
    for part, windows in (("train", rows), ("test", 1)):
        for number, channel in enumerate(CHANNELS):
            lines = [
                "".join(f" {100 * number + window + reading / 1000: .7e}" for reading in range(128))
                for window in range(windows)
            ]
            files[f"{part}/Inertial Signals/{channel}_{part}.txt"] = "\n".join(lines) + "\n"
        files[f"{part}/y_{part}.txt"] = "".join(f"{1 + window % 6}\n" for window in range(windows))
        files[f"{part}/subject_{part}.txt"] = "".join(f"{30 - window}\n" for window in range(windows))
    return files


def _write(tmp_path: Path, form: str, files: dict[str, str]) -> None:
    if form == "folder":
        for name, text in files.items():
            path = tmp_path / "uci-har" / "UCI HAR Dataset" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"UCI HAR Dataset/{name}", text)
    if form == "inner zip":
        (tmp_path / "UCI HAR Dataset.zip").write_bytes(inner.getvalue())
        return
    with zipfile.ZipFile(tmp_path / "human+activity+recognition+using+smartphones.zip", "w") as archive:
        archive.writestr("UCI HAR Dataset.names", "a description")
        archive.writestr("UCI HAR Dataset.zip", inner.getvalue())


@pytest.mark.parametrize("form", ["zip", "inner zip", "folder"])
def test_the_published_files_are_read(tmp_path: Path, form: str) -> None:
    _write(tmp_path, form, _published())
    dataset = load_dataset("uci-har", dir=tmp_path, download=False)
    assert dataset.test is not None
    assert dataset.train.x.shape == (3, 9, 128)
    assert dataset.train.x.dtype == np.float32
    assert not dataset.is_image
    assert dataset.train.x[2, 8, 127] == pytest.approx(802.127)
    assert dataset.train.y.tolist() == [0, 1, 2]
    assert dataset.train.columns["subject"].tolist() == [30, 29, 28]
    assert dataset.test.x.shape == (1, 9, 128)
    assert dataset.class_names[5] == "LAYING"


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("train/y_train.txt", "1\n2\n7\n", "labels from 0 to 6"),
        ("train/y_train.txt", "1\n2\n", "labels of shape"),
        ("train/Inertial Signals/body_acc_x_train.txt", "1 2 3\n", "128 columns and equal length"),
        ("train/Inertial Signals/body_acc_x_train.txt", "1 2\n3\n", "body_acc_x_train.txt cannot be used"),
        ("train/subject_train.txt", "one\ntwo\nthree\n", "subject_train.txt cannot be used"),
        ("train/subject_train.txt", "1\n", "column 'subject' has shape"),
        ("test/Inertial Signals/total_acc_z_test.txt", "nan " * 128, "NaN or infinite"),
    ],
)
def test_damage_is_told(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    _write(tmp_path, "folder", _published() | {name: text})
    with pytest.raises(DataError, match=complaint):
        load_dataset("uci-har", dir=tmp_path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    files = _published()
    del files["test/y_test.txt"]
    _write(tmp_path, "zip", files)
    with pytest.raises(
        DataError, match=r"UCI HAR Dataset.zip/UCI HAR Dataset/test/y_test.txt cannot be used \(it is not there\)"
    ):
        load_dataset("uci-har", dir=tmp_path)


def test_a_page_in_place_of_the_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "UCI HAR Dataset.zip").write_text("<html>moved</html>")
    with pytest.raises(DataError, match=r"UCI HAR Dataset.zip cannot be used \(File is not a zip file\)"):
        load_dataset("uci-har", dir=tmp_path)


def test_the_real_file(data_dir: Path) -> None:
    dataset = load_dataset("uci-har", dir=data_dir, download=False)
    assert dataset.test is not None
    assert dataset.train.x.shape == (7715, 9, 128)
    assert dataset.train.x.dtype == np.float32
    assert len(dataset.test) == 2584
    # The published windows of each activity: 1722, 1544, 1406, 1777, 1906 and 1944.
    both = dataset.train.counts(6) + dataset.test.counts(6)
    assert both.tolist() == [1722, 1544, 1406, 1777, 1906, 1944]
    assert len(np.unique(dataset.train.columns["subject"])) == 30
