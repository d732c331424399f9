from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from astraea.data import build_scenario, load_dataset
from astraea.data.loaders.table import from_frame
from astraea.errors import AstraeaError, InputError

CSV = """age,dose,drug,smoker,site,outcome
50,0.5,aspirin,true,north,well
61,1.5,none,false,north,ill
47,2.25,aspirin,false,south,well
70,0.125,other,true,south,dead
"""


def write(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_columns_are_taken_by_what_they_hold(tmp_path: Path) -> None:
    dataset = load_dataset("table", path=write(tmp_path, CSV), label_column="outcome", site_column="site")
    assert dataset.class_names == ("dead", "ill", "well")
    assert dataset.train.y.tolist() == [2, 1, 2, 0]
    assert dataset.train.columns["site"].tolist() == ["north", "north", "south", "south"]
    assert dataset.train.x.tolist() == [
        [50, 0.5, 1, 0, 0, 0, 1],
        [61, 1.5, 0, 1, 0, 1, 0],
        [47, 2.25, 1, 0, 0, 1, 0],
        [70, 0.125, 0, 0, 1, 0, 1],
    ]
    assert dataset.train.form.steady == (True, False, True, True, True, True, True)
    assert dataset.standardised is not None
    assert dataset.standardised.tolist() == [True, True, False, False, False, False, False]
    assert dataset.notes[0] == (
        "Columns: 1 of numbers (dose: standardised, jittered in copies); "
        "1 of whole numbers (age: standardised, repeated unchanged); "
        "2 of codes (drug, smoker: a feature for each value, repeated unchanged); "
        "label 'outcome', sites 'site'."
    )


def test_what_is_declared_comes_first(tmp_path: Path) -> None:
    path = write(tmp_path, CSV)
    dataset = load_dataset(
        "table", path=path, label_column="outcome", codes=["age"], leave_out=["drug", "smoker", "site"]
    )
    assert dataset.train.x.shape == (4, 5)
    dataset = load_dataset(
        "table",
        path=path,
        label_column="site",
        noisy=["age"],
        leave_out=["drug", "smoker", "outcome"],
        standardise=False,
    )
    assert dataset.train.form.steady == (False, False)
    assert dataset.standardised is not None
    assert not dataset.standardised.any()


def test_sites_are_clients(tmp_path: Path) -> None:
    dataset = load_dataset("table", path=write(tmp_path, CSV * 1), label_column="smoker", site_column="site")
    scenario = build_scenario(dataset, skew="column", column="site", test_share=0.5)
    assert scenario.client_names == ("north", "south")
    assert build_scenario(dataset, test_share=0.5).client_names == ("north", "south")
    note = build_scenario(dataset, skew="random", clients=1, test_share=0.5).notes
    assert any("Column 'site' names sites, but they are not the clients" in line for line in note)


@pytest.mark.parametrize("mark", [";", "\t", "|", "  "])
def test_any_delimiter(tmp_path: Path, mark: str) -> None:
    dataset = load_dataset("table", path=write(tmp_path, CSV.replace(",", mark)), label_column="outcome")
    assert dataset.train.x.shape == (4, 9)


def test_numbers_with_a_decimal_comma(tmp_path: Path) -> None:
    text = "a;b;y\n1,5;1.250,75;0\n2;3,5;1\n"
    dataset = load_dataset("table", path=write(tmp_path, text), label_column="y")
    assert dataset.train.x.tolist() == [[1.5, 1250.75], [2, 3.5]]


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zip", "parquet", "utf-16", "bom", "latin"])
def test_packed_and_encoded_files_are_told_by_their_content(tmp_path: Path, kind: str) -> None:
    text = CSV.replace("south", "süd")
    if kind == "parquet":
        pd.read_csv(io.StringIO(text)).to_parquet(tmp_path / "t.csv")
    elif kind == "zip":
        with zipfile.ZipFile(tmp_path / "t.csv", "w") as archive:
            archive.writestr("inside.csv", text)
    else:
        plain = text.encode({"utf-16": "utf-16", "bom": "utf-8-sig", "latin": "cp1252"}.get(kind, "utf-8"))
        pack = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}.get(kind, bytes)
        write(tmp_path, pack(plain))
    dataset = load_dataset("table", path=tmp_path / "t.csv", label_column="site")
    assert dataset.class_names == ("north", "süd")
    assert dataset.train.x[:, 1].tolist() == [0.5, 1.5, 2.25, 0.125]


