from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.runner import RUNNER
from typer.testing import Result

from astraea.cli.app import app
from astraea.network.files import load_network

SMALL = ["--set", "scenario.clients=4", "--set", "scenario.samples=120", "--set", "algorithm.clients_per_round=4"]


def cli(*arguments: str) -> Result:
    return RUNNER.invoke(app, list(arguments), env={"COLUMNS": "140"})


@pytest.fixture
def smallest(tmp_path: Path) -> Path:
    file = tmp_path / "home.toml"
    file.write_text(
        "[server]\nup_mbps = 1000\ndown_mbps = 1000\n"
        '[[sites]]\nclients = "*"\nup_mbps = 10\ndown_mbps = 50\ndelay_ms = 20\nbuffer_bdp = 1.0\nstep_seconds = 0.01\n'
    )
    return file


def test_show_tells_and_draws(tmp_path: Path, smallest: Path) -> None:
    picture, timeline = tmp_path / "sites.png", tmp_path / "round.svg"

    shown = cli("network", "show", str(smallest), *SMALL, "--picture", str(picture), "--timeline", str(timeline))

    assert shown.exit_code == 0, shown.output
    for words in ("server sends", "fedavg", "astraea", "bound"):
        assert words in shown.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in timeline.read_text()


def test_show_as_json_without_rounds(smallest: Path) -> None:
    shown = json.loads(cli("network", "show", str(smallest), "--arms", "", "--clients", "7", "--json").stdout)

    assert shown["network"] == "home"
    assert shown["sites"][0]["clients"] == 7
    assert shown["links"][1]["oversubscription"] == pytest.approx(0.07)
    assert shown["rounds"] == {}


@pytest.mark.parametrize("arms", ["", "fedavg"])
def test_show_counts_the_clients_of_the_scenario_that_is_named(tmp_path: Path, smallest: Path, arms: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[data]\nname = "digits"\n[scenario]\nclients = 5\n[algorithm]\nclients_per_round = 4\n')
    shown = ["network", "show", str(smallest), "--arms", arms, "--json"]

    by_change, by_file = (json.loads(cli(*shown, *more).stdout) for more in (SMALL, [str(config)]))
    without = json.loads(cli(*shown).stdout)

    counted = [(one["clients"], one["sites"][0]["clients"]) for one in (by_change, by_file, without)]
    assert counted == [(4, 4), (5, 5), (100, 100)]
    assert by_change["links"][0]["oversubscription"] == pytest.approx(4 * 50 / 1000)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["cross-devise"], "there is no network 'cross-devise'; did you mean 'cross-device'?"),
        (["edge", "--congestion", "cubik"], "unknown congestion controller 'cubik'"),
        (["edge", "--sharing", "fare"], "unknown sharing 'fare'"),
        (["edge", "--arms", "", "--timeline", "x.png"], "--timeline draws a round of the first of --arms: name one"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], sentence: str) -> None:
    shown = cli("network", "show", *arguments)

    assert shown.exit_code == 1
    assert sentence in " ".join(shown.stderr.split())


def test_run_on_a_network_tells_simulated_seconds(tmp_path: Path, smallest: Path) -> None:
    options = [*SMALL, "--set", "rounds=2", "--network", str(smallest), "--congestion", "bbr"]

    done = cli("run", "--out", str(tmp_path / "r"), *options)

    assert done.exit_code == 0, done.output
    assert "s simulated: " in done.stdout
    summary = json.loads((tmp_path / "r" / "summary.json").read_text())
    assert summary["simulated_seconds"] == pytest.approx(sum(summary["simulated_split"].values()))
    planned = json.loads(cli("run", "--dry-run", "--json", *options).stdout)
    assert planned["simulated_seconds"] > 0
    assert f"on{smallest}:about" in "".join(cli("run", "--dry-run", *options).stdout.split())  # a long path is folded


def test_a_controller_without_a_network_is_refused(tmp_path: Path) -> None:
    done = cli("run", "--out", str(tmp_path / "r"), "--congestion", "bbr")

    assert done.exit_code == 1
    assert "network.congestion needs a network" in " ".join(done.stderr.split())


def test_a_comparison_on_a_network_tells_simulated_seconds(tmp_path: Path, smallest: Path) -> None:
    out = tmp_path / "c"

    done = cli("compare", "--seeds", "1", "--out", str(out), "--network", str(smallest), *SMALL, "--set", "rounds=2")

    assert done.exit_code == 0, done.output
    assert "simulated (s)" in done.stdout
    assert "simulated_seconds" in (out / "values.csv").read_text().splitlines()[0]


def test_a_network_to_begin_with(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"

    written = cli("network", "init", str(file))
    assert written.exit_code == 0
    assert f"next: astraea network show {file}" in written.stdout
    assert [site.name for site in load_network(file).sites] == ["office", "phones"]
    assert cli("network", "show", str(file), "--arms", "").exit_code == 0

    again = cli("network", "init", str(file))
    assert again.exit_code == 1
    assert "is there already" in again.stderr


def test_the_keys_of_a_network_file() -> None:
    listed = json.loads(cli("network", "keys", "--json").stdout)
    assert list(listed) == ["", "[server]", "[[links]]", "[[sites]]", "[transport]"]
    assert "half_duplex" in [key["name"] for key in listed["[[links]]"]]
    assert "\n[[sites]]\n" in cli("network", "keys").stdout
