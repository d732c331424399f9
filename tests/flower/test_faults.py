"""Clients that fail in every way they can: the round goes on without them, and the model takes nothing bad."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord

from astraea.errors import InputError, RunError
from astraea.federation.clients import ClientData, Population
from astraea.flower import AstraeaStrategy, InProcessGrid
from astraea.flower.telling import Handler


class Without:
    """A population whose clients fail where Flower's do: ``bad(client, visit)`` with visits counted over the run."""

    def __init__(self, population: Population, bad: Callable[[int, int], bool]) -> None:
        self._population, self._bad, self._visits = population, bad, dict.fromkeys(range(len(population)), 0)
        self.histograms, self.told = population.histograms, population.told

    def __len__(self) -> int:
        return len(self._population)

    def __getitem__(self, client: int) -> ClientData:
        self._visits[client] += 1
        if self._bad(client, self._visits[client]):
            raise ValueError("away")
        return self._population[client]


def spoil(how: Callable[[Message], Message | None], bad: Callable[[int, int], bool]) -> Any:
    """A mod that passes the train replies of ``bad(client, visit)`` through ``how``."""
    visits: dict[int, int] = {}

    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        reply = call_next(message, context)
        if message.metadata.message_type != "train":
            return reply
        client = int(context.node_config["partition-id"])
        visits[client] = visits.get(client, 0) + 1
        return how(reply) if bad(client, visits[client]) else reply

    return mod


def _error(reply: Message) -> Message:
    raise RuntimeError("disk full")


def _nan(reply: Message) -> Message:
    arrays = reply.content["arrays"]
    name = next(iter(arrays))
    arrays[name] = Array(np.full_like(arrays[name].numpy(), np.nan))
    return reply


def _other_shape(reply: Message) -> Message:
    arrays = reply.content["arrays"]
    arrays[next(iter(arrays))] = Array(np.zeros((2, 2), np.float32))
    return reply


def _too_large(reply: Message) -> Message:
    """Send numbers that are finite, and not in the model's own precision."""
    arrays = reply.content["arrays"]
    for name in list(arrays):
        arrays[name] = Array(np.full(arrays[name].numpy().shape, 1e300))
    return reply


def _text(reply: Message) -> Message:
    arrays = reply.content["arrays"]
    name = next(iter(arrays))
    arrays[name] = Array(np.full(arrays[name].numpy().shape, "x"))
    return reply


def _garbage(reply: Message) -> Message:
    arrays = reply.content["arrays"]
    name = next(iter(arrays))
    arrays[name] = Array(arrays[name].dtype, arrays[name].shape, arrays[name].stype, b"no array")
    return reply


def _nothing(reply: Message) -> None:
    return None


def _lacking(reply: Message) -> Message:
    arrays = reply.content["arrays"]
    reply.content["arrays"] = ArrayRecord({name: arrays[name] for name in list(arrays)[1:]})
    return reply


def _countless_samples(reply: Message) -> Message:
    reply.content["metrics"]["num-examples"] = 1e300
    return reply


def _nan_samples(reply: Message) -> Message:
    reply.content["metrics"]["num-examples"] = float("nan")
    return reply


def _two_records(reply: Message) -> Message:
    reply.content["more"] = MetricRecord({"num-examples": 1})
    return reply


FAULTS = {
    "error": (_error, "disk full"),
    "nan": (_nan, "NaN or infinite"),
    "shape": (_other_shape, "has shape (2, 2)"),
    "too-large": (_too_large, "NaN or infinite"),
    "text": (_text, "not numbers"),
    "garbage": (_garbage, "cannot be read"),
    "nothing": (_nothing, "returned NoneType, not a Message"),
    "lacking": (_lacking, "lacks"),
    "countless-samples": (_countless_samples, "not a number of samples"),
    "nan-samples": (_nan_samples, "not a number of samples"),
    "two-records": (_two_records, "2 MetricRecords"),
}