@pytest.mark.parametrize("empty", ["", "NA", "nan", "?", " "])
def test_an_empty_cell_is_named_or_filled_with_the_mean(tmp_path: Path, empty: str) -> None:
    path = write(tmp_path, CSV.replace("1.5", empty))
    with pytest.raises(InputError, match=r"t.csv: column 'dose' is empty in row 2: fill it in, or set data.missing"):
        load_dataset("table", path=path, label_column="outcome")
    dataset = load_dataset(
        "table", path=path, test_path=path, label_column="outcome", missing="mean", standardise=False
    )
    assert np.isnan(dataset.train.x[1, 1])
    scenario = build_scenario(dataset, skew="indices", indices=[[0, 1], [2]])
    filled = scenario.train.x[:, 1]
    assert filled.tolist() == [0.5, pytest.approx((0.5 + 2.25) / 2), 2.25]


def test_na_is_a_site_and_a_value_of_codes_like_any_other(tmp_path: Path) -> None:
    path = write(tmp_path, CSV.replace("north", "NA").replace("none", "None"))
    dataset = load_dataset("table", path=path, label_column="outcome", site_column="site")
    assert dataset.train.columns["site"].tolist() == ["NA", "NA", "south", "south"]
    assert dataset.train.x.shape == (4, 7)


def test_whole_numbers_are_told_by_their_values_whatever_gaps_or_points_stand_beside_them(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b,c,y\n1,1.0,1.5,0\n,2.0,2.0,1\n3,3.0,3.0,0\n")
    dataset = load_dataset("table", path=path, label_column="y", missing="mean")
    assert dataset.train.form.steady == (True, True, False)


def test_a_column_that_only_numbers_the_rows_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    pd.read_csv(io.StringIO(CSV)).to_csv(path)
    assert load_dataset("table", path=path, label_column="outcome").train.x.shape == (4, 9)


def test_a_test_set_of_its_own(tmp_path: Path) -> None:
    test = write(tmp_path, "outcome,smoker,drug,dose,age,site\nill,true,new,1,55,west\n", "test.csv")
    dataset = load_dataset(
        "table", path=write(tmp_path, CSV), label_column="outcome", site_column="site", test_path=test
    )
    assert dataset.test is not None
    assert dataset.test.y.tolist() == [1]
    assert dataset.test.x.tolist() == [[55, 1, 0, 0, 0, 0, 1]]
    assert dataset.test.columns["site"].tolist() == ["west"]


def test_a_frame_of_ones_own() -> None:
    frame = pd.DataFrame({"x": [0.5, 1.5], "when": pd.Categorical(["a", "b"]), "y": [4, 9]})
    dataset = from_frame(frame, "y")
    assert dataset.class_names == ("4", "9")
    assert dataset.train.x.tolist() == [[0.5, 1, 0], [1.5, 0, 1]]


@pytest.mark.parametrize(
    ("text", "options", "complaint"),
    [
        (CSV, {"label_column": "outcom"}, "unknown column 'outcom'; did you mean 'outcome'"),
        (CSV, {"label_column": "outcome", "site_column": "city"}, "unknown column 'city'"),
        ("y\n1\n2\n", {"label_column": "y"}, "has no column but y: it needs features"),
        ("", {"label_column": "y"}, "t.csv is empty"),
        ("a,y\n", {"label_column": "y"}, "has a line of column names but no rows"),
        ("a,y\n1,0\n2,3,4\n", {"label_column": "y"}, r"t.csv cannot be used \(.*line 3"),
        ("a,y\n1,0\n2,\n", {"label_column": "y"}, "column 'y' is empty in row 2: fill it in, or leave the row out"),
        ("a,y\n1,0\n1e999,1\n", {"label_column": "y"}, "column 'a' is infinite in row 2"),
        ("a,b,y\n1,,0\n1,,1\n", {"label_column": "y", "missing": "mean"}, "column 'b' is empty: leave it out"),
        (
            "id,y\n" + "".join(f"p{k},{k % 2}\n" for k in range(40)),
            {"label_column": "y"},
            "column 'id' is text with 40 different values in 40 rows, such as 'p0': leave it out",
        ),
    ],
)
def test_tables_that_cannot_be_used_say_why(
    tmp_path: Path, text: str, options: dict[str, object], complaint: str
) -> None:
    with pytest.raises(AstraeaError, match=complaint):
        load_dataset("table", path=write(tmp_path, text), **options)


@pytest.mark.parametrize(
    "date",
    ["2023-01-{}", "{}.01.2023", "1/{}/23", "2023-01-{} 08:30", "2023-01-{}T08:30:00.5+01:00", "08:{}", "202301{}"],
)
def test_dates_are_refused_in_whatever_way_they_are_written(tmp_path: Path, date: str) -> None:
    days = [date.format(f"{day:02}") for day in range(1, 29)]
    text = "when,x,y\n" + "".join(f"{day},{k / 8},{k % 2}\n" for k, day in enumerate(days))
    path = write(tmp_path, text)
    sentence = f"column 'when' holds dates or times, such as '{re.escape(days[0])}': make it a number, such as days"
    with pytest.raises(InputError, match=sentence):
        load_dataset("table", path=path, label_column="y")
    with pytest.raises(InputError, match=sentence):
        from_frame(pd.read_csv(path), "y")
    assert load_dataset("table", path=path, label_column="y", leave_out=["when"]).train.x.shape == (28, 1)


@pytest.mark.parametrize("value", ["1.5.9.2", "10:1", "2023-01", "12-34-5678-9", "1.2.-3", "3/4"])
def test_what_only_resembles_dates_is_a_code(tmp_path: Path, value: str) -> None:
    path = write(tmp_path, f"ratio,y\n{value},a\nnone,b\n{value},a\n")
    assert load_dataset("table", path=path, label_column="y").train.x.shape == (3, 2)


def test_all_faults_of_the_columns_are_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, "when,x,z,y\n2023-01-01,1.5,,a\n2023-01-02,,,b\n")
    with pytest.raises(InputError) as told:
        load_dataset("table", path=path, label_column="y", missing="mean")
    assert str(told.value) == (
        f"{path}: column 'when' holds dates or times, such as '2023-01-01': make it a number, such as days since a "
        "date, leave it out (data.leave_out), or name it in data.codes; column 'z' is empty: leave "
        "it out (data.leave_out)"
    )


