"""Comparisons: matched samples, rates chosen on validation samples, and nothing run twice."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from astraea.errors import InputError, RunError
from astraea.experiment.arms import ARMS, VARIATIONS, arm_settings, variations
from astraea.experiment.columns import notes_of, plan_of_a_round
from astraea.experiment.compare import compare
from astraea.experiment.comparison import Comparison, load_comparison
from astraea.experiment.settings import RunSettings, dump_toml, flattened, load_toml, parse_settings, resolved
from astraea.federation.rules import LocalRule
from astraea.files import lock


def test_every_built_in_arm_has_the_client_epochs_of_the_base() -> None:
    plan = {"clients_per_round": 50, "capacity": 50, "local_epochs": 1, "mediator_epochs": 2}
    base = {"algorithm": {"name": "astraea", **plan}}
    assert plan_of_a_round(arm_settings(base, "astraea", {}).algorithm) == "50 × 1 × 2"  # chains stay as they are
    for name in set(ARMS) - {"pooled"}:
        algorithm = arm_settings(base, name, {}).algorithm
        passes = getattr(algorithm, "mediator_epochs", 1)
        assert algorithm.clients_per_round * algorithm.local_epochs * passes == 100, name


def test_arms_differ_in_what_their_name_says() -> None:
    base = {"algorithm": {"name": "astraea", "clients_per_round": 10}}
    fedavg, augmentation, random, rare = (
        arm_settings(base, name, {}) for name in ("fedavg", "augmentation", "random-mediators", "astraea+rare-first")
    )
    assert (fedavg.algorithm.name, fedavg.balance.rebalancing.name) == ("fedavg", "none")
    assert (augmentation.algorithm.name, augmentation.balance.rebalancing.name) == ("astraea", "auto")
    assert flattened(augmentation)["algorithm.mediators"] == "none"
    assert flattened(random)["algorithm.mediators"] == "random"
    assert rare.algorithm.participation.name == "rare-first"


def test_arms_without_chains_start_from_one_rate() -> None:
    def rates(base: dict[str, Any]) -> dict[str, float]:
        arms = ("fedavg", "augmentation", "one-chain")
        return {name: resolved(arm_settings(base, name, {})).train.lr or 0 for name in arms}

    base = {"algorithm": {"name": "astraea"}}
    assert rates(base) == {"fedavg": 0.02, "augmentation": 0.02, "one-chain": 0.01}
    assert rates({**base, "train": {"lr": 0.3}}) == dict.fromkeys(("fedavg", "augmentation", "one-chain"), 0.3)


def test_controls_match_the_critical_path_and_the_mediators() -> None:
    algorithm = {"clients_per_round": 50, "capacity": 10, "local_epochs": 1, "mediator_epochs": 2}
    base = {"algorithm": {"name": "astraea", **algorithm}}
    critical, chain = (flattened(arm_settings(base, name, {})) for name in ("fedavg-critical-path", "one-chain"))
    # A mediator's chain is 10 clients long and passed twice: 20 epochs one after another, 100 in all.
    assert (critical["algorithm.clients_per_round"], critical["algorithm.local_epochs"]) == (5, 20)
    assert (chain["algorithm.capacity"], chain["algorithm.mediators"]) == (50, "random")


def test_pooled_is_one_machine_with_all_samples() -> None:
    base = {"scenario": {"labels": "half-normal", "skew": "dirichlet", "sizes": "uploads"}}
    settings = arm_settings(base, "pooled+copies", {})
    assert (settings.scenario.clients, settings.scenario.skew.name) == (1, "random")
    assert settings.scenario.labels.name == "half-normal"
    assert (settings.algorithm.clients_per_round, settings.balance.rebalancing.name) == (1, "mean-power")
    by_writer = arm_settings({"scenario": {"skew": "column", "column": "writer"}}, "pooled", {}).scenario
    assert (by_writer.clients, by_writer.skew.name, by_writer.skew.divided_by) == (1, "random", None)


def test_variations_follow_any_arm() -> None:
    own = {"mine": {"train.lr": 0.5}, "mine+fedprox": {"train.lr": 0.25}}
    settings = arm_settings({}, "astraea+logit-adjusted+scaffold+fedadam+papers-optimizer", own)
    assert (settings.algorithm.name, settings.train.loss.name, settings.train.rule.name) == (
        "astraea",
        "logit-adjusted",
        "scaffold",
    )
    assert (settings.server.optimizer.name, settings.train.optimizer, settings.train.schedule) == (
        "adam",
        "Adam",
        "constant",
    )
    assert arm_settings({}, "mine+realigned", own).server.realign == 1.7
    assert arm_settings({}, "mine+fedprox", own).train.lr == 0.25  # a name of one's own goes first
    with pytest.raises(InputError, match=r"unknown variation of an arm 'scafold'; did you mean 'scaffold'\?"):
        arm_settings({}, "fedavg+scafold", own)


@pytest.mark.parametrize("variation", sorted(VARIATIONS))
def test_every_variation_changes_something(variation: str) -> None:
    base = {"scenario": {"labels": "half-normal"}}
    plain, varied = (arm_settings(base, name, {}) for name in ("astraea", f"astraea+{variation}"))
    # Astraea makes copies, anew in each epoch, and its rate falls from visit to visit; its loss is the running prior
    # with another tau.
    assert (resolved(plain) == resolved(varied)) == (variation in ("copies", "falling-rate", "on-the-fly", "balanced"))


def test_own_arms_are_tables_or_dotted_keys() -> None:
    own = {"slow": {"train": {"lr": 0.001}, "algorithm.name": "fedavg"}}
    settings = arm_settings({"seed": 4}, "slow", own)
    assert (settings.train.lr, settings.algorithm.name, settings.seed) == (0.001, "fedavg", 4)
    with pytest.raises(InputError, match=r"unknown arm 'slwo'; did you mean 'slow'\?"):
        arm_settings({}, "slwo", own)
    with pytest.raises(InputError, match=r"arm 'bad': unknown key 'train.rate'"):
        arm_settings({}, "bad", {"bad": {"train.rate": 1}})


def test_an_own_arm_begins_from_another() -> None:
    assert plan_of_a_round(arm_settings({}, "fedavg", {}).algorithm) == "20 × 5"
    assert plan_of_a_round(arm_settings({}, "astraea", {}).algorithm) == "20 × 5"
    own: dict[str, dict[str, Any]] = {
        "slow": {"from": "fedavg+fedprox", "train.lr": 0.001},
        "slower": {"from": "slow+realigned", "train": {"lr": 0.0001}},
        "loop": {"from": "pool"},
        "pool": {"from": "loop"},
        "bad": {"from": 3},
    }
    base = {"algorithm": {"clients_per_round": 6}}
    like, slow, slower = (arm_settings(base, name, own) for name in ("fedavg+fedprox", "slow", "slower"))
    assert (slow.algorithm, slow.train.rule, slow.train.loss) == (like.algorithm, like.train.rule, like.train.loss)
    assert (slow.train.lr, slower.train.lr, slower.server.realign) == (0.001, 0.0001, 1.7)
    with pytest.raises(InputError, match="arm 'pool' begins from itself"):
        arm_settings({}, "loop", own)
    with pytest.raises(InputError, match=r"arm 'bad': from is the name of an arm, such as \"fedavg\", not 3"):
        arm_settings({}, "bad", own)
    with pytest.raises(InputError, match="unknown arm 'fedavgg'; did you mean 'fedavg'"):
        arm_settings({}, "mine", {"mine": {"from": "fedavgg"}})


def test_parts_of_ones_own_are_variations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalRule, "_parts", dict(LocalRule._parts))

    class Own(LocalRule, name="own-rule"):
        pass

    assert variations()["own-rule"] == {"train.rule": "own-rule"}
    assert arm_settings({}, "fedavg+own-rule", {}).train.rule.name == "own-rule"


def test_notes_say_what_makes_a_comparison_doubtful() -> None:
    summaries: dict[str, list[dict[str, Any]]] = {
        "exact": [{"samples_processed": 104, "notes": ["shared"]}, {"samples_processed": 106, "notes": ["shared"]}],
        "large": [{"samples_processed": 150, "notes": ["shared", "one answer"]}, {"samples_processed": 150}],
    }
    summaries["large"][1]["notes"] = ["shared"]
    noted = "large, 1 of 2 seeds: one answer"
    off = (
        "large processed 150 samples a run, and the budget is 100: its rounds are large beside it. Give all arms more "
        "rounds, or this one fewer clients a round."
    )
    assert notes_of(100, summaries) == [off, noted]
    assert notes_of(None, summaries) == [noted]


@pytest.fixture(scope="module")
def arms(tiny: RunSettings) -> dict[str, RunSettings]:
    """FedAvg and Astraea over the tiny federation, with validation samples."""
    base: dict[str, Any] = tiny.model_dump() | {"evaluation": {"validation": 0.2}}
    return {name: arm_settings(base, name, {}) for name in ("fedavg", "astraea")}


@pytest.fixture(scope="module")
def finished(arms: dict[str, RunSettings], tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Two arms, two seeds, two rates."""
    return compare(arms, 2, tmp_path_factory.mktemp("runs") / "comparison", rates=[0.02, 0.2], jobs=2)