@pytest.mark.parametrize(("how", "reason"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("place", ["first", "last", "always"])
def test_a_bad_reply_is_skipped_and_the_chain_goes_on(
    federation: Callable[..., Any], how: Any, reason: str, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In chains of 2, 2 and 1 clients passed twice, every client is visited twice a round."""

    def bad(client: int, visit: int) -> bool:
        return client == 1 and {"first": visit == 1, "last": visit == 4, "always": True}[place]

    one = federation()
    strategy = one.strategy()
    one.start(strategy, one.grid(one.app(mods=[spoil(how, bad)])))
    local = one.locally(population=Without(one.experiment.population, bad))
    assert torch.equal(strategy.run.state.params, local.state.params)
    assert strategy.run.totals["visits_skipped"] == {"first": 1, "last": 1, "always": 4}[place]
    skipped = next(line for line in caplog.messages if "client 1 is skipped" in line)
    assert reason in skipped


def _double(reply: Message) -> Message:
    arrays = reply.content["arrays"]
    for name in list(arrays):
        arrays[name] = Array(arrays[name].numpy().astype(np.float64))
    return reply


def test_another_precision_is_turned_into_the_models_own(federation: Callable[..., Any]) -> None:
    one = federation()
    strategy = one.strategy()
    result = one.start(strategy, one.grid(one.app(mods=[spoil(_double, lambda client, visit: client == 1)])))
    assert torch.equal(strategy.run.state.params, one.locally().state.params)
    assert {array.numpy().dtype for array in result.arrays.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("steps", ["many", float("inf"), -5], ids=str)
def test_remarks_that_make_no_sense_are_not_counted(federation: Callable[..., Any], steps: Any) -> None:
    def remark(reply: Message) -> Message:
        reply.content["astraea"]["steps"] = steps
        return reply

    one = federation()
    strategy = one.strategy()
    one.start(strategy, one.grid(one.app(mods=[spoil(remark, lambda client, visit: True)])))
    assert strategy.run.totals["optimizer_steps"] == 0
    assert torch.equal(strategy.run.state.params, one.locally().state.params)


@pytest.mark.parametrize("value", [None, [1.0, 2.0]], ids=["lacking", "list"])
def test_metrics_that_differ_in_kind_have_no_average(
    federation: Callable[..., Any], value: list[float] | None, caplog: pytest.LogCaptureFixture
) -> None:
    def unlike(reply: Message) -> Message:
        metrics = reply.content["metrics"]
        metrics["common"] = 2.0
        if int(metrics["num-examples"]) == fewest:
            del metrics["train_loss"]
            if value is not None:
                metrics["train_loss"] = value
        return reply

    one = federation()
    fewest = min(client.sum() for client in one.experiment.population.histograms)
    result = one.start(one.strategy(), one.grid(one.app(mods=[spoil(unlike, lambda client, visit: True)])))
    assert {name: dict(metrics) for name, metrics in result.train_metrics_clientapp.items()} == {
        1: {"common": pytest.approx(2.0)},
        2: {"common": pytest.approx(2.0)},
    }
    assert any("metric 'train_loss' has no average" in line for line in caplog.messages)


def test_a_count_of_batches_is_understood_and_a_lie_has_no_weight(
    federation: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever clients call ``num-examples``, the samples of their histograms are the weights."""

    def other(reply: Message) -> Message:
        samples = reply.content["metrics"]["num-examples"]
        reply.content["metrics"]["num-examples"] = 10**9 if samples == largest else -(-samples // 20)
        return reply

    one = federation(balance={"rebalancing": "none"})
    largest = int(one.experiment.population.histograms.sum(axis=1).max())
    strategy = one.strategy()
    one.start(strategy, one.grid(one.app(mods=[spoil(other, lambda client, visit: True)])))
    assert torch.equal(strategy.run.state.params, one.locally().state.params)
    assert strategy.run.totals["samples_processed"] == one.locally().totals["samples_processed"]
    assert any(f"a weight of 1e+09, its label histogram has {largest} samples" in line for line in caplog.messages)


class Deaf(InProcessGrid):
    """A grid on which some nodes do not answer messages of one type; ``gone`` are not even connected."""

    def __init__(self, *args: Any, silent: set[int], kind: str = "train", gone: bool = False) -> None:
        super().__init__(*args)
        self._silent, self._kind, self._gone = silent, kind, gone
        self.unheard: list[Message] = []

    def get_node_ids(self) -> list[int]:
        nodes = list(super().get_node_ids())
        return [node for place, node in enumerate(nodes) if not (self._gone and place in self._silent)]

    def push_messages(self, messages: Any) -> list[str]:
        away = {list(InProcessGrid.get_node_ids(self))[place] for place in self._silent}
        numbers: list[str] = []
        for message in messages:
            if message.metadata.dst_node_id in away and self._kind in message.metadata.message_type:
                self.unheard.append(message)
                numbers.append(f"unheard {len(self.unheard)}")
            else:
                numbers += super().push_messages([message])
        return numbers


def test_silence_is_skipped(federation: Callable[..., Any]) -> None:
    one = federation()
    strategy = one.strategy()
    one.start(strategy, Deaf(one.app(), 5, silent={2}), timeout=0.05)
    local = one.locally(population=Without(one.experiment.population, lambda client, visit: client == 2))
    assert torch.equal(strategy.run.state.params, local.state.params)
    assert "did not answer in time" in strategy.run.history[0]["skipped"][0]["reason"]


def test_a_round_of_silence_leaves_the_model_as_it_was(
    federation: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    one = federation()
    strategy = one.strategy()
    before, _ = one.experiment.model.read()
    before = before.clone()
    one.start(strategy, Deaf(one.app(), 5, silent=set(range(5))), timeout=0.05)
    assert torch.equal(strategy.run.state.params, before)
    assert {line["kept"] for line in strategy.run.history} == {"the model before, since nobody was in time"}
    assert "round 1 left the model as it was: the model before, since nobody was in time" in caplog.messages
    assert "no round ended in time, so the model is the one that the run began with: raise timeout" in caplog.messages


def test_a_client_that_goes_is_not_invited(federation: Callable[..., Any]) -> None:
    """All five are waited for at the start; later the run goes on with those who are left."""
    one = federation()
    strategy = one.strategy(min_available_nodes=5)
    grid = Deaf(one.app(), 5, silent=set(), gone=True)
    seen: list[int] = []

    def watch(round_: int, arrays: ArrayRecord) -> None:
        seen.append(round_)
        if round_ == 1:
            grid._silent = {4}

    one.start(strategy, grid, evaluate_fn=watch)
    local = one.locally(availability=lambda round_: np.array([True] * 4 + [round_ == 0]))
    assert seen == [0, 1, 2]
    assert torch.equal(strategy.run.state.params, local.state.params)
    assert [line["clients"] for line in strategy.run.history] == [5, 4]
    assert [line.get("away") for line in strategy.run.history] == [None, [4]]


def test_fewer_clients_than_asked_for_take_part(federation: Callable[..., Any]) -> None:
    one = federation(algorithm={"clients_per_round": 50})
    strategy = one.strategy()
    one.start(strategy, rounds=1)
    assert strategy.run.history[0]["clients"] == 5


def test_too_few_nodes_end_with_a_sentence(federation: Callable[..., Any]) -> None:
    one = federation()
    with pytest.raises(RunError, match="5 nodes are connected after 0 s, min_available_nodes asks for 9"):
        one.start(one.strategy(min_available_nodes=9, patience=0.0))


def test_if_all_visits_fail_the_run_ends_with_the_reason(federation: Callable[..., Any]) -> None:
    one = federation()
    with pytest.raises(RunError, match=r"all 10 visits failed.*disk full"):
        one.start(one.strategy(), one.grid(one.app(mods=[spoil(_error, lambda client, visit: True)])))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"fraction_trian": 0.5}, "unknown strategy option 'fraction_trian'; did you mean 'fraction_train'"),
        ({"algorithm": {"capacty": 3}}, "did you mean 'capacity'"),
        ({"algorithm": {"name": "astrea"}}, "unknown algorithm 'astrea'; did you mean 'astraea'"),
        ({"balance": {"rebalancing": "mean"}}, "mean-power"),
        ({"balance": {"sampling": "class-balanced"}}, "which a strategy cannot ask"),
        ({"train": {"rule": "scaffold"}}, "'scaffold' hands state on beside the model"),
    ],
)
def test_settings_that_cannot_be_used(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        AstraeaStrategy(**options)