def test_errors_of_a_test_set_name_it(tmp_path: Path) -> None:
    options = {"path": write(tmp_path, CSV), "label_column": "outcome", "site_column": "site"}
    for cells, sentence in (
        ("outcome,smoker,drug,age\nill,true,new,1\n", r"^\S*test.csv: unknown column 'dose' \(known"),
        ("outcome,smoker,drug,dose,age\nill,true,new,much,1\n", r"^\S*test.csv: column 'dose' holds numbers in tr"),
        ("outcome,smoker,drug,dose,age\n,true,new,1,1\n", r"^\S*test.csv: column 'outcome' is empty in row 1"),
    ):
        with pytest.raises(InputError, match=sentence):
            load_dataset("table", test_path=write(tmp_path, cells, "test.csv"), **options)
    frame = pd.read_csv(options["path"])
    with pytest.raises(InputError, match=r"^the test set: unknown column 'dose'"):
        from_frame(frame, "outcome", "site", test=frame.drop(columns="dose"))
    with pytest.raises(InputError, match=r"^the new rows: unknown column 'age'"):
        from_frame(frame, "outcome", "site").reader.rows(frame.drop(columns="age"))


def test_a_test_set_needs_no_sites(tmp_path: Path) -> None:
    test = write(tmp_path, "outcome,smoker,drug,dose,age\nill,true,other,1,55\n", "test.csv")
    options = {"label_column": "outcome", "site_column": "site", "test_path": test}
    dataset = load_dataset("table", path=write(tmp_path, CSV), **options)
    assert dataset.test is not None
    assert dict(dataset.test.columns) == {}
    assert build_scenario(dataset).test_clients is None
    assert any("The test set has no column 'site': what is measured" in note for note in dataset.notes)


