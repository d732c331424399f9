"""Rows and sites unlike the others: what is told, with its counts, and where nothing is."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from astraea.data.loaders.table import from_frame


def table(rows: int = 120, sites: int = 3) -> pd.DataFrame:
    """Creatinine of 0.5 to 1.5, whose mean is 1 and deviation 1/3 at every site, and codes that all sites use."""
    place = np.arange(rows)
    return pd.DataFrame(
        {
            "krea": 0.5 + place // sites % 7 / 6,
            "age": 40 + place // sites % 5,
            "plz": np.array(["01067", "50937", "80331"])[place // sites % 3],
            "site": np.array(list("ABCDEFGH"))[place % sites],
            "y": np.array(["ill", "well"])[place // sites % 2],
        }
    )


def doubts(frame: pd.DataFrame, **options: Any) -> list[str]:
    notes = from_frame(frame, "y", "site", missing="mean", **options).notes
    return [note for note in notes if not note.startswith(("Columns:", "Empty cells"))]


def test_nothing_is_said_of_rows_like_those_of_training() -> None:
    frame = table()
    assert doubts(frame, test=frame.iloc[::3]) == []
    reader = from_frame(frame, "y", "site").reader
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rows in (frame, frame.iloc[:1], frame.iloc[7:9]):
            reader.rows(rows)


def test_another_unit_is_told_of_new_rows_and_of_a_test_set() -> None:
    frame = table(126)
    new = frame.assign(krea=frame["krea"] * 88.4)
    told = "column 'krea' has the mean 88.4, in training 1, which is 262 standard deviations away: the same unit?"
    assert doubts(frame, test=new) == [f"In the test set, {told}"]
    reader = from_frame(frame, "y", "site").reader
    with pytest.warns(UserWarning, match=f"^In the new rows, {told}$".replace("?", r"\?")):
        reader.rows(new)
    with pytest.warns(UserWarning, match="'krea' has the mean 44.2"):
        reader.rows(new.iloc[:1])
    assert doubts(frame, test=frame.assign(krea=0.99 + frame["krea"] / 100)) == [
        "In the test set, column 'krea' has the standard deviation 0.003333, in training 0.3333: the same unit?"
    ]


def test_values_never_seen_and_new_gaps_are_counted() -> None:
    frame = table()
    new = frame.astype({"age": float})
    new.loc[:3, "age"] = np.nan
    assert doubts(frame, test=new) == [
        "In the test set, column 'age' is empty in 4 of 120 rows, and in training in none: they get the mean."
    ]
    gone = table()
    gone.loc[5, "age"] = np.nan
    assert doubts(gone, test=new) == []
    assert doubts(frame, test=frame.assign(plz=frame["plz"].astype(int))) == [
        (
            "In the test set, column 'plz' has values that training lacks in 42 of 120 rows, such as '1067': '01067' "
            "is known, so read the column as text."
        )
    ]
    assert doubts(frame, test=frame.replace({"plz": {"80331": "new"}})) == [
        "In the test set, column 'plz' has values that training lacks in 39 of 120 rows, such as 'new'."
    ]


def test_a_site_in_another_unit_or_coding_or_without_a_column_is_named() -> None:
    frame = table(126)
    here = frame["site"] == "B"
    assert doubts(frame.assign(krea=frame["krea"].where(~here, frame["krea"] * 88.4))) == [
        "Column 'krea' has at 'B' the mean 88.4 ± 29.47, at most sites 1 ± 0.3333: the same unit?"
    ]
    assert doubts(frame.assign(krea=frame["krea"].where(~here))) == [
        "Column 'krea' is empty at 'B' (42 rows): there it says nothing."
    ]
    assert doubts(frame.assign(plz=frame["plz"].where(~here, "D-" + frame["plz"]))) == [
        "Column 'plz' has at 'B' no value that another site has, such as 'D-01067': the same coding?"
    ]
    assert doubts(frame.assign(plz="k" + frame["site"], beds=here * 100 + 50)) == []  # they tell sites apart