def test_every_arm_processes_the_same_samples(finished: Comparison) -> None:
    assert finished.samples is not None
    for summaries in finished.summaries.values():
        for summary in summaries:
            per_round = summary["samples_processed"] / summary["rounds"]
            assert finished.samples <= summary["samples_processed"] < finished.samples + 2 * per_round


def test_rates_are_chosen_on_validation_samples(finished: Comparison) -> None:
    for arm, scores in finished.searched.items():
        assert set(scores) == {"0.02", "0.2"}
        assert finished.rates[arm] == float(max(scores, key=lambda rate: scores[rate] or 0.0))
        for seed in finished.seeds:
            config = (finished.folder / arm / f"seed-{seed}" / "config.toml").read_text()
            assert f"lr = {finished.rates[arm]}" in config


def test_a_further_rate_may_change_the_choice_and_loses_nothing(arms: dict[str, RunSettings], tmp_path: Path) -> None:
    one = {"fedavg": arms["fedavg"]}
    arm = tmp_path / "fedavg"

    def rates_run() -> dict[str, float]:
        return {f"{path.parent.relative_to(arm)}": load_toml(path)["train"]["lr"] for path in arm.rglob("config.toml")}

    assert compare(one, 2, tmp_path, rates=[0.001]).rates == {"fedavg": 0.001}
    assert compare(one, 2, tmp_path, rates=[0.001, 0.1]).rates == {"fedavg": 0.1}
    found = rates_run()
    assert (found["seed-0"], found["seed-1"]) == (0.1, 0.1)
    assert (found["earlier/0.001-cosine/seed-0"], found["earlier/0.001-cosine/seed-1"]) == (0.001, 0.001)
    stamp = (arm / "earlier/0.001-cosine/seed-1/summary.json").stat().st_mtime_ns
    compare(one, 2, tmp_path, rates=[0.001])
    assert rates_run()["earlier/0.1-cosine/seed-1"] == 0.1
    assert (arm / "seed-1/summary.json").stat().st_mtime_ns == stamp  # taken back, not run again


