"""What clients are told, and what they tell: nothing from which one works out another's data or the plan."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import ArrayRecord, ConfigRecord, Context, Message, RecordDict

from astraea.errors import RunError
from astraea.flower import InProcessGrid, label_histogram
from astraea.flower.telling import Handler

SECRET = 2**127 + 12345


def _listening(told: list[dict[str, Any]]) -> Callable[[Message, Context, Handler], Message]:
    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        if message.metadata.message_type == "train":
            (record,) = message.content.config_records.values()
            told.append(json.loads(str(record["astraea"])))
        return call_next(message, context)

    return mod


def test_a_client_is_told_a_stream_for_each_visit_and_not_the_seed(federation: Callable[..., Any]) -> None:
    """With a seed that cannot be guessed, the bytes are still those of the local engine."""
    told: list[dict[str, Any]] = []
    one = federation(seed=SECRET, balance={"storage": "offline"})
    strategy = one.strategy()
    result = one.start(strategy, one.grid(one.app(mods=[_listening(told)])))
    assert {*told[0]} == {"stream", "progress", "epochs", "train", "prior", "copying", "few_bits"}
    assert len({one["stream"] for one in told}) == len(told) == 20
    assert str(SECRET) not in json.dumps(told)
    there = torch.cat([value.reshape(-1) for value in result.arrays.to_torch_state_dict().values()])
    assert torch.equal(there, one.locally().state.params)


def test_what_clients_are_told_follows_several_newcomers_at_once(federation: Callable[..., Any]) -> None:
    """Of five nodes the last two come later: the prior stays that of three until both are there.

    With ``together=1`` it follows the fourth node at once.
    """

    def priors(together: int) -> list[list[float]]:
        told: list[dict[str, Any]] = []
        one = federation(balance={"rebalancing": "none"}, algorithm={"mediator_epochs": 1}, rounds=3)
        grid = _Coming(one.app(mods=[_listening(told)]), 5)
        one.start(
            one.strategy(together=together, min_available_nodes=2, min_train_nodes=2), grid, evaluate_fn=grid.come
        )
        return [list(one) for one in dict.fromkeys(tuple(one["prior"]) for one in told)]

    def prior(nodes: int) -> list[float]:
        counts = federation().experiment.scenario.histograms[:nodes].sum(axis=0)
        return pytest.approx(counts / counts.sum(), rel=1e-6)

    assert priors(2) == [prior(3), prior(5)]
    assert priors(1) == [prior(3), prior(4), prior(5)]


class _Coming(InProcessGrid):
    """A grid to which a node comes after each round; three are there from the start."""

    there = 3

    def get_node_ids(self) -> list[int]:
        return list(super().get_node_ids())[: self.there]

    def come(self, round_: int, arrays: ArrayRecord) -> None:
        self.there += round_ > 0


@pytest.mark.parametrize("way", ["local-dp", "secure-sum"])
@pytest.mark.parametrize("who", ["server", "clients"])
def test_private_histograms_train_and_no_exact_count_is_told(
    federation: Callable[..., Any], way: str, who: str
) -> None:
    said: list[dict[str, Any]] = []

    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        reply = call_next(message, context)
        (record,) = reply.content.metric_records.values()
        said.append({"message": message.metadata.message_type, **record, **reply.content["astraea"]})
        return reply

    one = federation(balance={"rebalancing": "mean-power"})
    histograms = {"name": way, "epsilon": 0.5}  # with which ten counts stay as they are once in a million times
    app = one.app(mods=[mod], histograms=histograms if who == "clients" else "plain")
    strategy = one.strategy(privacy={"histograms": histograms})
    one.start(strategy, one.grid(app))
    assert strategy.run.totals["visits_skipped"] == 0
    held = one.experiment.scenario.histograms
    for record in said:
        if record["message"] == "train":
            assert record["num-examples"] == 1
            assert "steps" not in record
        else:
            assert record["label-histogram"] not in held.tolist()
    registry = strategy._registry
    if way == "secure-sum":
        assert np.stack([client.own for client in registry.clients]).sum(axis=0).tolist() == held.sum(axis=0).tolist()
    assert [client.own.tolist() for client in registry.clients] != held.tolist()


def test_the_same_labels_get_the_same_noise_and_new_ones_cost_epsilon_anew() -> None:
    labels = [0] * 30 + [1] * 5
    answer = label_histogram(lambda _: labels, 2, {"name": "local-dp", "epsilon": 0.1})
    context = Context(run_id=1, node_id=2, node_config={}, state=RecordDict(), run_config={})

    def asked() -> tuple[list[int], float]:
        content = RecordDict({"config": ConfigRecord()})
        reply = answer(Message(content, 2, "query.label_histogram"), context)
        return reply.content["histogram"]["label-histogram"], reply.content["astraea"]["epsilon-spent"]

    first = asked()
    assert all(asked() == first for _ in range(5))
    assert first[1] == 0.1
    labels.append(1)
    assert asked()[1] == pytest.approx(0.2)


def test_a_client_of_secure_sums_tells_nobody_its_histogram(federation: Callable[..., Any]) -> None:
    one = federation()
    with pytest.raises(RunError, match="tells its label histogram in a secure sum alone: give AstraeaStrategy"):
        one.start(one.strategy(), one.grid(one.app(histograms="secure-sum")))


def test_a_client_without_noise_is_left_out_where_noise_is_asked_for(federation: Callable[..., Any]) -> None:
    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        reply = call_next(message, context)
        reply.content["astraea"].pop("epsilon", None)
        return reply

    one = federation()
    with pytest.raises(RunError, match=r"no noise of ε = 1, as privacy.histograms asks for"):
        one.start(one.strategy(privacy={"histograms": "local-dp"}), one.grid(one.app(mods=[mod])))
