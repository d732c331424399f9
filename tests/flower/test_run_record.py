"""The model of a run is read, added up and packed once a round."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import ArrayRecord
from tests.flower.adding import PLAIN, train_adding

from astraea.flower import AstraeaStrategy


def test_the_models_of_a_round_are_added_up_one_after_the_other() -> None:
    """Four chains of one visit need memory for one model beside the sum and the model that the round began with."""
    strategy = AstraeaStrategy(algorithm={"name": "fedavg"}, **PLAIN)
    result = train_adding(strategy, rounds=3)
    assert result.arrays["w"].numpy().tolist() == [3.0, 3.0]
    assert strategy._record is not None
    assert len(strategy._record.layout._spare._vectors) == 2


def test_nothing_is_read_again_between_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server reads the model that it begins with, and each reply, and no array twice."""
    from astraea.flower.arrays import Layout

    read, vectors = [], Layout.vectors

    def counted(layout: Layout, record: ArrayRecord, *before: Any) -> Any:
        read.append(record)
        return vectors(layout, record, *before)

    monkeypatch.setattr(Layout, "vectors", counted)
    train_adding(AstraeaStrategy(algorithm={"name": "fedavg"}, **PLAIN), rounds=3)
    assert len(read) == 1 + 3 * 4
