"""Settings from TOML and from key=value; every mistake is one sentence that names the key."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from astraea.errors import InputError
from astraea.experiment.changes import changed, parse_changes
from astraea.experiment.keys import describe
from astraea.experiment.settings import EXAMPLE, RunSettings, dump_toml, flattened, load_toml, parse_settings, resolved


def test_every_key_has_a_default_and_a_description() -> None:
    assert parse_settings({}) == RunSettings()
    assert [key.name for key in describe() if not key.description] == []


def test_settings_read_back_from_their_own_toml() -> None:
    for settings in (
        RunSettings(),
        parse_settings(load_toml(EXAMPLE)),
        parse_settings({"scenario": {"name": "ltrf1"}}),
    ):
        assert parse_settings(tomllib.loads(dump_toml(settings))) == settings


def test_changes_are_toml_values_or_plain_strings() -> None:
    assert parse_changes(["train.lr=0.1", "seed = 3", "data.name=emnist", "model.freeze=['a.*']"]) == {
        "train.lr": 0.1,
        "seed": 3,
        "data.name": "emnist",
        "model.freeze": ["a.*"],
    }
    with pytest.raises(InputError, match=r"'train\.lr' is not KEY=VALUE"):
        parse_changes(["train.lr"])


def test_an_algorithm_without_a_name_is_astraea() -> None:
    settings = parse_settings({"algorithm": {"capacity": 5}})
    assert (settings.algorithm.name, settings.algorithm.model_dump()["capacity"]) == ("astraea", 5)
    assert parse_settings({"algorithm": {"name": "fedavg"}}).algorithm.name == "fedavg"


def test_changing_the_algorithm_keeps_only_what_the_new_one_has() -> None:
    tables = {"algorithm": {"name": "astraea", "capacity": 5, "clients_per_round": 8}}
    assert changed(tables, {"algorithm.local_epochs": 3, "algorithm.name": "fedavg"}) == {
        "algorithm": {"name": "fedavg", "clients_per_round": 8, "local_epochs": 3}
    }
    assert tables["algorithm"]["capacity"] == 5  # the original is not touched
    with pytest.raises(InputError, match="'seed' is a value, not a section"):
        changed({"seed": 1}, {"seed.x": 2})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"traim": {"lr": 1}}, r"unknown key 'traim'; did you mean 'train'\?"),
        ({"train": {"learning_rate": 1}}, r"unknown key 'train.learning_rate'"),
        ({"algorithm": {"name": "astraea", "capcity": 1}}, r"unknown key 'algorithm.capcity'; did you mean 'capacity'"),
        ({"algorithm": {"name": "astrea"}}, r"unknown algorithm 'astrea'; did you mean 'astraea'\?"),
        (
            {"algorithm": {"name": "astraea", "capacity": 0}},
            r"'algorithm.capacity' cannot be 0: .*greater than or equal",
        ),
        ({"train": {"lr": "fast"}}, r"'train.lr' cannot be 'fast'"),
        ({"train": {"optimizer": "sgd"}}, r"unknown optimiser 'sgd'; did you mean 'SGD'"),
        (
            {"algorithm": {"name": "fedavg", "participation": {"rule": "rarefirst"}}},
            r"unknown participation rule 'rarefirst'; did you mean 'rare-first'",
        ),
        ({"evaluation": {"early_stopping": 3}}, r"early_stopping needs validation samples"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_key(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_settings(values, "my.toml")
    assert str(caught.value).startswith("my.toml: ")
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*none\.toml"):
        load_toml(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("seed = = 1")
    with pytest.raises(InputError, match=r"bad\.toml is not TOML"):
        load_toml(tmp_path / "bad.toml")


def test_auto_rebalancing_is_what_the_algorithm_stands_for() -> None:
    rules = [
        resolved(parse_settings({"algorithm": {"name": name}, "balance": balance})).balance.rebalancing.name
        for name, balance in (("astraea", {}), ("fedavg", {}), ("fedavg", {"rebalancing": "z-score"}))
    ]
    assert rules == ["mean-power", "none", "z-score"]


def test_flattened_names_every_value() -> None:
    values = flattened(resolved(RunSettings()))
    assert values["train.lr"] == 0.01
    assert values["algorithm.participation"] == "uniform"


def test_tensorboard_was_a_switch_of_its_own() -> None:
    assert parse_settings({"output": {"tensorboard": True}}).output.trackers == ("tensorboard",)
    assert parse_settings({"output": {"tensorboard": False, "trackers": ["wandb"]}}).output.trackers == ("wandb",)


def test_what_is_typed_in_a_list_is_trusted() -> None:
    changes = parse_changes(['evaluation.metrics=["statistics:fmean", "f1"]'])
    metrics = parse_settings(changed({}, changes)).evaluation.metrics
    assert [metric.key for metric in metrics] == ["fmean", "f1"]
