import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from astraea.data.papers import PAPERS
from astraea.data.settings import LABELS, OWN_SIZES, SIZES, SKEWS, ScenarioSettings


@pytest.mark.parametrize("name", PAPERS)
def test_a_papers_name_sets_what_the_paper_says_in_any_case_of_letters(name: str) -> None:
    settings = ScenarioSettings(name=name.upper())
    assert settings.name == name
    assert settings.model_dump(include=set(PAPERS[name])) == PAPERS[name]


def test_table_one_of_the_papers() -> None:
    table = {
        name: (s.sizes, s.labels, s.skew, s.samples, s.clients)
        for name in ("bal1", "bal2", "ins", "ltrf1", "ltrf2")
        if (s := ScenarioSettings(name=name))
    }
    assert table == {
        "bal1": ("even", "balanced", "stratified", 117_500, 500),
        "bal2": ("even", "balanced", "random", 117_500, 500),
        "ins": ("uploads", "balanced", "random", 117_500, 500),
        "ltrf1": ("uploads", "letter-frequency", "random", 117_500, 500),
        "ltrf2": ("uploads", "letter-frequency", "random", 230_752, 500),
    }


def test_what_is_given_beside_the_name_comes_first() -> None:
    settings = ScenarioSettings(name="ltrf1", clients=20, skew="dirichlet")
    assert (settings.clients, settings.skew, settings.labels) == (20, "dirichlet", "letter-frequency")


def test_what_is_given_takes_away_the_papers_settings_that_no_longer_apply() -> None:
    assert ScenarioSettings(name="ltrf1", skew="shards").sizes == "even"
    assert ScenarioSettings(name="ltrf1", skew="column", column="writer").clients is None
    assert ScenarioSettings(name="ltrf1", test="as-is").test_per_class is None


@pytest.mark.parametrize("name", [*PAPERS, "custom"])
def test_resolved_settings_give_themselves(name: str) -> None:
    settings = ScenarioSettings(name=name)
    assert ScenarioSettings(**settings.model_dump(exclude_none=True)) == settings


def test_arrays_are_welcome() -> None:
    settings = ScenarioSettings(skew="indices", indices=[np.arange(3), [np.int64(4), 5]])
    assert settings.indices == ((0, 1, 2), (4, 5))
    assert ScenarioSettings(labels="counts", counts=np.array([3, 4])).counts == (3, 4)


def test_the_descriptions_name_every_choice() -> None:
    fields = ScenarioSettings.model_fields
    for field, names in {"labels": LABELS, "skew": [*SKEWS, *OWN_SIZES], "sizes": SIZES, "name": PAPERS}.items():
        for name in names:
            assert name in (fields[field].description or "")


def test_the_reference_page_lists_every_setting() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/scenarios.md").read_text(encoding="utf-8")
    table = page[page.index("| key | default | meaning |") :].splitlines()[2:]
    assert table == [
        f"| `{name}` | {'' if field.default is None else f'`{json.dumps(field.default)}`'} | {field.description} |"
        for name, field in ScenarioSettings.model_fields.items()
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "ltfr1"}, "unknown scenario 'ltfr1'; did you mean 'ltrf1'?"),
        ({"labels": "half-norml"}, "unknown scenario.labels 'half-norml'; did you mean 'half-normal'?"),
        ({"skew": "dirichlett"}, "did you mean 'dirichlet'?"),
        ({"sizes": "upload"}, "did you mean 'uploads'?"),
        ({"test": "balance"}, "did you mean 'balanced'?"),
        ({"labels": "counts"}, "give scenario.counts"),
        ({"counts": [1, 2]}, "scenario.counts is given but scenario.labels is 'as-is'"),
        ({"skew": "column"}, "name it in scenario.column"),
        ({"column": "writer"}, "scenario.column is given but scenario.skew is 'random'"),
        ({"skew": "indices"}, "either scenario.indices or scenario.index_file"),
        ({"skew": "indices", "indices": [[0]], "index_file": "x"}, "either scenario.indices or"),
        ({"index_file": "x"}, "scenario.index_file is given but"),
        ({"skew": "shards", "sizes": "uploads"}, "skew 'shards' brings its own sizes"),
        ({"test_per_class": 3}, "scenario.test is 'as-is'"),
        ({"clients": 0}, "greater than or equal to 1"),
        ({"dirichlet_beta": 0}, "greater than 0"),
        ({"beta": 0.1}, "Extra inputs are not permitted"),
        ({"name": 3}, "valid string"),
    ],
)
def test_settings_that_do_not_fit_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ScenarioSettings(**given)
    assert message in str(caught.value)
