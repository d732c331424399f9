from __future__ import annotations

import math
from io import StringIO

import pytest
from rich.console import Console

from astraea.tables import Column, Table, csv_text, mean_spread, number, short, value_spread

TABLE = Table(["arm", "loss (%)"], [["a_b", "1.0 ± 0.5"], ["c|d", "–"]], title="2 seeds")


def test_numbers_as_people_read_them() -> None:
    assert number(1234.56) == "1,234.6"
    assert number(0.5, 0) == "0"
    assert number(2.0, 2, " ms", signed=True) == "+2.00 ms"
    assert number(math.nan, 2, " ms") == "–"
    assert number(math.inf, 2, " ms") == "never"
    assert value_spread(1.0, 0.25, 2) == "1.00 ± 0.25"
    assert value_spread(1.0, math.nan) == "1.0"
    assert value_spread(math.inf, 1.0) == "never"


def test_mean_and_sample_deviation() -> None:
    assert mean_spread([1.0, 3.0], 2) == "2.00 ± 1.41"
    assert mean_spread([2.0], 2) == "2.00"
    assert mean_spread([1.0, 3.0], signed=True) == "+2.0 ± 1.4"
    assert mean_spread([1.0, math.nan]) == "–"


def test_a_column_reads_records() -> None:
    records = [{"accuracy": 0.5}, {"accuracy": 0.7}]
    assert Column("accuracy", "accuracy (%)", 100.0).text(records) == "60.0 ± 14.1"
    assert Column("accuracy", "accuracy (%)", 100.0, 0, spread=False).text(records) == "60"
    assert Column("accuracy", "accuracy (%)", 100.0).text([*records, {"accuracy": None}]) == "–"
    assert Column("accuracy", "accuracy (%)", 100.0).values(records).tolist() == pytest.approx([50.0, 70.0])


def test_markdown() -> None:
    assert TABLE.markdown() == "| arm | loss (%) |\n|---|---:|\n| a_b | 1.0 ± 0.5 |\n| c\\|d | – |"


def test_html() -> None:
    assert Table(["arm", "n"], [["<a>", "1"]], title="t").html() == (
        "<table>\n<caption>t</caption>\n<thead>\n"
        '<tr><th>arm</th><th class="figure">n</th></tr>\n</thead>\n<tbody>\n'
        '<tr><td>&lt;a&gt;</td><td class="figure">1</td></tr>\n</tbody>\n</table>'
    )


def test_latex() -> None:
    assert TABLE.latex() == (
        "\\begin{tabular}{lr}\n\\toprule\narm & loss (\\%) \\\\\n\\midrule\n"
        "a\\_b & 1.0 $\\pm$ 0.5 \\\\\nc|d & -- \\\\\n\\bottomrule\n\\end{tabular}"
    )


def test_csv() -> None:
    assert TABLE.csv() == "arm,loss (%)\r\na_b,1.0 ± 0.5\r\nc|d,–\r\n"
    assert csv_text([["a", 1.5], ['b,"', None]], "\n") == 'a,1.5\n"b,""",\n'


def test_a_terminal() -> None:
    console = Console(file=StringIO(), width=40)
    console.print(Table(["arm", "[n]"], [["[red]", "1"]], title="t").rich())
    assert isinstance(console.file, StringIO)
    assert [line.rstrip() for line in console.file.getvalue().splitlines()] == [
        "t",
        "",
        " arm     [n]",
        " ───────────",
        " [red]     1",
        "",
    ]


def test_rows_as_columns() -> None:
    turned = TABLE.transposed()
    assert (list(turned.titles), [list(row) for row in turned.rows]) == (
        ["arm", "a_b", "c|d"],
        [["loss (%)", "1.0 ± 0.5", "–"]],
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1234.0, "1,234"), (12.4, "12"), (2.44, "2.4"), (0.0317, "0.032"), (0.0, "0"), (1e-9, "0.0000")],
)
def test_a_mean_alone_has_two_digits_at_least(value: float, shown: str) -> None:
    assert Column("x", "x", digits=0, spread=False).text([{"x": value}]) == shown


def test_a_narrow_terminal_folds_cells_and_cuts_none() -> None:
    console = Console(file=StringIO(), width=12)
    console.print(Table(["arm", "seconds"], [["fedavg", "12345.6789"]]).rich(dense=True))
    assert isinstance(console.file, StringIO)
    shown = console.file.getvalue()
    assert "…" not in shown
    assert "".join(character for character in shown if character.isdigit()) == "123456789"


@pytest.mark.parametrize(("value", "shown"), [(0.04, "0.0"), (99.94, "99.9"), (99.96, "100"), (2593.9, "2,594")])
def test_short_numbers(value: float, shown: str) -> None:
    assert short(value) == shown
