"""What a client's reply is worth: its weight, its metrics, and what no average can hold."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from tests.flower.adding import PLAIN, adding_app, labels_of, train_adding

from astraea.flower import AstraeaStrategy


def test_an_average_of_ones_own_gets_the_records_as_clients_sent_them() -> None:
    """Under its own name, with metrics that not all report; also when it is set later."""

    def train(message: Message, context: Context) -> RecordDict:
        own = {"mine": 2.0} if context.node_id == 2 else {}
        metrics = MetricRecord({"num-examples": len(labels_of(context)), **own})
        return RecordDict({"arrays": message.content["arrays"], "train_metrics": metrics})

    strategy = AstraeaStrategy(**PLAIN)
    strategy.train_metrics_aggr_fn = lambda records, weight: MetricRecord(
        {"sum": sum(float(record["train_metrics"].get("mine", 0.0)) for record in records), "clients": len(records)}
    )
    result = train_adding(strategy, adding_app(train), rounds=1)
    assert dict(result.train_metrics_clientapp[1]) == {"sum": 2.0, "clients": 4}


def test_another_weight_is_a_weight() -> None:
    """Clients send their number; weights 1, 0, 0.25 and 0.5 would make 0, refused, 2 and 3 of them."""

    def train(message: Message, context: Context) -> RecordDict:
        client = int(context.node_config["partition-id"])
        arrays = ArrayRecord({"w": Array(np.full(2, client, np.float32))})
        return RecordDict({"arrays": arrays, "metrics": MetricRecord({"share": [1.0, 0.0, 0.25, 0.5][client]})})

    strategy = AstraeaStrategy(algorithm={"capacity": 1}, weighted_by_key="share", **PLAIN)
    result = train_adding(strategy, adding_app(train), rounds=1)
    assert result.arrays["w"].numpy()[0] == pytest.approx((2 * 0.25 + 3 * 0.5) / 1.75)
    assert strategy.run.history[0]["skipped"][0]["reason"] == "its metric 'share' is 0.0, not a number of samples"


@pytest.mark.parametrize("value", [3e38, 1e30, np.nan], ids=str)
def test_garbage_is_named_and_never_kept(value: float) -> None:
    def train(message: Message, context: Context) -> RecordDict:
        made = value if context.node_id == 3 else 1.0
        arrays = ArrayRecord({"w": Array(np.full(2, made, np.float32))})
        return RecordDict({"arrays": arrays, "metrics": MetricRecord({"num-examples": 4})})

    strategy = AstraeaStrategy(algorithm={"capacity": 1}, **PLAIN)
    result = train_adding(strategy, adding_app(train))
    assert result.arrays["w"].numpy().tolist() == [1.0, 1.0]
    assert [skip["client"] for line in strategy.run.history for skip in line["skipped"]] == [1, 1]
