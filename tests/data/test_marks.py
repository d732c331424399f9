"""Decimal marks: what columns of numbers show, and what is refused because nothing shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from astraea.data.loaders.table import Table
from astraea.data.tables import notes_of, read_table
from astraea.errors import InputError


def read(tmp_path: Path, text: str, decimal: Literal["auto", ".", ","] = "auto") -> Any:
    path = tmp_path / "table.csv"
    path.write_text(text)
    return read_table(path, decimal)


@pytest.mark.parametrize(
    ("text", "a"),
    [
        ("a;b\n1.000;3,5\n2.500;2,5\n", [1000, 2500]),  # the other column has decimal commas
        ("a;b\n1.000;3.5\n2.500;2.5\n", [1.0, 2.5]),
        ("a;b\n1.000,50;u\n2,5;v\n", [1000.5, 2.5]),
        ("a;b\n1.000.000;u\n2.500;v\n", [1000000, 2500]),
        ("a;b\n0.125;u\n1.250;v\n", [0.125, 1.25]),  # no thousands begin with 0
        ("a,b\n1.000,u\n2.500,v\n", [1.0, 2.5]),
        ('a,b\n"1,000",u\n"2,500",v\n', [1000, 2500]),
        ("a;b\n1 000;u\n2 500,5;v\n", [1000.0, 2500.5]),
        ("a\tb\n1,234\t0,5\n2,345\t1,5\n", [1.234, 2.345]),
        ("a,b\n1e5,u\n-.5,v\n", [1e5, -0.5]),
        ("a,b\n10.0.0.1,u\n10.0.0.2,v\n", ["10.0.0.1", "10.0.0.2"]),
        ("a;b\n1.2.2020;u\n2.3.2021;v\n", ["1.2.2020", "2.3.2021"]),
    ],
)
def test_numbers_are_read_as_the_columns_show(tmp_path: Path, text: str, a: list[Any]) -> None:
    assert read(tmp_path, text)["a"].tolist() == a


@pytest.mark.parametrize("text", ["a;b\n1.000;u\n2.500;v\n", "a;b;c\n1.000;3.5;3,5\n2.500;2.5;2,5\n"])
def test_what_nothing_shows_is_refused_until_it_is_said(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"'a' holds 1.000, which may be 1.000 or 1000, .*: set data.decimal to '.'"):
        read(tmp_path, text)
    with pytest.raises(InputError, match=r"'a' holds 1,000, which may be 1.000 or 1000, and no other number"):
        read(tmp_path, "a;b\n1,000;u\n2,500;v\n")
    assert read(tmp_path, "a;b\n1.000;u\n2.500;v\n", ".")["a"].tolist() == [1.0, 2.5]
    assert read(tmp_path, "a;b\n1.000;u\n2.500;v\n", ",")["a"].tolist() == [1000, 2500]
    with pytest.raises(InputError, match=r"decimal mark ',', and data.decimal says '.'"):
        read(tmp_path, "a;b\n1,5;u\n2,5;v\n", ".")


def test_what_was_understood_is_told_and_kept_for_new_rows(tmp_path: Path) -> None:
    text = "price;size;kind\n" + "\n".join(f"{n}.000;{n},5;{'ab'[n % 2]}" for n in range(1, 9))
    told = (
        "Column 'price': 1.000 was read as 1000, and so were those of 1 more column; data.decimal says it otherwise.",
    )
    assert notes_of(read(tmp_path, text)) == told
    data = Table(path=str(tmp_path / "table.csv"), label_column="kind", decimal=",").load()
    assert set(told) <= set(data.notes)
    new = tmp_path / "new.csv"
    new.write_text("price;size\n3.000;3\n")
    assert data.reader.rows(str(new)).tolist() == [[3000.0, 3.0]]
