"""Flower's named arrays and a model as vectors: nothing is lost, and nothing is copied that need not be."""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from tests.flower.adding import LAST, PLAIN, START, adding_app, train_adding

from astraea.errors import RunError
from astraea.flower import AstraeaStrategy


def test_batch_normalisation_may_stay_with_the_clients() -> None:
    """FedBN: what clients leave out stays as it was, and other arrays may not be left out."""

    def train(message: Message, context: Context) -> RecordDict:
        arrays = ArrayRecord({"w": Array(message.content["arrays"]["w"].numpy() + 1)})
        return RecordDict({"arrays": arrays, "metrics": MetricRecord({"num-examples": 1})})

    norm = {"b.weight": np.ones(1, np.float32), "b.running_mean": np.full(1, 7, np.float32)}
    result = train_adding(AstraeaStrategy(algorithm=LAST, **PLAIN), adding_app(train), arrays=START | norm)
    assert {name: array.numpy().tolist() for name, array in result.arrays.items()} == {
        "w": [4.0, 4.0],
        "b.weight": [1.0],
        "b.running_mean": [7.0],
    }
    with pytest.raises(RunError, match="its model lacks 'more'"):
        train_adding(
            AstraeaStrategy(algorithm=LAST, **PLAIN), adding_app(train), arrays=START | {"more": np.ones(1, np.float32)}
        )


@pytest.mark.parametrize("dtype", [">f4", "<f2", "<f8"])
def test_arrays_of_any_byte_order_and_precision(dtype: str) -> None:
    result = train_adding(AstraeaStrategy(algorithm=LAST, **PLAIN), arrays={"w": np.array([1.0, 2.0], dtype)})
    assert result.arrays["w"].numpy().tolist() == [5.0, 6.0]
    assert result.arrays["w"].numpy().dtype == np.dtype(dtype).newbyteorder("=")


def test_packed_bytes_are_those_of_flower() -> None:
    """An array packed here has the bytes that Flower itself would give it."""
    from astraea.flower.arrays import Layout

    values = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "s": np.array(1.5, np.float32), "n": np.array([2])}
    record = ArrayRecord({name: Array(value) for name, value in values.items()})
    layout = Layout.of(record)
    params, counters, exact, *_ = layout.vectors(record)
    assert exact
    assert torch.equal(params, torch.tensor([0.0, 1, 2, 3, 4, 5, 1.5]))
    again = layout.record(params, counters)
    assert {name: array.data for name, array in again.items()} == {name: a.data for name, a in record.items()}
    assert all(again[name].shape == record[name].shape for name in record)


def test_memory_of_a_model_is_used_again_only_when_nobody_holds_it() -> None:
    from astraea.flower.arrays import Layout

    record = ArrayRecord({"w": Array(np.ones(4, np.float32))})
    layout = Layout.of(record)
    first, second = layout.vectors(record).params, layout.vectors(record).params
    part, places = first[1:], {first.data_ptr(), second.data_ptr()}
    assert len(places) == 2
    del first
    third = layout.vectors(record).params
    assert third.data_ptr() not in places  # part of the first one is still held
    place = second.data_ptr()
    del second
    assert layout.vectors(record).params.data_ptr() == place
    assert part.tolist() == [1.0, 1.0, 1.0]