@pytest.mark.parametrize(("first", "further"), [([True, False], [1.0, 0.0]), ([1, 0], [True, False])])
def test_truth_values_are_the_same_however_written(first: list[object], further: list[object]) -> None:
    train = pd.DataFrame({"x": [0.5, 1.5], "flag": pd.Series(first, dtype=object).astype(str), "y": first})
    test = pd.DataFrame({"x": [0.5, 1.5], "flag": further, "y": further})
    dataset = from_frame(train, "y", codes=["flag"], test=test)
    assert dataset.test is not None
    assert dataset.test.y.tolist() == dataset.train.y.tolist() == [1, 0]
    assert dataset.test.x.tolist() == dataset.train.x.tolist()
    assert len(dataset.class_names) == 2


@pytest.mark.parametrize("mark", ["~", "^", "\x1f"])
def test_rare_delimiters_are_found_where_all_lines_have_them(tmp_path: Path, mark: str) -> None:
    dataset = load_dataset("table", path=write(tmp_path, CSV.replace(",", mark)), label_column="outcome")
    assert dataset.train.x.shape == (4, 9)


def test_a_separator_of_labels_is_never_empty(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="label_separator"):
        load_dataset("table", path=write(tmp_path, CSV), label_column="outcome", label_separator="")


def rows(*cells: str, delimiter: str = ",", names: str = "x,y") -> str:
    lines = [names.replace(",", delimiter), *(f"{cell}{delimiter}{'ab'[k % 2]}" for k, cell in enumerate(cells))]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "first"),
    [
        (rows('"1,5"', '"2,25"'), [1.5]),
        (rows('"1,000"', '"12,500"'), [1000]),
        (rows('"1,000.5"', '"900"'), [1000.5]),
        (rows("1 000,5", "900", delimiter=";"), [1000.5]),
        (rows("1.000,5", "900", delimiter=";"), [1000.5]),
        (rows("1\u202f000", "900", delimiter=";"), [1000]),
        (rows("01000", "01001", "01000"), [1, 0]),
        ("# made by me\n\n" + rows("1.5", "2"), [1.5]),
        (rows("1.5", "2", names=" x , y "), [1.5]),
        ("x,y,\n1.5,a,\n2,b,\n", [1.5]),
    ],
)
def test_numbers_are_read_as_they_are_written(tmp_path: Path, text: str, first: list[float]) -> None:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    dataset = load_dataset("table", path=tmp_path / "t.csv", label_column="y")
    assert dataset.train.x[0].tolist() == first
    assert dataset.class_names == ("a", "b")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            rows(*map(str, range(11)), "12O"),
            "column 'x' holds numbers, but '12O' in row 12: mend it, or",
        ),
        ("x,x,y\n1,2,a\n", "2 columns called 'x'"),
        ("<html><body>404</body></html>", "is a page, not a table"),
        ("[1, 2]", "is JSON, but no table"),
        ('{"x": 1', "is JSON, but no table"),
        ("@relation a\n@data\n1", "is an ARFF file"),
        ("Report of 2023,,,\na,b,c,y\n1,2,3,a\n", "has 'Report of 2023' alone in its first line"),
        ("1.5,2.5,a\n2.5,3.5,b\n", "the first line holds numbers .* such as 'y': put a line of names above"),
        ("x,y\n1\0,a\n", "holds bytes that no text has"),
        ("x,y\n1,a\n2,?\n", "column 'y' has '[?]' in row 2, which stands for a missing label"),
        ("when,y\n2020-01-05,a\n2020-01-06,b\n", "'when' holds dates or times, such as '2020-01-05'"),
        ("x,y\n1.5 mg,a\n2.5 mg,b\n3 mg,a\n", "'x' holds numbers with 'mg' beside them"),
        ("x,y\n1152921504606846976,a\n2,b\n", "'x' holds whole numbers up to 1.153e[+]18, which cannot be told"),
    ],
)
def test_what_is_no_good_table_is_said(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(AstraeaError, match=sentence):
        load_dataset("table", path=tmp_path / "t.csv", label_column="y")


@pytest.mark.parametrize(
    "text",
    [
        "x^y\n1.5^a\n2.5^b\n",
        "x~y\n1.5~a\n2.5~b\n",
        "x:y\n1.5:a\n2.5:b\n",
        "sep=;\nx;y\n1,5;a\n2,5;b\n",
        "x,y\r1.5,a\r2.5,b\r",
        "x,y\n1.5,a\n2.5,b\n,\n , \n",
        '{"x": 1.5, "y": "a"}\n{"x": 2.5, "y": "b"}\n',
        '[{"x": 1.5, "y": "a"}, {"x": 2.5, "y": "b"}]',
        '{"x": [1.5, 2.5], "y": ["a", "b"]}',
        '{"x": {"0": 1.5, "1": 2.5}, "y": {"0": "a", "1": "b"}}',
    ],
)
def test_lines_of_many_kinds_are_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    dataset = load_dataset("table", path=tmp_path / "t.csv", label_column="y")
    assert dataset.train.x.tolist() == [[1.5], [2.5]]
    assert dataset.class_names == ("a", "b")
    assert ("Empty rows were left out: 2." in dataset.notes) == (", \n" in text)


@pytest.mark.parametrize("kind", ["feather", "orc", "stata", "parquet"])
def test_what_pandas_reads_is_a_table(tmp_path: Path, kind: str) -> None:
    frame = pd.DataFrame({"x": [1.5, 2.5], "y": ["a", "b"]})
    write = getattr(frame, f"to_{kind}")
    write(tmp_path / "t", write_index=False) if kind == "stata" else write(tmp_path / "t")
    dataset = load_dataset("table", path=tmp_path / "t", label_column="y")
    assert dataset.train.x.tolist() == [[1.5], [2.5]]
    assert dataset.class_names == ("a", "b")


def test_columns_that_may_be_no_quantities_are_noted(tmp_path: Path) -> None:
    odd = [f"{k * 7 % 50},{-999 if k % 9 == 0 else k % 4},{'iL'[k % 2]}l" for k in range(40)]
    notes = load_dataset("table", path=write(tmp_path, "\n".join(["id,lab,y", *odd])), label_column="y").notes
    assert (
        "Column 'id' has another whole number in each row: if it is the number of a case or a person, set "
        "data.leave_out to ['id']." in notes
    )
    assert any(note.startswith("Column 'lab' is -999 in 5 rows and far from it in all others") for note in notes)
    assert not any("two classes" in note for note in notes)
    notes = from_frame(pd.DataFrame({"x": [0.5, 1.5, 2.5], "y": ["ill", "Ill ", "well"]}), "y").notes
    assert "'Ill ' and 'ill' are two classes: write them alike if they are one." in notes


def test_a_spreadsheet_is_told_from_a_packed_table(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    with pytest.raises(AstraeaError, match="is a spreadsheet: save it as CSV"):
        load_dataset("table", path=tmp_path / "t.xlsx", label_column="y")


def test_columns_may_be_kept_beside_the_samples(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,beds,y\n1.5,9,a\n2,9,b\n")
    dataset = load_dataset("table", path=tmp_path / "t.csv", label_column="y", columns=("beds",))
    assert dataset.train.x.tolist() == [[1.5], [2.0]]
    assert dataset.train.columns["beds"].tolist() == [9, 9]


def test_columns_of_unlike_scales_that_stay_so_are_told() -> None:
    frame = pd.DataFrame({"age": np.arange(40) * 1.5, "cells": np.arange(40) * 1e6 + 0.5, "ill": ["no", "yes"] * 20})
    assert not any("spread" in note for note in from_frame(frame, "ill").notes)
    told = from_frame(frame, "ill", standardise=False).notes
    assert (
        "The spread of the columns of numbers differs by a factor of 666,667: set data.standardise to true, or divide "
        "each by its standard deviation, or the smallest will count for nothing."
    ) in told


def test_labels_cannot_be_the_sites() -> None:
    frame = pd.DataFrame({"age": np.arange(8) * 1.5, "hospital": ["north", "south"] * 4})
    for more in ({"site_column": "hospital"}, {"kept": ("hospital",)}):
        with pytest.raises(InputError, match="column 'hospital' holds the labels and cannot be the sites"):
            from_frame(frame, "hospital", **more)
