"""What every part of every kind must do, the package's and those that others bring: one by one through the contract."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import pytest
from pydantic_core import PydanticUndefined

import astraea.congestion.controllers.catalogue  # noqa: F401  (registers its parts)
from astraea.experiment.changes import changed
from astraea.experiment.keys import describe
from astraea.experiment.settings import RunSettings, load_toml, parse_settings, resolved
from astraea.parts import Part
from astraea.parts.base import kinds

NEEDED: dict[str, Any] = {
    "path": "x",
    "label_column": "y",
    "column": "writer",
    "counts": (1, 2),
    "each": (1, 2),
    "index_file": "rows.json",
}
ALL = [
    pytest.param(kind, part, id=f"{kind.kind_of_part}-{name}")
    for kind in list(kinds().values())
    if kind.__module__.startswith("astraea.")
    for name, part in kind.registered().items()
    if part.__module__.startswith("astraea.")
]


def check_part(kind: type[Part], part: type[Part], **settings: Any) -> None:
    """Raise ``AssertionError`` unless ``part`` is what ``kind`` asks of its parts; ``settings`` are what it needs."""
    assert issubclass(part, kind)
    assert not inspect.isabstract(part)
    assert inspect.getdoc(part), "its first line is its help"
    assert all(field.description for field in part.model_fields.values()), "descriptions are help and reference page"
    one = kind.of(part.name, **settings)
    assert type(one) is part
    assert kind.of({"name": part.name, **settings}) == kind.of(part(**settings)) == kind.of(one) == one
    assert pickle.loads(pickle.dumps(one)) == one
    written = {"name": part.name, **one.model_dump(mode="json", context={"full": True})}
    assert kind.of(written) == one, "what is written reads back"


@pytest.mark.parametrize(("kind", "part"), ALL)
def test_it_keeps_the_contract(kind: type[Part], part: type[Part]) -> None:
    required = {
        key: NEEDED[key]
        for key, field in part.model_fields.items()
        if field.get_default() is PydanticUndefined and field.is_required()
    }
    if part.name == "indices":
        required = {"index_file": "rows.json"}
    if part.name == "own-weights":
        required = {"column": "beds"}
    check_part(kind, part, **required)


def test_every_kind_has_its_default_and_is_listed() -> None:
    names = {key.name for key in describe()}
    for kind in kinds().values():
        if kind.__module__.startswith("astraea."):
            assert kind.default in kind.registered(), kind
    for key in ("data", "scenario.labels", "scenario.skew", "scenario.sizes", "model", "algorithm", "engine"):
        assert key in names
    for choice in ('train.loss = "fedlc"', 'server.optimizer = "adam"', 'algorithm.mediators = "kl"'):
        assert choice in names
    assert {"train.loss.tau", "scenario.skew.beta", "algorithm.participation.power", "engine.workers"} <= names


def test_changes_reach_into_parts() -> None:
    tables: dict[str, Any] = {"scenario": {"labels": "half-normal"}, "train": {"loss": {"name": "fedlc", "tau": 2.0}}}
    zipf = changed(tables, {"scenario.labels.exponent": 1.5, "scenario.labels": "zipf"})
    assert parse_settings(zipf).scenario.labels.model_dump() == {"exponent": 1.5}
    kept = changed(tables, {"train.loss.name": "local-prior"})
    assert kept["train"]["loss"] == {"name": "local-prior", "tau": 2.0}  # both have it
    assert changed(tables, {"train.loss": "local-prior"})["train"]["loss"] == "local-prior"  # a fresh one
    nested = changed({}, {"algorithm.participation.power": 2.0, "algorithm.participation": "rare-first"})
    assert parse_settings(nested).algorithm.participation.model_dump() == {"power": 2.0, "floor": 0.2}


def test_the_keys_of_earlier_versions_can_be_set() -> None:
    tables = {"scenario": {"skew": "dirichlet", "dirichlet_beta": 0.1}}
    settings = parse_settings(
        changed(tables, {"scenario.dirichlet_beta": 0.3, "train.loss": "fedlc", "train.tau": 0.5})
    )
    assert (settings.scenario.skew.model_dump(), settings.train.loss.model_dump()) == ({"beta": 0.3}, {"tau": 0.5})


def test_a_finished_runs_configuration_of_an_earlier_version_is_read() -> None:
    settings = parse_settings(
        {
            "data": {"name": "digits", "download": True},
            "scenario": {"name": "custom", "labels": "half-normal", "zipf_exponent": 2.0, "imbalance_factor": 100.0}
            | {"skew": "random", "dirichlet_beta": 0.5, "shards_per_client": 2, "sizes": "lognormal"}
            | {"lognormal_sigma": 0.5},
            "model": {"name": "mlp", "options": {}, "freeze": []},
            "balance": {"rebalancing": "mean-power", "alpha": 0.67, "tau_down": 3.0},
            "algorithm": {"name": "astraea", "mediators": "kl"}
            | {"participation": {"rule": "uniform", "power": 1.0, "floor": 0.2}},
            "train": {"rule": "plain", "mu": 0.01, "loss": "running-prior", "tau": 1.0, "prior_rate": 0.1},
            "server": {"optimizer": "none", "lr": 1.0, "momentum": 0.9, "second_momentum": 0.99, "adaptivity": 0.001},
            "engine": {"name": "serial", "width": 64, "dropout": 0.0},
        }
    )
    assert settings.scenario.sizes.model_dump() == {"sigma": 0.5}
    assert settings == parse_settings(
        {
            "scenario": {"labels": "half-normal", "sizes": {"name": "lognormal", "sigma": 0.5}},
            "model": "mlp",
            "balance": {"rebalancing": "mean-power"},
            "train": {"loss": {"name": "running-prior", "tau": 1.0}},
        }
    )


def test_another_algorithm_on_a_stored_configuration_has_its_own_recipe(tiny: RunSettings, tmp_path: Any) -> None:
    from astraea.experiment.run import run

    run(tiny, rounds=1, out=tmp_path / "r")
    stored = tmp_path / "r" / "config.toml"
    assert "# train.loss = auto came to running-prior, tau 1.0, prior_rate 0.1" in stored.read_text()
    fedavg = resolved(parse_settings(changed(load_toml(stored), {"algorithm.name": "fedavg"})))
    assert (fedavg.train.loss.name, fedavg.balance.rebalancing.name) == ("cross-entropy", "none")
    astraea = resolved(parse_settings(load_toml(stored)))
    assert (astraea.train.loss.name, astraea.balance.rebalancing.name) == ("running-prior", "mean-power")
