from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from astraea.errors import InputError
from astraea.experiment.planning import Choices, plan
from astraea.experiment.plans import Plans
from astraea.experiment.run import run
from astraea.experiment.settings import dump_toml, load_toml, parse_settings

SMALL: dict[str, Any] = {
    "data": {"name": "digits"},
    "scenario": {"clients": 6, "samples": 240},
    "algorithm": {"name": "astraea", "clients_per_round": 4, "capacity": 2, "local_epochs": 1, "mediator_epochs": 2},
}
HOME = """
placement = "server"
[server]
up_mbps = 20
down_mbps = 20
[[links]]
name = "cell"
up_mbps = 5
down_mbps = 5
[[sites]]
clients = "*"
link = "cell"
up_mbps = 2
down_mbps = 8
delay_ms = 15
step_seconds = 0.02
step_spread = 0.4
visit_spread = 0.3
"""
FEW = Choices(clients=(2, 4), capacity=(2, 4), epochs=(1,), passes=(1,), placement=("server", "clients"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("network") / "home.toml"
    file.write_text(HOME)
    return file


@pytest.fixture(scope="module")
def plans(home: Path) -> Plans:
    return plan(home, SMALL, samples=400, choices=FEW, timed=100)


def test_every_combination_is_tried_once_and_the_soonest_is_first(plans: Plans) -> None:
    tried = {(row.arm, *row.shape.values(), row.placement) for row in plans.rows}

    assert tried == {
        *(("fedavg", c, 1, 1, 1, "server") for c in (2, 4)),
        *(("astraea", c, g, 1, 1, p) for c, g in ((2, 2), (4, 2), (4, 4)) for p in ("server", "clients")),
    }
    assert len(plans.rows) == 8
    seconds = [row.seconds for row in plans.rows]
    assert seconds == sorted(seconds)
    assert plans.best is plans.best_of()[plans.best.arm]
    for row in plans.rows:
        assert row.seconds == pytest.approx(row.compute + row.transfer + row.waiting)
        assert row.bound <= row.seconds * (1 + 1e-9)
        assert row.samples >= 400


@pytest.mark.parametrize(("arm", "placement"), [("fedavg", "server"), ("astraea", "clients")])
def test_a_run_of_a_plan_counts_the_same(plans: Plans, tmp_path: Path, arm: str, placement: str) -> None:
    row = next(one for one in plans.rows if one.arm == arm and one.placement == placement)
    file = tmp_path / "plan.toml"
    file.write_text(dump_toml(row.settings))

    done = run(parse_settings(load_toml(file))).summary

    assert done["rounds"] == row.rounds == row.timed > 2
    assert done["simulated_seconds"] == pytest.approx(row.seconds, rel=1e-12)
    assert done["bytes_sent"] == row.bytes
    assert done["samples_processed"] == row.samples
    parts = {"compute": row.compute, "transfer": row.transfer, "waiting": row.waiting}
    assert done["simulated_split"] == pytest.approx(parts)


def test_rounds_that_are_not_timed_count_as_the_mean(plans: Plans, home: Path) -> None:
    few = plan(home, SMALL, arms="fedavg", samples=400, choices=FEW._replace(clients=(4,)), timed=1).best
    whole = next(row for row in plans.rows if row.arm == "fedavg" and row.shape["clients"] == 4)

    first = plan(home, SMALL, arms="fedavg", samples=1, choices=FEW._replace(clients=(4,))).best

    assert (few.timed, first.rounds) == (1, 1)
    assert few.seconds == pytest.approx(few.rounds * first.seconds)
    assert few.samples >= 400 > few.samples * (few.rounds - 1) / few.rounds
    assert few.seconds == pytest.approx(whole.seconds, rel=0.5)


def test_where_links_lose_packets_a_plan_is_timed_in_packets(home: Path, tmp_path: Path) -> None:
    one = FEW._replace(clients=(2,))
    lossy = tmp_path / "lossy.toml"
    lossy.write_text(HOME + "loss = 0.02\n")

    told = plan(lossy, SMALL, arms="fedavg", samples=100, choices=one).best

    assert told.settings.network.fidelity == "packets"
    assert told.seconds > plan(home, SMALL, arms="fedavg", samples=100, choices=one).best.seconds
    assert run(told.settings).summary["simulated_seconds"] == pytest.approx(told.seconds)


def test_clients_hand_no_model_in_few_bits_to_each_other(home: Path) -> None:
    few = FEW._replace(clients=(4,), capacity=(4,), placement=())

    whole, packed = (
        plan(home, SMALL, arms=arm, samples=100, choices=few, timed=1) for arm in ("astraea", "astraea+4-bit")
    )

    assert {row.placement for row in whole.rows} == {"server", "sites", "clients"}
    assert {row.placement for row in packed.rows} == {"server", "sites"}
    assert packed.best.bytes < whole.best.bytes / 4
    with pytest.raises(InputError, match=r"algorithm\.bits = 4 needs a mediator that holds the model"):
        plan(home, SMALL, arms="astraea+4-bit", samples=100, choices=few._replace(placement=("clients",)), timed=1)


def test_by_default_as_many_samples_as_a_run_processes(home: Path) -> None:
    given = plan(home, SMALL | {"samples": 123}, arms=["fedavg"], choices=FEW._replace(clients=(2,)), timed=1)
    counted = plan(home, SMALL | {"rounds": 3}, arms=["fedavg"], choices=FEW._replace(clients=(2,)), timed=1)

    assert given.samples == 123
    assert counted.samples == round(3 * 4 / 6 * sum(_trained(home)))


def _trained(home: Path) -> list[int]:
    from astraea.experiment.prepare import prepare

    settings = parse_settings(SMALL | {"algorithm": {**SMALL["algorithm"], "mediator_epochs": 1}})
    experiment = prepare(settings)
    experiment.engine.close()
    return (experiment.population.histograms.sum(axis=1) * 2).tolist()  # two passes by default


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"arms": ""}, "name at least one of --arms"),
        ({"timed": 0}, "must be at least 1"),
        ({"samples": 0}, "0 samples"),
        ({"choices": FEW._replace(epochs=(0,))}, "epochs 0: must be at least 1"),
        ({"choices": FEW._replace(placement=("moon",))}, "unknown placement 'moon'"),
        ({"choices": FEW._replace(clients=(7,))}, "7 clients in a round are more than the 6 of the scenario"),
        ({"choices": {"client": (2,)}}, "unknown choice 'client'; did you mean 'clients'?"),
        ({"congestion": "cubik"}, "unknown congestion controller 'cubik'"),
    ],
)
def test_what_cannot_be_tried_is_refused(home: Path, change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        plan(home, SMALL, **{"samples": 100, "choices": FEW, **change})
