"""Clients that fail in every way they can: the round goes on without them, and the model takes nothing bad."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import Array, ArrayRecord, Context, Error, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode
from flwr.serverapp.strategy import (
    DifferentialPrivacyClientSideFixedClipping,
    DifferentialPrivacyServerSideFixedClipping,
)

from astraea.errors import InputError, RunError
from astraea.federation.clients import ClientData, Population
from astraea.flower import AstraeaStrategy, InProcessGrid
from astraea.flower.mods import Handler


class Without:
    """A population whose clients fail where Flower's do: ``bad(client, visit)`` with visits counted over the run."""

    def __init__(self, population: Population, bad: Callable[[int, int], bool]) -> None:
        self._population, self._bad, self._visits = population, bad, dict.fromkeys(range(len(population)), 0)
        self.histograms = population.histograms

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


def _lacking(reply: Message) -> Message:
    arrays = reply.content["arrays"]
    reply.content["arrays"] = ArrayRecord({name: arrays[name] for name in list(arrays)[1:]})
    return reply


def _more_samples(reply: Message) -> Message:
    reply.content["metrics"]["num-examples"] = 10**9
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
    "lacking": (_lacking, "lacks"),
    "more-samples": (_more_samples, "contradicts its label histogram"),
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
    assert strategy.run.totals.visits_skipped == {"first": 1, "last": 1, "always": 4}[place]
    skipped = next(line for line in caplog.messages if "client 1 is skipped" in line)
    assert reason in skipped


class Deaf(InProcessGrid):
    """A grid on which some nodes do not answer messages of one type; ``gone`` are not even connected."""

    def __init__(self, *args: Any, silent: set[int], kind: str = "train", gone: bool = False) -> None:
        super().__init__(*args)
        self._silent, self._kind, self._gone = silent, kind, gone

    def get_node_ids(self) -> list[int]:
        nodes = list(super().get_node_ids())
        return [node for place, node in enumerate(nodes) if not (self._gone and place in self._silent)]

    def send_and_receive(self, messages: Any, *, timeout: float | None = None) -> list[Message]:
        away = {list(InProcessGrid.get_node_ids(self))[place] for place in self._silent}
        heard = [m for m in messages if m.metadata.dst_node_id not in away or self._kind not in m.metadata.message_type]
        return list(super().send_and_receive(heard, timeout=timeout))


def test_silence_is_skipped(federation: Callable[..., Any]) -> None:
    one = federation()
    strategy = one.strategy()
    one.start(strategy, Deaf(one.app(), 5, silent={2}))
    local = one.locally(population=Without(one.experiment.population, lambda client, visit: client == 2))
    assert torch.equal(strategy.run.state.params, local.state.params)
    assert "did not answer in time" in strategy.run.history[0]["skipped"][0]["reason"]


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


class Late(InProcessGrid):
    """A grid on which the last node is away when it is first asked: the SuperLink answers in its place."""

    asked = 0

    def send_and_receive(self, messages: Any, *, timeout: float | None = None) -> list[Message]:
        replies = []
        for message in list(messages):
            away = message.metadata.message_type.startswith("query") and message.metadata.dst_node_id == 6
            self.asked += away
            if away and self.asked == 1:
                reply = Message(Error(ErrorCode.NODE_UNAVAILABLE, "Node Unavailable"), reply_to=message)
                reply.metadata.__dict__["_src_node_id"] = 1
                replies.append(reply)
            else:
                replies += super().send_and_receive([message], timeout=timeout)
        return replies


def test_a_node_that_is_away_when_asked_joins_later(federation: Callable[..., Any]) -> None:
    one = federation()
    strategy, grid = one.strategy(), Late(one.app(), 5)
    one.start(strategy, grid, rounds=3)
    assert [line["clients"] for line in strategy.run.history] == [4, 5, 5]
    assert grid.asked == 2
    assert [client.name for client in strategy._roster.clients] == [0, 1, 2, 3, 4]


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


