"""What follows from a strategy's options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from astraea.federation.defences import Clip, Direction, Finite
from astraea.flower.arrays import Layout
from astraea.flower.options import Options

LAYOUT = Layout((("w", (2,), np.dtype(np.float32)),))
PLAIN: dict[str, Any] = {"rebalancing": "none"}


@pytest.mark.parametrize(
    ("algorithm", "balance", "train", "reads"),
    [
        ({"mediators": "kl"}, PLAIN, {"loss": "cross-entropy"}, True),
        ({"mediators": "kl-approximate"}, PLAIN, {"loss": "cross-entropy"}, True),
        ({"mediators": "random"}, PLAIN, {"loss": "cross-entropy"}, False),
        ({"mediators": "random"}, PLAIN, {"loss": "logit-adjusted"}, True),
        ({"mediators": "random"}, {"rebalancing": "mean-power"}, {"loss": "cross-entropy"}, True),
        ({"name": "fedavg"}, None, None, False),
        ({"name": "fedavg", "participation": {"rule": "rare-first"}}, None, None, True),
    ],
)
def test_histograms_are_asked_for_where_something_reads_them(
    algorithm: dict[str, Any], balance: dict[str, Any] | None, train: dict[str, Any] | None, reads: bool
) -> None:
    assert Options.of(algorithm, balance, train, 0).reads_histograms is reads


def test_chains_come_guarded_unless_the_user_says_otherwise() -> None:
    own = Options.of(None, None, None, 0)
    guard = Direction(multiple=3.0, grace=3, spare_large=True, first=0.25, longer=12.0)
    assert (own.balance.most_samples, own.server.defence) == (3.0, guard)
    assert own.make_algorithm(4, LAYOUT).returns == "mean"
    assert own.undefended().server.defence == Finite()
    assert own.undefended().make_algorithm(4, LAYOUT).returns == "last"
    given = Options.of(None, {"most_samples": 50}, None, 0, {"defence": "clip"})
    assert (given.balance.most_samples, given.server.defence) == (50.0, Clip())
    assert given.undefended().server == given.server
    without = Options.of(None, None, None, 0, {"defence": "finite"})
    assert (without.balance.most_samples, without.server.defence) == (3.0, Finite())
    assert Options.of({"name": "fedavg"}, None, None, 0, {"defence": "clip"}).balance.most_samples == 10.0
    plain = Options.of({"name": "fedavg"}, None, None, 0)
    assert (plain.balance.most_samples, plain.server.defence) == (100.0, Finite())


def test_the_log_has_the_chains_that_a_run_really_has() -> None:
    told = Options.of(None, None, None, 0).told
    assert "clients_per_round=as fraction_train says" in told
    assert "capacity=up to 5 " in told
    assert told.endswith("returns=mean mediator_epochs=1")
    given = Options.of({"capacity": 3, "returns": "last", "clients_per_round": 8}, None, None, 0).told
    assert "clients_per_round=8 " in given
    assert "capacity=3 " in given
    assert given.endswith("returns=last mediator_epochs=1")
    assert "capacity" not in Options.of({"name": "fedavg"}, None, None, 0).told
