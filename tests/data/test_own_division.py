"""Who holds what as the user says it: named rows, sizes of one's own, and a least size."""

from __future__ import annotations

import tomllib
from typing import Any

import numpy as np
import pytest

import astraea
from astraea.data import Dataset, Scenario, build_scenario, from_arrays
from astraea.data.settings import ScenarioSettings
from astraea.errors import InputError
from astraea.experiment.changes import changed
from astraea.experiment.settings import dump_toml, parse_settings


def data(samples: int = 120) -> Dataset:
    x = np.arange(float(samples))[:, None] * np.ones(2) + 0.5
    test = np.array([[0.5, 0.5], [1.5, 1.5]])
    return from_arrays(
        x, np.arange(samples) % 2, test, [0, 1], columns={"site": np.repeat(["a", "b", "c"], [80, 30, samples - 110])}
    )


def sizes(scenario: Scenario) -> list[int]:
    return [len(rows) for rows in scenario.clients]


def held(scenario: Scenario, client: int) -> list[int]:
    return scenario.train.x[scenario.clients[client], 0].astype(int).tolist()


@pytest.mark.parametrize("rows", [[0, 5], np.array([0, 5]), (np.int64(0), 5), range(0, 6, 5)])
def test_clients_are_named_with_their_rows(rows: Any) -> None:
    scenario = build_scenario(data(), clients={"site-a": rows, "site-b": [1, 2, 3]})
    assert scenario.client_names == ("site-a", "site-b")
    assert [held(scenario, k) for k in (0, 1)] == [[0, 5], [1, 2, 3]]
    assert "115 training samples are on nobody's index list" in scenario.notes[-1]


def test_named_rows_are_settings_like_any_other() -> None:
    settings = parse_settings({"scenario": {"clients": {"north": [0, 1], "7": [2, 3]}}})
    assert parse_settings(changed({}, {"scenario.clients": {"north": [0, 1], "7": [2, 3]}})) == settings
    text = dump_toml(settings)
    assert "north = [" in text
    assert parse_settings(tomllib.loads(text)) == settings
    result = astraea.run(dataset=data(), scenario={"clients": {"n": [0, 1, 2], "s": [3, 4, 5]}}, rounds=1)
    assert result.summary["clients"] == 2


def test_mistakes_in_named_rows_name_the_client() -> None:
    with pytest.raises(InputError, match=r"client site-b of .* lists row 120"):
        build_scenario(data(), clients={"site-a": [0], "site-b": [120]})
    with pytest.raises(InputError, match=r"row 0 .* is listed twice, by clients site-a and site-b"):
        build_scenario(data(), clients={"site-a": [0], "site-b": [0]})
    with pytest.raises(InputError, match=r"leave scenario\.skew out"):
        build_scenario(data(), clients={"a": [0]}, skew="random")


def test_sizes_of_ones_own_are_exact_and_say_how_many_clients_there_are() -> None:
    assert sizes(build_scenario(data(), sizes={"name": "list", "each": [50, 30, 7]})) == [50, 30, 7]
    assert sizes(build_scenario(data(), sizes={"name": "list", "each": [100, 20]}, skew="stratified")) == [100, 20]
    with pytest.raises(InputError, match=r"clients is 5, but scenario\.sizes lists 2 sizes"):
        build_scenario(data(), sizes={"name": "list", "each": [100, 20]}, clients=5)


def test_no_client_is_smaller_than_said() -> None:
    kinds: tuple[dict[str, Any], ...] = (
        {"sizes": {"name": "lognormal", "sigma": 3.0}, "clients": 10},
        {"skew": {"name": "dirichlet-by-class", "beta": 0.3}, "clients": 6},
    )
    for settings in kinds:
        found = sizes(build_scenario(data(), least_size=8, **settings))
        assert min(found) >= 8
        assert sum(found) == 120
    scenario = build_scenario(data(), skew="column", column="site", least_size=30)
    assert scenario.client_names == ("a", "b")
    assert "1 of 3 clients have fewer than 30 samples and are left out: c." in scenario.notes
    with pytest.raises(InputError, match="20 clients of 8 samples or more need 160, but there are 120"):
        build_scenario(data(), least_size=8, clients=20)
    with pytest.raises(InputError, match=r"no client has scenario\.least_size = 90 samples, the most 80"):
        build_scenario(data(), skew="column", column="site", least_size=90)
    with pytest.raises(InputError, match=r"would hold 30 samples, fewer than scenario\.least_size = 40"):
        build_scenario(data(), least_size=40, skew={"name": "classes", "per_client": 1}, clients=3)


def test_the_new_kinds_run() -> None:
    for skew in ({"name": "classes", "per_client": 1}, "dirichlet-by-class"):
        scenario = build_scenario(data(), ScenarioSettings(skew=skew, clients=4))
        assert sum(sizes(scenario)) == 120
