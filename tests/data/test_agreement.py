"""What sites tell of their tables, and the form that follows: the same as from one table that holds all their rows."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("pandas", reason="needs the extra astraea[tables]")

import pandas

from astraea.data.agreement import TableTerms, agreed, apart, column_sums, encode
from astraea.data.inputs import Inputs
from astraea.data.loaders.table import from_frame
from astraea.data.scenario import ScenarioSettings, build_scenario
from astraea.errors import InputError

if TYPE_CHECKING:
    from pandas import DataFrame

TERMS = TableTerms(label_column="outcome", least_rows=1)


def frame(text: str) -> DataFrame:
    return pandas.read_csv(io.StringIO(text))


def site(number: int, rows: int = 40) -> DataFrame:
    """Rows with fractions, whole numbers, empty cells, text, and codes that are numbers; no two sites are alike."""
    rng = np.random.default_rng(number)
    lactate = 1e6 + rng.standard_normal(rows) * (number + 1)
    lactate[rng.random(rows) < 0.2] = np.nan
    ward = rng.integers(number, number + 3, rows).astype(float)
    if number == 1:
        ward[:2] = np.nan  # so that pandas has 1.0, 2.0 here and 1, 2 elsewhere
    return pandas.DataFrame(
        {
            "age": rng.integers(20, 90, rows),
            "lactate": lactate,
            "drug": rng.choice(["none", "aspirin", f"own {number}"], rows),
            "ward": ward if number == 1 else ward.astype(int),
            "outcome": rng.choice(["well", "ill"] if number else ["well", "dead"], rows),
        }
    )


def told_by(*frames: DataFrame, terms: TableTerms = TERMS) -> Inputs:
    return agreed([column_sums(one, terms) for one in frames], terms)


def test_the_form_and_the_rows_are_those_of_a_simulated_run_of_the_same_tables() -> None:
    sites = [site(number) for number in range(3)]
    terms = TERMS.model_copy(update={"codes": ("ward",), "missing": "mean"})
    inputs = told_by(*sites, terms=terms)
    whole = pandas.concat([one.assign(site=number) for number, one in enumerate(sites)], ignore_index=True)
    dataset = from_frame(whole, "outcome", "site", test=whole, codes=["ward"], missing="mean")
    settings = ScenarioSettings.model_validate({"skew": {"name": "column", "column": "site"}})
    scenario = build_scenario(dataset, settings)
    simulated = scenario.read_by
    assert simulated is not None
    assert inputs.scaling is not None
    assert simulated.scaling is not None
    for one, same in zip(inputs.reader.columns, simulated.reader.columns, strict=True):
        assert (one.name, one.kind, one.known, one.steady) == (same.name, same.kind, same.known, same.steady)
        if one.mean is not None:
            assert (one.mean, one.deviation) == (pytest.approx(same.mean), pytest.approx(same.deviation))
    assert inputs.reader.class_names == simulated.reader.class_names == ("dead", "ill", "well")
    assert inputs.form == simulated.form
    for name in ("mean", "deviation"):
        np.testing.assert_allclose(getattr(inputs.scaling, name), getattr(simulated.scaling, name), rtol=1e-9)
    np.testing.assert_allclose(inputs.scaling.fill[:2], simulated.scaling.fill[:2], rtol=1e-9)
    for rows, own in zip(scenario.clients, sites, strict=True):
        samples, same = encode(own, inputs), scenario.train.take(rows)
        np.testing.assert_allclose(samples.x.astype(float), same.x.astype(float), rtol=1e-6, atol=1e-9)
        assert samples.y.tolist() == same.y.tolist()
        assert samples.form == same.form
    new, known = inputs.prepare(sites[0]).astype(float), simulated.prepare(sites[0]).astype(float)
    np.testing.assert_allclose(new, known, rtol=1e-6, atol=1e-9)


def test_sums_by_hand() -> None:
    """Ages 1, 3 and 8: mean 4, squares 9 + 1 + 16; the variance over all is 26 / 3."""
    first, second = frame("age,sex,outcome\n1,f,ill\n3,m,well\n"), frame("age,sex,outcome\n8,f,ill\n")
    told = column_sums(first, TERMS)
    assert told.columns[0].model_dump() == {
        "name": "age", "kind": "whole numbers", "count": 2, "mean": 2, "squares": 2, "values": ()
    }  # fmt: skip
    assert told.columns[1].values == ("f", "m")
    assert (told.class_names, told.numbered) == (("ill", "well"), False)
    scaling = told_by(first, second).scaling
    assert scaling is not None
    assert scaling.mean.tolist() == [4, 0, 0]
    np.testing.assert_allclose(scaling.deviation, [np.sqrt(26 / 3), 1, 1])


def test_what_too_few_rows_hold_does_not_leave() -> None:
    rows = "outcome,drug,age,rare\n" + "ill,none,50,\n" * 5 + "well,secret,40,7\n" * 2
    terms = TERMS.model_copy(update={"least_rows": 3, "missing": "mean"})
    told = column_sums(frame(rows), terms)
    assert [column.values for column in told.columns] == [("none",), (), ()]
    assert [(column.count, column.mean) for column in told.columns] == [(7, 0), (7, 330 / 7), (0, 0)]
    assert "secret" not in told.model_dump_json()
    assert told.class_names == ("ill", "well")  # which are told, unless they are settled beforehand
    settled = column_sums(frame(rows), terms.model_copy(update={"class_names": ("well", "ill")}))
    assert settled.class_names == ()
    other = frame("outcome,drug,age,rare\n" + "ill,none,50,1\n" * 3)
    inputs = agreed([told, column_sums(other, terms)], terms)
    assert encode(frame(rows), inputs).x[-1].tolist() == pytest.approx([0, -8.5 / 4.5, 6], abs=2)
    assert encode(frame(rows), inputs).x[-1, 0] == 0  # "secret" is none of the known values


def test_numbers_are_classes_in_their_order() -> None:
    first, second = frame("a,outcome\n1,10\n2,9\n"), frame("a,outcome\n3,2\n4,10\n")
    inputs = told_by(first, second)
    assert inputs.reader.class_names == ("2", "9", "10")
    assert encode(second, inputs).y.tolist() == [0, 2]


def test_a_site_may_have_no_value_of_a_column() -> None:
    terms = TERMS.model_copy(update={"missing": "mean"})
    first, second = frame("a,b,outcome\n,,x\n,,y\n"), frame("a,b,outcome\n1,m,x\n3,n,y\n")
    inputs = told_by(first, second, terms=terms)
    assert encode(first, inputs).x.tolist() == [[0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("tables", "changes", "sentence"),
    [
        (["a,outcome\n1,x\n", "A,outcome\n1,x\n"], {}, "site 2 has no column 'a', which site 1 has: call it the same"),
        (["a,outcome\n1,x\n", "a,b,outcome\n1,1,x\n"], {}, "site 1 has no column 'b', which site 2 has"),
        (["a,outcome\n1,x\n", "a,outcome\nhigh,x\n"], {}, "'a' holds text at site 2 and numbers at site 1"),
        (["a,outcome\n1,x\n"] * 2, {"label_column": "result"}, "unknown column 'result'"),
        (["a,outcome\n1,x\n,y\n"], {}, "column 'a' is empty in row 2: fill it in"),
        (["a,outcome\n,x\n"] * 2, {"missing": "mean"}, "column 'a' is empty at all sites: leave it out"),
        (["a,outcome\n1,x\n"], {"class_names": ("ill", "well")}, "holds 'x', which is none of the classes"),
        (["a,outcome\n1.5,0.5\n"], {}, "column 'outcome' holds fractions"),
        (["outcome\nx\n"], {}, "the table has no column but 'outcome'"),
        (["a,outcome\nAnn,x\nBob,x\nCid,x\n"], {"least_rows": 2}, "'a' has no site with 2 rows of one value"),
        (["a,outcome\n1,x\n2,x\n"], {"least_rows": 3}, "'a' has no site with 3 rows that hold a number"),
        (["a,outcome\n" + "".join(f"p{n},x\n" for n in range(9))], {}, "'a' is text with 9 different values in 9 rows"),
    ],
)
def test_tables_that_do_not_fit_together_are_refused(tables: list[str], changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        told_by(*map(frame, tables), terms=TERMS.model_copy(update=changes))


def test_a_site_with_another_unit_is_named() -> None:
    told = [column_sums(pandas.DataFrame({"glucose": [90.0, 110] * 5, "outcome": ["x", "y"] * 5}), TERMS)] * 3
    assert apart(told, ["a", "b", "c"]) == ()
    other = column_sums(pandas.DataFrame({"glucose": [5.0, 6] * 5, "outcome": ["x", "y"] * 5}), TERMS)
    assert apart([*told, other], ["a", "b", "c", "d"]) == (
        "Column 'glucose' has at 'd' the mean 5.5 ± 0.5, at most sites 100 ± 10: the same unit?",
    )
