"""What follows from a strategy's options."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from astraea.flower.options import Options

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
