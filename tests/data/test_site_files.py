"""A folder with one table for each site: the files' names are the sites, and their columns agree."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from astraea.data import build_scenario, load_dataset
from astraea.errors import AstraeaError, DataError, InputError

NORTH = "age,dose,drug,plz,outcome\n50,0.5,aspirin,80331,well\n61,1.5,none,80333,ill\n"
SOUTH = "dose,age,drug,plz,outcome\n2.25,47,aspirin,01067,well\n,70,other,01069,ill\n"


def folder(tmp_path: Path, **files: str) -> Path:
    (tmp_path / "sites").mkdir(exist_ok=True)
    for name, text in files.items():
        (tmp_path / "sites" / f"{name}.csv").write_text(text)
    return tmp_path / "sites"


def test_each_file_is_a_client_under_its_name(tmp_path: Path) -> None:
    path = folder(tmp_path, **{"St. Marien": SOUTH})
    (path / "north.csv.gz").write_bytes(gzip.compress(NORTH.encode()))
    (path / "README.md").write_text("which is which")
    (path / ".hidden.csv").write_text("x")
    dataset = load_dataset("table", path=path, label_column="outcome", missing="mean", test_path=path)
    assert dataset.train.columns["site"].tolist() == ["St. Marien", "St. Marien", "north", "north"]
    assert dataset.train.x[:, :2].tolist()[2:] == [[0.5, 50], [1.5, 61]]
    assert dataset.train.x[:, 5:].argmax(axis=1).tolist() == [0, 1, 2, 3]  # postcodes are text in all files
    assert dataset.train.form.steady[:2] == (False, True)
    assert f"The names of 2 files in {path} are the sites, as column 'site'." in dataset.notes
    assert f"Left out of {path}, as no tables by their names: README.md." in dataset.notes
    scenario = build_scenario(dataset)
    assert scenario.client_names == ("St. Marien", "north")
    assert scenario.test_clients is not None
    assert scenario.test_clients.tolist() == [0, 0, 1, 1]


def test_columns_that_name_sites_are_taken_as_usual(tmp_path: Path) -> None:
    path = folder(tmp_path, a=NORTH, b=SOUTH.replace("01069", "01067"))
    options = {"path": path, "label_column": "outcome", "missing": "mean"}
    assert load_dataset("table", site_column="drug", **options).train.columns["drug"].tolist()[0] == "aspirin"
    dataset = load_dataset("table", site_column="klinik", **options)  # the files' names, called so
    assert dataset.train.columns["klinik"].tolist() == ["a", "a", "b", "b"]
    with pytest.raises(InputError, match="no file has the column 'drugs'; did you mean 'drug'"):
        load_dataset("table", site_column="drugs", **options)


def test_new_rows_may_be_a_folder_too(tmp_path: Path) -> None:
    path = folder(tmp_path, a=NORTH, b=NORTH)
    dataset = load_dataset("table", path=path, label_column="outcome")
    assert dataset.reader.rows(str(path)).tolist() == dataset.train.x.tolist()


def test_parquet_files_by_site(tmp_path: Path) -> None:
    path = folder(tmp_path)
    for name, values in {"a": [1, 2], "b": [3, None]}.items():
        pd.DataFrame({"n": values, "x": [0.5, 1.5], "y": ["u", "v"]}).to_parquet(path / f"{name}.parquet")
    dataset = load_dataset("table", path=path, label_column="y", missing="mean")
    assert dataset.train.x[:3, 0].tolist() == [1, 2, 3]
    assert dataset.train.form.steady == (True, False)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"a": NORTH, "b": NORTH, "c": NORTH.replace("dose", "Dose")}, r"c.csv lacks the column 'dose' and has the c"),
        ({"c": NORTH, "b": NORTH, "a": "age,outcome\n1,ill\n"}, r"a.csv lacks the columns 'dose', 'drug', 'plz', un"),
        ({"a": NORTH, "b": NORTH.replace("1.5", "<0.5") + "1,2.5,none,1,ill\n" * 20}, r"b.csv: column 'dose' holds nu"),
        ({"a": NORTH, "b": SOUTH}, r"sites: column 'dose' is empty in row 2 of b.csv: fill it in"),
        ({"a": NORTH, "b": "age,dose,drug,plz,outcome\n"}, r"b.csv has a line of column names but no rows"),
        ({}, r"sites holds no table: give a CSV or Parquet file, or a folder with one for each site"),
    ],
)
def test_the_file_at_fault_is_named(tmp_path: Path, files: dict[str, str], sentence: str) -> None:
    with pytest.raises(AstraeaError, match=sentence):
        load_dataset("table", path=folder(tmp_path, **files), label_column="outcome")


def test_two_files_of_one_site_are_refused(tmp_path: Path) -> None:
    path = folder(tmp_path, a=NORTH)
    (path / "a.tsv").write_text(NORTH)
    with pytest.raises(DataError, match="has 2 files called 'a'"):
        load_dataset("table", path=path, label_column="outcome")