def test_a_client_without_the_query_is_told_which_handler_to_add(
    federation: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    one, app = federation(), ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        raise AssertionError("nobody trains before the histograms are known")

    with pytest.raises(RunError, match=r"add app.query\('label_histogram'\)\(astraea.flower.label_histogram"):
        one.start(one.strategy(), one.grid(app))


def _answers(counts: list[int], examples: int) -> ClientApp:
    app = ClientApp()

    @app.query("label_histogram")
    def histogram(message: Message, context: Context) -> Message:
        metrics = MetricRecord({"label-histogram": counts, "num-examples": examples})
        return Message(RecordDict({"histogram": metrics}), reply_to=message)

    return app


@pytest.mark.parametrize(
    ("counts", "examples", "reason"),
    [
        ([3, 4], 8, "adds up to 7 samples, and it says that it has 8"),
        ([3, -4], -1, "not a list of class counts"),
        ([0, 0], 0, "it holds no sample"),
    ],
)
def test_a_histogram_that_cannot_be_is_refused(
    federation: Callable[..., Any], counts: list[int], examples: int, reason: str
) -> None:
    one = federation()
    with pytest.raises(RunError, match=reason):
        one.start(one.strategy(), one.grid(_answers(counts, examples)))


def test_one_client_with_a_bad_histogram_is_left_out(
    federation: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        reply = call_next(message, context)
        if message.metadata.message_type.startswith("query") and context.node_config["partition-id"] == 4:
            reply.content["histogram"]["num-examples"] += 1
        return reply

    one = federation()
    strategy = one.strategy()
    one.start(strategy, one.grid(one.app(mods=[mod])), rounds=1)
    assert strategy.run.history[0]["clients"] == 4
    assert any("is left out: its label histogram adds up to" in line for line in caplog.messages)


def test_new_data_are_asked_for_and_then_counted(federation: Callable[..., Any]) -> None:
    """Client 0 loses half of its samples after its first visit: it says so, and trains on with the rest."""
    one = federation(balance={"rebalancing": "none"}, algorithm={"mediator_epochs": 1}, rounds=3)
    asked: list[int] = []
    state = {"half": False}

    def data(context: Context) -> Any:
        samples = one.samples(context)
        client = int(context.node_config["partition-id"])
        return samples.take(np.arange(len(samples) // 2)) if client == 0 and state["half"] else samples

    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        if message.metadata.message_type.startswith("query"):
            asked.append(int(context.node_config["partition-id"]))
        return call_next(message, context)

    def halve(round_: int, arrays: ArrayRecord) -> None:
        state["half"] = round_ >= 1

    strategy = one.strategy()
    one.start(strategy, one.grid(one.app(data=data, mods=[mod])), evaluate_fn=halve)
    assert asked == [0, 1, 2, 3, 4, 0]
    assert strategy.run.totals.visits_skipped == 0
    whole = len(one.experiment.scenario.clients[0])
    assert strategy._roster.histograms[0].sum() == whole // 2
    processed = [line["samples_processed"] for line in strategy.run.history]
    assert processed[0] - (processed[2] - processed[1]) == whole - whole // 2


def test_two_nodes_with_one_partition_are_told_so(federation: Callable[..., Any]) -> None:
    one = federation()
    grid = InProcessGrid(one.app(), 3, node_config=lambda place: {"partition-id": 0})
    with pytest.raises(RunError, match="both have partition-id 0"):
        one.start(one.strategy(), grid)


def test_central_differential_privacy_over_raw_histograms_is_refused(federation: Callable[..., Any]) -> None:
    one = federation()
    wrapped = DifferentialPrivacyServerSideFixedClipping(one.strategy(), 1.0, 1.0, 3)
    with pytest.raises(InputError, match="ServerSideFixedClipping cannot vouch for rounds that are planned"):
        one.start(wrapped)
    random = one.strategy(algorithm={"mediators": "random", "capacity": 2}, balance={"rebalancing": "none"})
    with pytest.raises(InputError, match="visits of a chain add up"):
        one.start(DifferentialPrivacyClientSideFixedClipping(random, 1.0, 1.0, 3))


def test_a_wrapper_has_no_checkpoints(federation: Callable[..., Any], tmp_path: Path) -> None:
    strategy = federation().strategy(
        algorithm={"mediators": "random"}, balance={"rebalancing": "none"}, checkpoint=tmp_path
    )
    with pytest.raises(InputError, match="checkpoint= does not work within Differential"):
        federation().start(DifferentialPrivacyServerSideFixedClipping(strategy, 1.0, 1.0, 3))


def test_a_wrapper_whose_guarantee_holds_works(federation: Callable[..., Any]) -> None:
    """Random chains, server-side clipping to almost nothing and no noise: the model hardly moves."""
    one = federation()
    strategy = one.strategy(
        algorithm={"mediators": "random", "capacity": 2, "mediator_epochs": 1}, balance={"rebalancing": "none"}
    )
    wrapped = DifferentialPrivacyServerSideFixedClipping(strategy, 0.0, 1e-3, 3)
    result = one.start(wrapped, rounds=2)
    before = torch.cat([value.detach().reshape(-1) for value in one.model().parameters()])
    after = torch.cat([value.reshape(-1) for value in result.arrays.to_torch_state_dict().values()])
    assert 0 < float((after - before).norm()) <= 2e-3 * 1.001


def test_a_wrapped_chain_whose_last_visit_failed_does_not_count(federation: Callable[..., Any]) -> None:
    """Its earlier visits never passed through the wrapper's clipping."""
    one = federation()
    strategy = one.strategy(algorithm={"mediators": "random", "capacity": 5}, balance={"rebalancing": "none"})
    mod = spoil(_nan_samples, lambda client, visit: visit == 2)
    wrapped = DifferentialPrivacyServerSideFixedClipping(strategy, 0.0, 1e-3, 1)
    with pytest.raises(RunError, match="all 10 visits failed"):
        one.start(wrapped, one.grid(one.app(mods=[mod])), rounds=1)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"fraction_trian": 0.5}, "unknown strategy option 'fraction_trian'; did you mean 'fraction_train'"),
        ({"algorithm": {"capacty": 3}}, "did you mean 'capacity'"),
        ({"algorithm": {"name": "astrea"}}, "unknown algorithm 'astrea'; did you mean 'astraea'"),
        ({"balance": {"rebalancing": "mean"}}, "mean-power"),
        ({"balance": {"sampling": "class-balanced"}}, "which a strategy cannot ask"),
        ({"train": {"rule": "scaffold"}}, "control variates"),
    ],
)
def test_settings_that_cannot_be_used(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        AstraeaStrategy(**options)
