"""The commands as a user types them: exit status, standard output, and one sentence for each mistake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
import typer
from PIL import Image
from tests.cli.runner import RUNNER
from typer.testing import Result

from astraea import __version__
from astraea.cli.app import app
from astraea.experiment.arms import ARMS, VARIATIONS

# click before 8.2, which the lowest supported Flower brings along, mixes the two outputs unless told otherwise.
QUICK = [
    *("--set", "rounds=2", "--set", "scenario.clients=4", "--set", "scenario.samples=120"),
    *("--set", "algorithm.clients_per_round=4"),
]


def cli(*arguments: str) -> Result:
    return RUNNER.invoke(app, list(arguments), env={"COLUMNS": "100"})


def sentence(result: Result) -> str:
    assert result.exit_code == 1, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    lines = [line for line in result.stderr.splitlines() if line.startswith("astraea: ")]
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_help_and_version() -> None:
    assert cli("--version").stdout.strip() == __version__
    for command in ("run", "compare", "scenario", "settings"):
        shown = cli(command, "--help")
        assert shown.exit_code == 0
        assert "--json" in shown.stdout


def test_help_tells_of_arguments_too() -> None:
    for command in (["run"], ["compare"], ["scenario"], ["network", "show"], ["congestion", "policy"]):
        help_ = RUNNER.invoke(app, [*command, "--help"], env={"COLUMNS": "200"}).stdout
        arguments = help_.split("─ Arguments ─")[1].split("─ Options ─")[0]
        assert len(arguments.split()) > 8, arguments


def test_a_first_configuration_runs_and_nothing_is_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    assert cli("init", str(file)).exit_code == 0
    assert cli("run", str(file), "--out", str(tmp_path / "r"), *QUICK).exit_code == 0
    assert "is there already" in sentence(cli("init", str(file)))


def test_the_help_of_compare_lists_every_arm_and_variation() -> None:
    shown = RUNNER.invoke(app, ["compare", "--help"], env={"COLUMNS": "4000"}).stdout
    line = next(line for line in shown.splitlines() if "--arms" in line)
    assert f"Arms: {', '.join(ARMS)}, and" in line
    assert f"Variations: {', '.join(VARIATIONS)}." in line


def test_run_trains_and_tells(tmp_path: Path) -> None:
    done = cli("run", "--out", str(tmp_path / "r"), *QUICK)
    assert done.exit_code == 0, done.output
    assert "balanced accuracy" in done.stdout
    assert (tmp_path / "r" / "summary.json").exists()
    again = cli("run", "--resume", "--out", str(tmp_path / "r"), "--json")
    assert json.loads(again.stdout) == json.loads((tmp_path / "r" / "summary.json").read_text())


def test_notes_on_the_data_are_shown_once(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).normal(size=(40, 3)), y=np.arange(40) % 2)
    data = ("--set", "data.name=npz", "--set", f"data.path={tmp_path / 'x.npz'}")
    done = cli("run", "--out", str(tmp_path / "r"), *data, "--set", "rounds=1", "--set", "scenario.clients=2")
    assert done.exit_code == 0, done.output
    assert done.stderr.count("note: 'npz' has no test set: 8 training samples are held out as one.") == 1


def test_folders_of_sites_are_clients_from_the_command_line_alone(tmp_path: Path) -> None:
    for number in range(12):
        picture = tmp_path / f"site{number % 2}" / "ab"[number // 2 % 2] / f"{number}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 20 * number, np.uint8)).save(picture)
    data = ("--set", "data.name=folder", "--set", f"data.path={tmp_path}")
    unsaid = cli("scenario", *data)
    assert unsaid.exit_code == 1
    assert "set data.sites to true" in unsaid.stderr
    said = cli("scenario", *data, "--set", "data.sites=true")
    assert said.exit_code == 0, said.output
    assert "2 clients, 2 classes; 9 training samples, 3 for test" in said.stdout


def test_a_default_folder_is_named_after_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("run", *QUICK).exit_code == 0
    assert cli("run", *QUICK).exit_code == 0
    first, second = sorted((tmp_path / "runs").iterdir())
    assert (first.name, second.name) == ("digits-astraea-seed0", "digits-astraea-seed0-2")
    (second / "summary.json").unlink()
    assert cli("run", "--resume", *QUICK).exit_code == 0
    assert (second / "model.safetensors").read_bytes() == (first / "model.safetensors").read_bytes()
    assert (second / "summary.json").exists()


def test_dry_run_says_what_it_would_cost(tmp_path: Path) -> None:
    shown = cli("run", "--dry-run", "--out", str(tmp_path / "r"), *QUICK)
    assert "traffic" in shown.stdout
    assert not (tmp_path / "r").exists()
    cost = json.loads(cli("run", "--dry-run", "--json", *QUICK).stdout)
    assert cost["rounds"] == 2
    assert cost["client_epochs"] == 40  # two rounds of four clients, five epochs each


def test_scenario_as_text_json_and_picture(tmp_path: Path) -> None:
    picture = tmp_path / "who.png"
    shown = cli("scenario", "--picture", str(picture), *QUICK)
    assert shown.exit_code == 0, shown.output
    assert "4 clients, 10 classes" in shown.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert json.loads(cli("scenario", "--json", *QUICK).stdout)


def test_a_papers_scenario_replaces_the_examples_own(data_dir: Path) -> None:
    summary = cli(
        "scenario", "--set", "scenario.name=ltrf1", "--set", "data.name=devanagari", "--data-dir", str(data_dir)
    )
    assert summary.exit_code == 0, summary.output
    assert "500 clients, 46 classes" in summary.stdout


def test_compare_prints_and_plots(tmp_path: Path) -> None:
    config = tmp_path / "two.toml"
    config.write_text(
        'rounds = 2\nscenario = {clients = 4, samples = 120}\nalgorithm = {name = "fedavg", clients_per_round = 4}\n'
        "[arms.slow]\ntrain.lr = 0.001\n[arms.fast]\ntrain.lr = 0.1\n"
    )
    out = tmp_path / "c"
    done = cli("compare", str(config), "--arms", "slow,fast", "--seeds", "2", "--jobs", "2", "--out", str(out))
    assert done.exit_code == 0, done.output
    assert "2 seeds, mean ± standard deviation" in done.stdout
    assert (out / "comparison.png").read_bytes().startswith(b"\x89PNG")
    assert len((out / "values.csv").read_text().splitlines()) == 5
    assert (out / "table.md").read_text().startswith("| arm | accuracy, final (%)")
    printed = cli("compare", str(config), "--arms", "slow,fast", "--seeds", "2", "--out", str(out), "--format", "latex")
    assert printed.stdout.startswith("\\begin{tabular}{lrrr")
    values = json.loads(
        cli("compare", str(config), "--arms", "slow,fast", "--seeds", "2", "--out", str(out), "--json").stdout
    )
    assert [len(values[arm]) for arm in ("slow", "fast")] == [2, 2]


def test_settings_lists_every_key() -> None:
    keys = {key["name"]: key for key in json.loads(cli("settings", "--json").stdout)}
    assert keys["train.batch_size"]["default"] == "20"
    assert keys["train.lr"]["default"] == "–"  # which its description tells
    assert "algorithm.capacity" in keys
    assert "balance.transforms.rotation" in keys
    assert "train.lr" in cli("settings", "train").stdout
    about = cli("settings", "epsilon").stdout  # which begins no key: those that tell of it
    assert "[privacy]" in about
    assert "train.lr" not in about
    assert "did you mean 'train'" in sentence(cli("settings", "trian"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--set", "train.lrr=1"], "unknown key 'train.lrr'; did you mean 'lr'?"),
        (["--set", "data.name=digit"], "unknown dataset 'digit'; did you mean 'digits'?"),
        (["--set", "scenario.clients=100000"], "more clients than samples"),
        (["--set", "algorithm.capacity=0"], "'algorithm.capacity' cannot be 0"),
        (["--set", "model.name=emnist-cnn"], "model 'emnist-cnn' fails on samples of shape (1, 8, 8)"),
        (["--set", "engine.device=cuda:9"], "engine.device 'cuda:9' is not to be had here"),
        (
            ["--set", "scenario.labels=half-nromal"],
            "unknown label distribution 'half-nromal'; did you mean 'half-normal'?",
        ),
        (["nowhere.toml"], "cannot read nowhere.toml"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], expected: str, tmp_path: Path) -> None:
    assert expected in sentence(cli("run", *arguments, "--out", str(tmp_path / "r")))
    assert not (tmp_path / "r").exists()


def test_a_model_that_turns_to_nan_ends_the_run_and_keeps_its_folder(tmp_path: Path) -> None:
    out = tmp_path / "r"
    told = sentence(cli("run", "--set", "train.lr=1e30", "--out", str(out), *QUICK))
    assert "the model became NaN or infinite" in told
    assert (out / "config.toml").exists()


def test_a_missing_data_file_names_the_file_and_the_folder(tmp_path: Path) -> None:
    told = sentence(
        cli("run", "--set", "data.name=emnist", "--set", "data.download=false", "--data-dir", str(tmp_path))
    )
    assert "emnist" in told
    assert str(tmp_path) in told


def test_own_data_keep_their_classes_without_a_configuration(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "mine.npz", x=rng.random((200, 4)), y=[0] * 20 + [1] * 180)
    own = ("scenario", "--json", "--set", "data.name=npz", "--set", f"data.path={tmp_path / 'mine.npz'}")
    told = json.loads(cli(*own).stdout)
    assert (told["global_counts"], len(told["clients"])) == ([16, 144], 20)
    told = json.loads(cli(*own, "--set", "scenario.sizes=[30, 50]").stdout)
    assert [client["samples"] for client in told["clients"]] == [30, 50]
    told = json.loads(cli(*own, "--set", "scenario.skew={name='indices',indices=[[0,1],[2,3,150]]}").stdout)
    assert len(told["clients"]) == 2


def test_a_corrupt_data_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.npz").write_bytes(b"PK\x03\x04 this is no archive")
    told = sentence(cli("run", "--set", "data.name=npz", "--set", f"data.path={tmp_path / 'mine.npz'}"))
    assert "mine.npz" in told


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    out = tmp_path / "r"
    assert cli("run", "--out", str(out), *QUICK).exit_code == 0
    (out / "summary.json").unlink()
    checkpoint = max((out / "checkpoint").iterdir())
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    assert "is damaged" in sentence(cli("run", "--resume", "--out", str(out)))


def commands_that_take_a_configuration(
    group: click.Group, names: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands_that_take_a_configuration(command, (*names, name))
        elif any(parameter.name == "config" for parameter in command.params):
            yield (*names, name), command


def test_every_command_names_the_file_in_which_a_mistake_is(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("rouns = 3\n")
    given: dict[tuple[str, ...], tuple[str, ...]] = {("network", "show"): ("edge", str(file))}
    group = typer.main.get_command(app)
    assert isinstance(group, click.Group)
    found = dict(commands_that_take_a_configuration(group))
    assert {("run",), ("compare",), ("plan",), ("scenario",), ("network", "show")} <= {*found}

    for command, its in found.items():
        # A configuration that names code is refused with "add --trust": so there must be such an option.
        assert any("--trust" in parameter.opts for parameter in its.params), command
        told = RUNNER.invoke(app, [*command, *given.get(command, (str(file),))], env={"COLUMNS": "4000"}).stderr
        assert f"astraea: {file}: unknown key 'rouns'; did you mean 'rounds'?" in told, (command, told)


@pytest.mark.parametrize("command", ["run", "compare", "plan", "scenario"])
def test_a_mistake_on_the_command_line_is_not_put_on_the_file_alone(tmp_path: Path, command: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("rounds = 3\n")

    told = RUNNER.invoke(app, [command, str(file), "--set", "rouns=3"], env={"COLUMNS": "4000"}).stderr

    assert f"astraea: {file} or --set: unknown key 'rouns'" in told


def test_a_mistake_in_an_arm_names_the_file_and_the_arm(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[arms.slow]\ntrain.rate = 3\n")

    told = RUNNER.invoke(app, ["compare", str(file), "--arms", "slow"], env={"COLUMNS": "4000"}).stderr

    assert f"astraea: {file}: arm 'slow': unknown key 'train.rate'" in told
