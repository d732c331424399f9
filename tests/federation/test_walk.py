"""The walk along a chain: what is handed on, counted, kept and skipped, worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from astraea.federation import walk as walking
from astraea.federation.plan import Chain, ChainState, LocalTraining, RoundPlan, Visit, VisitReport
from astraea.federation.walk import Trained, VisitError, Walk, finite, given_up, reason

NONE = torch.empty(0, dtype=torch.int64)
VISITS = (Visit(4), Visit(7), Visit(4, 1))


def begun(**plan: Any) -> Walk:
    start = ChainState(torch.zeros(2), NONE, {"control": torch.zeros(1)})
    states = {7: {"kept": torch.tensor(9.0)}}
    chain = Chain(0, VISITS)
    return Walk(RoundPlan(0, 0, start, (chain,), LocalTraining(1, 1, "SGD", 0.1), client_states=states, **plan), chain)


def trained(value: float, examples: int = 3, steps: int = 2, kept: Mapping[str, Tensor] | None = None) -> Trained:
    params = torch.tensor([value, 1.0])
    return Trained(params, NONE, {"control": torch.tensor([value])}, kept or {}, examples, examples, steps, 0.5)


def test_a_model_is_handed_on_and_a_client_counts_once() -> None:
    walk = begun()
    for visit, value, examples in zip(VISITS, (1.0, 2.0, 3.0), (3, 5, 3), strict=True):
        assert walk.take(visit, trained(value, examples))
    result = walk.result()
    assert result.end.params.tolist() == [3.0, 1.0]
    assert result.end.extras["control"].tolist() == [3.0]
    assert (result.end.examples, result.end.steps) == (8, 6)
    assert result.reports[2] == VisitReport(4, 1, 3, 2, 0.5)


def test_what_is_not_finite_is_discarded_and_the_chain_goes_on_from_its_last_good_model() -> None:
    walk = begun()
    walk.take(VISITS[0], trained(1.0))
    assert not walk.take(VISITS[1], trained(math.inf, kept={"kept": torch.tensor(0.0)}))
    assert walk.state.params.tolist() == [1.0, 1.0]
    assert (walk.state.examples, walk.state.steps) == (3, 2)
    assert walk.kept_by(7)["kept"] == 9.0
    assert walk.result().reports[1].skipped == "the model became NaN or infinite"


def test_a_client_gets_back_what_it_kept_last_in_this_chain_or_in_an_earlier_round() -> None:
    walk = begun()
    assert not walk.kept_by(4)
    assert walk.kept_by(7) == {"kept": torch.tensor(9.0)}
    walk.take(VISITS[1], trained(1.0, kept={"kept": torch.tensor(1.0)}))
    assert walk.kept_by(7)["kept"] == 1.0
    assert list(walk.result().client_states) == [7]


def test_a_client_that_failed_at_first_is_counted_when_it_succeeds() -> None:
    walk = begun()
    walk.skip(VISITS[0], VisitError("away"))
    walk.take(VISITS[2], trained(1.0))
    assert walk.state.examples == 3
    assert [report.skipped for report in walk.result().reports] == ["away", None]


def test_a_defence_sees_both_states_the_report_and_the_chain_and_may_change_what_is_handed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def halfway(
        before: ChainState, after: ChainState, report: VisitReport, walk: Walk, *, known: bool
    ) -> tuple[ChainState, VisitReport]:
        assert not known
        assert (report.client, len(walk.reports)) == (4, 0)
        return replace(after, params=(before.params + after.params) / 2), report._replace(clipped=0.5)

    monkeypatch.setattr(walking, "accepted", halfway)
    walk = begun()
    walk.take(VISITS[0], trained(1.0))
    assert walk.state.params.tolist() == [0.5, 0.5]
    assert walk.reports[0].clipped == 0.5


def test_a_lost_chain_keeps_the_model_it_began_with() -> None:
    walk = begun()
    result = given_up(walk.plan, walk.chain, "gone")
    assert not result.trained
    assert result.end is walk.plan.start
    assert [report.skipped for report in result.reports] == ["gone"] * 3


def test_a_sum_that_overflows_is_not_taken_for_a_number_that_is_not_finite() -> None:
    assert finite(torch.tensor([3e38, 3e38]))
    assert not finite(torch.tensor([1.0, float("inf")]))
    assert not finite(torch.tensor([1.0, float("nan")]))


def test_reasons_name_the_kind_of_what_nobody_foresaw() -> None:
    assert reason(VisitError("late")) == "late"
    assert reason(KeyError("x")) == "KeyError: 'x'"


def test_a_chain_returns_its_last_model_or_the_mean_of_all_by_samples() -> None:
    """A client of 3 samples at 2 and at 7, and one of 5 that fails in between: (3 * 2 + 3 * 7) / 6 is 4.5."""
    for returns, expected in (("last", 7.0), ("mean", 4.5)):
        walk = begun(returns=returns)
        walk.take(VISITS[0], trained(2.0))
        walk.take(VISITS[1], trained(math.nan, examples=5))
        walk.take(VISITS[2], trained(7.0))
        assert walk.state.params.tolist() == [7.0, 1.0]
        assert walk.result().end.params.tolist() == [expected, 1.0]
        assert walk.result().end.examples == 3


def test_the_sum_of_a_chain_lies_in_the_room_that_is_lent_for_it() -> None:
    """Models at 2 and at 7, of 3 samples each: their mean is 4.5, however often it is asked for."""
    room = torch.full((2,), math.nan)
    whole = begun(returns="mean")
    walk = Walk(whole.plan, whole.chain, room=lambda params: room)
    walk.take(VISITS[0], trained(2.0))
    walk.take(VISITS[2], trained(7.0))
    assert walk.result().end.params.tolist() == [4.5, 1.0]
    assert walk.result().end.params.data_ptr() == room.data_ptr()
    assert room.tolist() == [4.5, 1.0]