def test_finished_runs_of_other_settings_are_not_taken_for_these(
    finished: Comparison, arms: dict[str, RunSettings]
) -> None:
    train = arms["fedavg"].train.model_copy(update={"momentum": 0.5})
    other = arms | {"fedavg": arms["fedavg"].model_copy(update={"train": train})}
    with pytest.raises(RunError, match=r"has train.momentum = .*, not 0.5"):
        compare(other, 2, finished.folder, rates=[0.02, 0.2])


def test_schedules_are_chosen_in_the_same_way(arms: dict[str, RunSettings], tmp_path: Path) -> None:
    one = {"fedavg": arms["fedavg"]}
    found = compare(one, 1, tmp_path, rates=[0.1, 0.01], schedules=["constant", "cosine"])
    scores = found.searched["fedavg"]
    assert (scores["0.1, constant"] or 0.0) > (scores["0.01, constant"] or 0.0)
    assert set(scores) == {"0.1, constant", "0.01, constant", "0.1, cosine"}  # the worse rate is tried under one only
    best = max(scores, key=lambda label: scores[label] or 0.0)
    assert found.schedules == {"fedavg": best.removeprefix("0.1, ")}
    # The best candidate's run is the first seed's: the same settings give the same run.
    searched = tmp_path / "fedavg" / "search" / best.replace(", ", "-")
    for name in ("config.toml", "model.safetensors", "summary.json"):
        assert (searched / name).read_bytes() == (tmp_path / "fedavg" / "seed-0" / name).read_bytes()
    with pytest.raises(InputError, match="did you mean 'cosine'"):
        compare(one, 1, tmp_path, schedules=["cosin"])


