import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from astraea.data.labels import Counts, LabelDistribution, LongTail, Zipf
from astraea.data.named_clients import Column, Indices
from astraea.data.papers import PAPERS
from astraea.data.partition import Dirichlet, Shards, Skew
from astraea.data.settings import ScenarioSettings
from astraea.data.sizes import Lognormal, Sizes
from astraea.errors import InputError
from astraea.parts import Part


@pytest.mark.parametrize("name", PAPERS)
def test_a_papers_name_sets_what_the_paper_says_in_any_case_of_letters(name: str) -> None:
    settings = ScenarioSettings(name=name.upper())
    assert settings.name == name
    assert settings.model_dump(include=set(PAPERS[name])) == PAPERS[name]


def test_table_one_of_the_papers() -> None:
    table = {
        name: (s.sizes.name, s.labels.name, s.skew.name, s.samples, s.clients)
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
    assert (settings.clients, settings.skew.name, settings.labels.name) == (20, "dirichlet", "letter-frequency")


def test_what_is_given_takes_away_the_papers_settings_that_no_longer_apply() -> None:
    assert ScenarioSettings(name="ltrf1", skew="shards").sizes.name == "even"
    assert ScenarioSettings(name="ltrf1", skew="column", column="writer").clients is None
    assert ScenarioSettings(name="ltrf1", test="as-is").test_per_class is None


@pytest.mark.parametrize("name", [*PAPERS, "custom"])
def test_resolved_settings_give_themselves(name: str) -> None:
    settings = ScenarioSettings(name=name)
    assert ScenarioSettings(**settings.model_dump(exclude_none=True)) == settings


def test_arrays_are_welcome() -> None:
    settings = ScenarioSettings(skew="indices", indices=[np.arange(3), [np.int64(4), 5]])
    assert settings.skew == Indices(indices=((0, 1, 2), (4, 5)))
    assert ScenarioSettings(labels="counts", counts=np.array([3, 4])).labels == Counts(counts=(3, 4))


def test_the_settings_of_parts_were_keys_of_the_scenario_once() -> None:
    assert ScenarioSettings(labels="zipf", zipf_exponent=1.5).labels == Zipf(exponent=1.5)
    assert ScenarioSettings(labels="long-tail", imbalance_factor=10, zipf_exponent=2.0).labels == LongTail(factor=10)
    assert ScenarioSettings(labels="counts", counts=[1, 2]).labels == Counts(counts=(1, 2))
    assert ScenarioSettings(skew="dirichlet", dirichlet_beta=0.1).skew == Dirichlet(beta=0.1)
    assert ScenarioSettings(skew="shards", shards_per_client=3).skew == Shards(per_client=3)
    assert ScenarioSettings(skew="column", column="writer").skew == Column(column="writer")
    assert ScenarioSettings(skew="indices", index_file="x").skew == Indices(index_file="x")
    assert ScenarioSettings(sizes="lognormal", lognormal_sigma=0.5).sizes == Lognormal(sigma=0.5)
    assert ScenarioSettings(name="cinic-zipf", zipf_exponent=1.5).labels == Zipf(exponent=1.5)


@pytest.mark.parametrize(("key", "kind"), [("labels", LabelDistribution), ("skew", Skew), ("sizes", Sizes)])
def test_the_reference_page_tells_of_every_part(key: str, kind: type[Part]) -> None:
    docs = Path(__file__).parents[2] / "docs"
    text = (docs / "reference" / "scenarios.md").read_text(encoding="utf-8")
    page = runpy.run_path(str(docs / "hooks.py"))["on_page_markdown"](text)
    for name, part in kind.registered().items():
        assert f"`{name}`" in page
        for setting, field in part.model_fields.items():
            rows = [line for line in page.splitlines() if line.startswith(f"| `scenario.{key}.{setting}` |")]
            assert any(row.endswith(f"| {name} | {field.description} |") for row in rows)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "ltfr1"}, "unknown scenario 'ltfr1'; did you mean 'ltrf1'?"),
        ({"labels": "half-norml"}, "unknown label distribution 'half-norml'; did you mean 'half-normal'?"),
        ({"skew": "dirichlett"}, "did you mean 'dirichlet'?"),
        ({"sizes": "upload"}, "did you mean 'uploads'?"),
        ({"test": "balance"}, "did you mean 'balanced'?"),
        ({"labels": "counts"}, "'labels.counts' has no default: set it"),
        ({"counts": [1, 2]}, "'counts' is now 'labels.counts', which the label distribution 'as-is' does not have"),
        ({"skew": "column"}, "'skew.column' has no default: set it"),
        ({"column": "writer"}, "'column' is now 'skew.column', which the skew 'random' does not have"),
        ({"skew": "indices"}, "give either its indices or its index_file"),
        ({"skew": "indices", "indices": [[0]], "index_file": "x"}, "give either its indices or its index_file"),
        ({"index_file": "x"}, "'index_file' is now 'skew.index_file'"),
        ({"skew": "shards", "sizes": "uploads"}, "skew 'shards' brings its own sizes"),
        ({"test_per_class": 3}, "scenario.test is 'as-is'"),
        ({"clients": 0}, "greater than or equal to 1"),
        ({"skew": "dirichlet", "dirichlet_beta": 0}, "'skew.beta' cannot be 0: input should be greater than 0"),
        ({"beta": 0.1}, "unknown key"),
        ({"name": 3}, "valid string"),
    ],
)
def test_settings_that_do_not_fit_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        ScenarioSettings(**given)
    assert message in str(caught.value)
