from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from astraea.errors import AstraeaError, InputError, RunError
from astraea.experiment.cost import first_round, round_costs
from astraea.experiment.prepare import prepare
from astraea.experiment.run import run
from astraea.experiment.settings import EXAMPLE, load_toml, parse_settings
from astraea.network import round_time
from astraea.network.files import load_network


def test_rounds_of_arms_are_timed_without_training() -> None:
    network = load_network("cross-silo")

    costs = round_costs(load_toml(EXAMPLE), ["fedavg", "astraea"], network, congestion="cubic")

    fedavg, astraea = costs.rounds["fedavg"], costs.rounds["astraea"]
    assert costs.clients == 20
    assert fedavg.seconds == pytest.approx(fedavg.compute + fedavg.transfer + fedavg.waiting)
    assert max(map(len, (fedavg.critical, astraea.critical))) == len(astraea.critical) > 2
    assert astraea.seconds > fedavg.seconds  # a chain of visits takes one after the other


SMALL = {
    "rounds": 3,
    "data": {"name": "digits"},
    "scenario": {"clients": 6, "samples": 240},
    "algorithm": {"name": "astraea", "clients_per_round": 4, "capacity": 2, "local_epochs": 1, "mediator_epochs": 2},
}
HOME = """
[server]
up_mbps = 1000
down_mbps = 1000
[[sites]]
clients = "*"
up_mbps = 10
down_mbps = 50
step_seconds = 0.01
visit_spread = 0.3
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    file = tmp_path / "home.toml"
    file.write_text(HOME)
    return file


def test_a_run_counts_simulated_seconds_and_trains_as_without(tmp_path: Path, home: Path) -> None:
    timed = run(parse_settings({**SMALL, "network": {"name": str(home), "congestion": "bbr"}}), out=tmp_path / "timed")
    plain = run(parse_settings(SMALL))

    seconds = [line["round_seconds"] for line in timed.history]
    assert [line["simulated_seconds"] for line in timed.history] == pytest.approx(np.cumsum(seconds).tolist())
    assert timed.summary["simulated_seconds"] == pytest.approx(sum(seconds))
    assert sum(timed.summary["simulated_split"].values()) == pytest.approx(sum(seconds))
    assert timed.summary["congestion"] == "bbr"
    assert plain.summary["simulated_seconds"] is None
    assert "simulated_seconds" not in plain.history[0]
    assert timed.summary["per_class_recall"] == plain.summary["per_class_recall"]


def test_a_round_takes_what_its_plan_takes(home: Path) -> None:
    settings = parse_settings({**SMALL, "network": str(home)})
    experiment = prepare(settings)
    plan = first_round(experiment)
    assert experiment.simulation is not None

    told = experiment.simulation(plan)

    sizes, batch = experiment.population.histograms.sum(axis=1), settings.train.batch_size
    steps = {client: int(np.ceil(sizes[client] / batch)) for client in range(6)}
    assert told.seconds == round_time(plan, home, steps=steps).seconds
    assert told.plan == plan
    experiment.engine.close()


def test_mediators_at_sites_change_the_traffic() -> None:
    server = run(parse_settings({**SMALL, "rounds": 1, "network": "cross-device"}))
    edge = run(parse_settings({**SMALL, "rounds": 1, "network": "edge"}))

    chains = edge.history[0]["chains"]
    hop = server.summary["bytes_sent"] / (2 * 4 * 2)
    assert edge.summary["bytes_sent"] == server.summary["bytes_sent"] + 2 * chains * hop


def test_chains_that_are_late_are_skipped(home: Path) -> None:
    slow = HOME.replace("step_seconds = 0.01", "step_seconds = 0.05\nstep_spread = 1.0")
    home.write_text(slow)
    longest = max(line["round_seconds"] for line in run(parse_settings({**SMALL, "network": str(home)})).history)
    home.write_text(f"deadline_s = {0.99 * longest}\n{slow}")

    done = run(parse_settings({**SMALL, "network": str(home)}))

    skipped = [visit for line in done.history for visit in line.get("skipped", [])]
    assert done.summary["visits_skipped"] == len(skipped) > 0
    assert skipped[0]["reason"].startswith("its chain is not back by the network's deadline_s of ")
    assert max(line["round_seconds"] for line in done.history) == 0.99 * longest


def test_visits_behind_a_link_that_dies_in_mid_round_are_skipped(home: Path) -> None:
    """The tower of clients 0 to 2 carries nothing from 0.2 s on: their training takes longer than that."""
    (home.parent / "tower.csv").write_text("0,10\n" + "".join(f"{0.2 * i:.1f},0\n" for i in range(1, 400)))
    tower = '[[links]]\nname = "tower"\nup_mbps = 10\ndown_mbps = 10\nup_trace = "tower.csv"\n'
    behind = HOME[HOME.index("[[sites]]") :].replace('"*"', '"0-2"').replace("0.01", "1.0") + 'link = "tower"\n'
    home.write_text("deadline_s = 20\n" + HOME + tower + behind)
    everyone = SMALL | {"rounds": 1, "algorithm": {"name": "fedavg", "clients_per_round": 6}}

    result = run(parse_settings({**everyone, "network": {"name": str(home)}}))

    line = result.history[0]
    assert line["round_seconds"] == 20
    assert {one["client"] for one in line["skipped"]} == {0, 1, 2}
    assert line["skipped"][0]["reason"].startswith("its chain is not back by the network's deadline_s of 20 s")


@pytest.mark.parametrize("engine", ["serial", "processes", "stacked"])
def test_a_round_with_no_chain_in_time_leaves_the_model_and_the_run_goes_on(home: Path, engine: str) -> None:
    """The server is cut off from the end of the first round on, for nearly as long as the second round waits."""
    tables = SMALL | {"engine": {"name": engine} | ({"workers": 2} if engine == "processes" else {})}
    took = run(parse_settings({**tables, "rounds": 1, "network": str(home)})).summary["simulated_seconds"]
    cut_off = HOME.replace("[server]", f"[server]\noutages = [[{took}, {3.5 * took}]]")
    home.write_text(f"deadline_s = {3 * took}\n{cut_off}")

    result = run(parse_settings({**tables, "network": {"name": str(home)}}))

    first, cut, last = result.history
    assert cut["kept"] == "the model before, since nobody was in time"
    assert cut["round_seconds"] == 3 * took
    reason = f"its chain is not back by the network's deadline_s of {3 * took:g} s"
    assert [one["reason"] for one in cut["skipped"]] == [reason] * 8
    assert cut["samples_processed"] == first["samples_processed"] < last["samples_processed"]
    assert cut["accuracy"] == first["accuracy"]
    assert "kept" not in first | last
    (said,) = (note for note in result.summary["notes"] if "too few were in time" in note)
    assert said.startswith("In round 2 too few were in time, so the model stayed as it was: if that was not meant, ")


def test_a_run_of_which_no_round_ends_in_time_says_so_and_what_to_do(home: Path) -> None:
    home.write_text("deadline_s = 0.01\n" + HOME)

    result = run(parse_settings({**SMALL, "network": {"name": str(home)}}))

    assert result.summary["rounds"] == 3
    assert result.summary["visits_skipped"] == sum(len(line["skipped"]) for line in result.history) == 24
    assert (
        "No round ended in time, so the model is the one that the run began with: raise the limit on time (deadline_s "
        "of the network's file, or engine.visit_deadline), or leave it out." in result.summary["notes"]
    )


def test_a_budget_of_samples_that_is_never_used_up_ends_with_a_sentence(home: Path) -> None:
    home.write_text("deadline_s = 0.01\n" + HOME)

    with pytest.raises(RunError, match=r"round 100: for 100 rounds nobody was in time, so the 500 samples"):
        run(parse_settings({**SMALL, "rounds": 1, "samples": 500, "network": {"name": str(home)}}))


def test_a_network_for_fewer_clients_is_refused_before_anything_is_written(tmp_path: Path, home: Path) -> None:
    home.write_text(HOME.replace('"*"', '"0-4"'))

    with pytest.raises(InputError, match="client 5 has no site: network 'home' is for 5 clients"):
        run(parse_settings({**SMALL, "network": {"name": str(home)}}), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_budget_of_simulated_seconds_ends_the_run(home: Path) -> None:
    first = run(parse_settings({**SMALL, "rounds": 1, "network": str(home)})).summary["simulated_seconds"]

    done = run(parse_settings({**SMALL, "rounds": 1, "network": {"name": str(home), "seconds": 2.2 * first}}))

    assert done.summary["rounds"] == 3
    assert done.summary["simulated_seconds"] >= 2.2 * first


def test_a_run_says_which_fidelity_auto_came_to(home: Path) -> None:
    tables = {"name": str(home), "fidelity": "auto", "sharing": "weighted", "congestion": "bbr"}

    done = run(parse_settings({**SMALL, "rounds": 2, "network": tables}))

    assert [line["round_fidelity"] for line in done.history] == ["fluid", "fluid"]
    note = "network.fidelity = auto came to fluid in 2 rounds (bbr takes no weights in packets)."
    assert note in done.summary["notes"]


def test_a_network_that_has_changed_is_not_resumed(tmp_path: Path, home: Path) -> None:
    settings = parse_settings({**SMALL, "rounds": 1, "network": str(home)})
    run(settings, out=tmp_path / "r")
    home.write_text(HOME.replace("50", "60"))

    with pytest.raises(AstraeaError, match="has changed since the run began"):
        run(settings.model_copy(update={"rounds": 2}), out=tmp_path / "r", resume=True)


def test_settings_of_a_network_need_one() -> None:
    with pytest.raises(InputError, match=r"network.congestion needs a network: set network.name, or --network"):
        run(parse_settings({**SMALL, "network": {"congestion": "bbr"}}))