def test_runs_of_one_seed_share_their_scenario(finished: Comparison) -> None:
    first, second = ([summary["class_counts"] for summary in finished.summaries[arm]] for arm in ("fedavg", "astraea"))
    assert first == second
    assert finished.seeds == (0, 1)


def test_the_same_command_runs_only_what_is_missing(finished: Comparison, arms: dict[str, RunSettings]) -> None:
    lost = finished.folder / "astraea" / "seed-1"
    kept = finished.folder / "fedavg" / "seed-0" / "summary.json"
    before, model = kept.stat().st_mtime_ns, (lost / "model.safetensors").read_bytes()
    (lost / "summary.json").unlink()
    told: list[tuple[int, int]] = []
    again = compare(
        arms, 2, finished.folder, rates=[0.02, 0.2], watch=lambda jobs, done: told.append((done, len(jobs)))
    )
    assert kept.stat().st_mtime_ns == before
    assert (lost / "model.safetensors").read_bytes() == model
    assert again.summaries.keys() == finished.summaries.keys()
    assert (3, 4) in told
    assert told[-1] == (4, 4)


def test_a_run_that_is_known_is_copied(finished: Comparison, arms: dict[str, RunSettings], tmp_path: Path) -> None:
    mark = '{"name": [], "accuracy": [], "why": "no training would write this"}'
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(finished.folder / "fedavg" / "search" / "0.02", elsewhere)
    (elsewhere / "clients.json").write_text(mark)

    def known(settings: RunSettings) -> Path | None:
        return elsewhere if (settings.algorithm.name, settings.train.lr) == ("fedavg", 0.02) else None

    out = tmp_path / "out"
    compare({"fedavg": arms["fedavg"]}, 1, out, rates=[0.02, 0.2], known=known)
    assert (out / "fedavg" / "search" / "0.02" / "clients.json").read_text() == mark
    assert (out / "fedavg" / "search" / "0.2" / "clients.json").read_text() != mark
    assert not list(out.rglob("*.partial"))


def test_one_failing_run_leaves_the_others(arms: dict[str, RunSettings], tmp_path: Path) -> None:
    broken = arms["fedavg"].model_copy(update={"train": arms["fedavg"].train.model_copy(update={"lr": 1e30})})
    with pytest.raises(RunError, match=r"1 of 2 runs failed, the first: broken, seed 0: .* visits failed"):
        compare({"astraea": arms["astraea"], "broken": broken}, 1, tmp_path)
    assert (tmp_path / "astraea" / "seed-0" / "summary.json").exists()
    with pytest.raises(RunError, match="holds no finished comparison"):
        load_comparison(tmp_path)


def test_a_rate_that_fails_is_told_and_not_chosen(arms: dict[str, RunSettings], tmp_path: Path) -> None:
    found = compare({"fedavg": arms["fedavg"]}, 1, tmp_path, rates=[1e30, 0.1])
    assert found.searched["fedavg"]["1e+30"] is None
    assert found.rates == {"fedavg": 0.1}


def test_workers_end_with_the_process_that_started_them(tiny: RunSettings, tmp_path: Path) -> None:
    config = tmp_path / "long.toml"
    config.write_text(dump_toml(tiny.model_copy(update={"rounds": 100_000})))
    command = [sys.executable, "-m", "astraea", "compare", str(config), "--arms", "fedavg", "--match-rounds"]
    out = tmp_path / "c"
    with subprocess.Popen([*command, "--out", str(out)], stderr=subprocess.DEVNULL) as process:
        metrics = out / "fedavg" / "seed-0" / "metrics.jsonl"
        while process.poll() is None and not (metrics.exists() and metrics.read_bytes()):
            time.sleep(0.05)
        process.kill()
    while True:  # the worker holds the folder until it ends
        try:
            with lock(metrics.parent):
                return
        except RunError:
            time.sleep(0.05)


def test_what_cannot_be_compared(arms: dict[str, RunSettings], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one arm and one seed"):
        compare({}, 3, tmp_path)
    with pytest.raises(InputError, match="needs validation samples"):
        compare({"plain": parse_settings({})}, 1, tmp_path, rates=[0.1])
    (tmp_path / "comparison.json").write_text("[")
    with pytest.raises(RunError, match=r"comparison\.json is damaged"):
        load_comparison(tmp_path)
