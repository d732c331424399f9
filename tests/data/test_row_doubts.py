"""Doubts about a table as a whole, each with a table where it is said and one where it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from astraea.data.loaders.table import from_frame

PLACE = np.arange(60)
PLAIN = pd.DataFrame(
    {
        "x": (PLACE * 7 % 60) / 8,
        "z": (PLACE * 11 % 60) / 8,
        "w": (PLACE * 13 % 60) / 8,
        "drug": np.array(list("abc"))[PLACE % 3],
        "y": np.array(["ill", "well", "dead"])[PLACE // 5 % 3],
    }
)


def doubts(frame: pd.DataFrame, label: str = "y", site: str | None = None, **options: Any) -> list[str]:
    return [note for note in from_frame(frame, label, site, **options).notes if not note.startswith("Columns:")]


def test_of_a_plain_table_nothing_is_said() -> None:
    assert doubts(PLAIN) == []
    assert doubts(PLAIN, "drug") == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (PLAIN.assign(same=1.5), "Column 'same' is 1.5 in all rows: nothing is learnt from it."),
        (PLAIN.assign(same="k"), "Column 'same' is k in all rows: nothing is learnt from it."),
        (
            PLAIN.assign(icd=PLAIN["y"].map({"ill": "I10", "well": "Z00", "dead": "R99"})),
            (
                "Column 'icd' gives the label away: each of its 3 values occurs with one class only. Leave it out if "
                "it is known only afterwards."
            ),
        ),
        (
            pd.concat([PLAIN, PLAIN[:4]], ignore_index=True),
            "4 of 64 training rows repeat an earlier one, label and all.",
        ),
        (
            PLAIN.replace({"drug": {"a": "Heparin", "b": "HEPARIN ", "c": "hepa-rin"}}),
            "Column 'drug' has values that differ in spelling alone: 'HEPARIN' and 'Heparin' and 'hepa-rin'.",
        ),
        (
            PLAIN.replace({"y": {"dead": "ill|well"}}).replace({"y": {"well": "well|ill"}}),
            "Labels such as 'ill|well' look like several: if so, set data.label_separator to '|'.",
        ),
        (
            PLAIN.assign(krankenhaus=np.array(["Nord", "Süd", "West", "Ost"])[PLACE // 5 % 4]),
            "No column is named in data.site_column as that of the sites; this may be it: 'krankenhaus' (4 values).",
        ),
    ],
)
def test_each_doubt_is_said_once_where_it_is_true(changed: pd.DataFrame, told: str) -> None:
    assert doubts(changed) == [told]


def test_what_is_nearly_so_is_passed_over() -> None:
    icd = PLAIN["y"].map({"ill": "I10", "well": "Z00", "dead": "R99"}).copy()
    icd[0] = "Z00"
    assert doubts(PLAIN.assign(icd=icd)) == []
    few = pd.DataFrame({"a": PLACE % 2, "b": PLACE // 2 % 2, "y": PLAIN["y"]})  # alike by chance
    assert doubts(few) == []
    assert doubts(PLAIN.replace({"y": {"dead": "a|b"}})) == []
    assert doubts(PLAIN.assign(website=np.array(list("uvw"))[PLACE // 5 % 3 - 1 + PLACE % 2])) == []


def test_test_rows_of_training_are_counted() -> None:
    told = ["3 of 5 test rows are training rows too, so rates flatter the model."]
    test = PLAIN[:5].copy()
    test.loc[3:, "x"] += 0.01
    assert doubts(PLAIN, test=test) == told


def test_sites_spelt_in_two_ways_are_told() -> None:
    site = np.array(["Köln Süd", "Köln-Süd", "Bonn"])[PLACE // 5 % 3 - 1 + PLACE % 2]
    assert doubts(PLAIN.assign(site=site), site="site") == [
        "Column 'site' has values that differ in spelling alone: 'Köln Süd' and 'Köln-Süd'."
    ]


def test_filled_cells_are_counted_by_column() -> None:
    frame = PLAIN.copy()
    frame.loc[:6, "x"] = np.nan
    frame.loc[:1, "drug"] = None
    assert doubts(frame, missing="mean") == ["Empty cells of 60 rows are filled in: x 7, drug 2."]
