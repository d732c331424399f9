"""What a user of Flower's FedAvg has, and what would be wrong in silence: each goes on, or is refused with a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Error, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid

from astraea.errors import InputError, RunError
from astraea.files import lock
from astraea.flower import AstraeaStrategy, InProcessGrid, label_histogram
from astraea.flower.telling import Handler

LABELS = [[0, 0, 1], [0, 1, 1, 1], [1, 1], [0, 0, 0]]


def _labels(context: Context) -> list[int]:
    return LABELS[int(context.node_config["partition-id"])]


def _app(train: Callable[[Message, Context], RecordDict] | None = None, *mods: Any) -> ClientApp:
    """An app whose clients add 1 to the model, or give what ``train`` does."""

    def adds_one(message: Message, context: Context) -> RecordDict:
        arrays = ArrayRecord({name: Array(value.numpy() + 1) for name, value in message.content["arrays"].items()})
        metrics = MetricRecord({"num-examples": len(_labels(context)), "loss": 1.0})
        return RecordDict({"arrays": arrays, "metrics": metrics})

    app = ClientApp(mods=list(mods))
    app.query("label_histogram")(label_histogram(_labels, classes=2))

    @app.train()
    def handle(message: Message, context: Context) -> Message:
        return Message((train or adds_one)(message, context), reply_to=message)

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        seen = float(message.content["arrays"]["w"].numpy()[0])
        metrics = MetricRecord({"num-examples": 1, "seen": seen, "node": context.node_id})
        return Message(RecordDict({"metrics": metrics}), reply_to=message)

    return app


PLAIN: dict[str, Any] = {
    "balance": {"rebalancing": "none"},
    "server": {"defence": "finite"},
    "fraction_evaluate": 0.0,
}
START = {"w": np.zeros(2, np.float32)}


def _start(strategy: AstraeaStrategy, app: ClientApp | None = None, rounds: int = 2, **options: Any) -> Any:
    arrays = options.pop("arrays", START)
    record = ArrayRecord({name: Array(value) for name, value in arrays.items()})
    grid = options.pop("grid", None) or InProcessGrid(app or _app(), 4)
    return strategy.start(grid, record, rounds, **options)


class Noticing(AstraeaStrategy):
    """A subclass that notes which rounds it sees, and halves the model."""

    rounds: list[tuple[str, int]]

    def configure_train(self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid) -> Any:
        self.rounds.append(("train", server_round))
        return super().configure_train(server_round, arrays, config, grid)

    def aggregate_train(self, server_round: int, replies: Iterable[Message]) -> Any:
        self.rounds.append(("aggregate", server_round))
        arrays, metrics = super().aggregate_train(server_round, replies)
        assert arrays is not None
        return ArrayRecord({name: Array(value.numpy() / 2) for name, value in arrays.items()}), metrics


def test_a_subclass_decides_about_the_model_everywhere_and_a_resumed_one_sees_the_right_rounds(tmp_path: Path) -> None:
    """Two chains of two add 2 a round, halved: 1, then 1.5, then 1.75."""
    seen: dict[int, float] = {}

    def look(round_: int, arrays: ArrayRecord) -> None:
        seen[round_] = float(arrays["w"].numpy()[0])

    def made() -> Noticing:
        strategy = Noticing(checkpoint=tmp_path, train={"schedule": "constant"}, **PLAIN)
        strategy.rounds = []
        return strategy

    _start(made(), rounds=2, evaluate_fn=look)
    assert seen == {0: 0.0, 1: 1.0, 2: 1.5}
    again = made()
    result = _start(again, rounds=3, evaluate_fn=look)
    assert again.rounds == [("train", 3), ("aggregate", 3)]
    assert (seen[3], float(result.arrays["w"].numpy()[0])) == (1.75, 1.75)


class OwnLoop(AstraeaStrategy):
    def start(self, grid: Grid, initial_arrays: ArrayRecord, *_: Any, **__: Any) -> Any:
        arrays: ArrayRecord | None = initial_arrays
        for round_ in range(1, 3):
            assert arrays is not None
            messages = self.configure_train(round_, arrays, ConfigRecord(), grid)
            arrays, _metrics = self.aggregate_train(round_, grid.send_and_receive(messages))
        return arrays


def test_a_loop_of_ones_own_works_and_is_told_that_it_has_no_checkpoints(tmp_path: Path) -> None:
    arrays = _start(OwnLoop(**PLAIN))
    assert arrays["w"].numpy().tolist() == [4.0, 4.0]
    with pytest.raises(InputError, match=r"checkpoint= does not work within OwnLoop.*call AstraeaStrategy\.start"):
        _start(OwnLoop(checkpoint=tmp_path, **PLAIN))


def test_the_nodes_that_training_needs_are_waited_for_before_the_first_round() -> None:
    with pytest.raises(RunError, match="4 nodes are connected after 0 s, min_train_nodes asks for 5"):
        _start(AstraeaStrategy(min_train_nodes=5, patience=0.0, **PLAIN))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"weighted_by_key": "loss"}, "has weighted_by_key = 'num-examples', not 'loss'"),
        ({"min_train_nodes": 3}, "has min_train_nodes = 2, not 3"),
        ({"train": {"lr": 0.5}}, r"has train\.lr = 0\.02, not 0\.5"),
        ({"server": {"optimizer": "adam"}}, r"has server\.optimizer"),
        ({"config": {"lr": 0.3}}, r"has train_config\.lr = 0\.1, not 0\.3"),
    ],
)
def test_what_a_resumed_run_depends_on_may_not_change(changes: dict[str, Any], reason: str, tmp_path: Path) -> None:
    changes = dict(changes)
    config = {"train_config": ConfigRecord(changes.pop("config", {"lr": 0.1}))}
    _start(AstraeaStrategy(checkpoint=tmp_path, **PLAIN), rounds=1, train_config=ConfigRecord({"lr": 0.1}))
    with pytest.raises(RunError, match=reason):
        _start(AstraeaStrategy(checkpoint=tmp_path, **{**PLAIN, **changes}), rounds=1, **config)


def test_a_model_of_other_names_with_as_many_numbers_is_not_resumed(tmp_path: Path) -> None:
    _start(AstraeaStrategy(checkpoint=tmp_path, **PLAIN), rounds=1)
    with pytest.raises(RunError, match="another model"):
        _start(AstraeaStrategy(checkpoint=tmp_path, **PLAIN), rounds=1, arrays={"v": np.zeros(2, np.float32)})


def test_a_folder_holds_one_run_is_tried_before_training_and_read_by_its_owner(tmp_path: Path) -> None:
    trained: list[int] = []

    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        trained.append(context.node_id)
        return call_next(message, context)

    with lock(tmp_path), pytest.raises(RunError, match="another process is running in"):
        _start(AstraeaStrategy(checkpoint=tmp_path, **PLAIN), _app(None, mod))
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be written"):
        _start(AstraeaStrategy(checkpoint=tmp_path / "file", **PLAIN), _app(None, mod))
    assert trained == []
    _start(AstraeaStrategy(checkpoint=tmp_path, **PLAIN), rounds=1)
    assert (tmp_path / "strategy.json").stat().st_mode & 0o777 == 0o600


def test_who_evaluates_is_drawn_with_the_seed() -> None:
    def nodes(seed: int) -> list[float]:
        strategy = AstraeaStrategy(
            seed=seed, balance={"rebalancing": "none"}, fraction_evaluate=0.5, min_evaluate_nodes=1
        )
        result = _start(strategy, rounds=4)
        return [float(result.evaluate_metrics_clientapp[round_]["node"]) for round_ in range(1, 5)]

    assert nodes(1) == nodes(1)
    assert nodes(1) != nodes(2)
    assert len(set(nodes(1))) > 1


def test_a_rate_that_nobody_used_is_not_told(federation: Callable[..., Any]) -> None:
    strategy = AstraeaStrategy(**PLAIN)
    _start(strategy)
    assert "lr" not in strategy.run.history[0]
    one = federation()
    ours = one.strategy()
    one.start(ours, rounds=1)
    assert ours.run.history[0]["lr"] == 0.1


def test_options_may_be_given_by_place_and_old_names_are_explained() -> None:
    strategy = AstraeaStrategy(0.5, 0.0, 3, balance={"rebalancing": "none"})
    assert (strategy.fraction_train, strategy.fraction_evaluate, strategy.min_train_nodes) == (0.5, 0.0, 3)
    with pytest.raises(InputError, match="'fraction_fit' belongs to Flower's old interface: give fraction_train"):
        AstraeaStrategy(fraction_fit=0.5)
    with pytest.raises(InputError, match="'fraction_train' is given twice"):
        AstraeaStrategy(0.5, fraction_train=0.5)
    with pytest.raises(InputError, match=r"cannot run in Flower's old interface.*SecAgg\+"):
        strategy.initialize_parameters(client_manager=None)
    with pytest.raises(InputError, match=r"server\.average and server\.realign"):
        AstraeaStrategy(server={"average": 0.9})


def test_server_optimisers_work() -> None:
    """Chains add 2: momentum 0.9 makes the second step 2 + 0.9 * 2."""
    result = _start(AstraeaStrategy(**{**PLAIN, "server": {"optimizer": "momentum", "defence": "finite"}}))
    assert result.arrays["w"].numpy().tolist() == pytest.approx([5.8, 5.8])
    mixed = {"n.running_mean": np.zeros(1, np.float32), "w": np.zeros(2, np.float32)}
    with pytest.raises(InputError, match=r"running statistics.*initial_arrays"):
        _start(AstraeaStrategy(**{**PLAIN, "server": {"optimizer": "momentum", "defence": "finite"}}), arrays=mixed)


def test_an_average_of_ones_own_gets_the_records_as_clients_sent_them() -> None:
    """Under its own name, with metrics that not all report; also when it is set later."""

    def train(message: Message, context: Context) -> RecordDict:
        own = {"mine": 2.0} if context.node_id == 2 else {}
        metrics = MetricRecord({"num-examples": len(_labels(context)), **own})
        return RecordDict({"arrays": message.content["arrays"], "train_metrics": metrics})

    strategy = AstraeaStrategy(**PLAIN)
    strategy.train_metrics_aggr_fn = lambda records, weight: MetricRecord(
        {"sum": sum(float(record["train_metrics"].get("mine", 0.0)) for record in records), "clients": len(records)}
    )
    result = _start(strategy, _app(train), rounds=1)
    assert dict(result.train_metrics_clientapp[1]) == {"sum": 2.0, "clients": 4}


def test_another_weight_is_a_weight() -> None:
    """Clients send their number; weights 1, 0, 0.25 and 0.5 would make 0, refused, 2 and 3 of them."""

    def train(message: Message, context: Context) -> RecordDict:
        client = int(context.node_config["partition-id"])
        arrays = ArrayRecord({"w": Array(np.full(2, client, np.float32))})
        return RecordDict({"arrays": arrays, "metrics": MetricRecord({"share": [1.0, 0.0, 0.25, 0.5][client]})})

    strategy = AstraeaStrategy(algorithm={"capacity": 1}, weighted_by_key="share", **PLAIN)
    result = _start(strategy, _app(train), rounds=1)
    assert result.arrays["w"].numpy()[0] == pytest.approx((2 * 0.25 + 3 * 0.5) / 1.75)
    assert strategy.run.history[0]["skipped"][0]["reason"] == "its metric 'share' is 0.0, not a number of samples"


def test_every_message_says_in_which_round_it_is() -> None:
    rounds: list[tuple[str, int]] = []

    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        if context.node_id == 2:
            rounds.append((message.metadata.message_type, int(message.content["config"]["server-round"])))
        return call_next(message, context)

    strategy = AstraeaStrategy(balance={"rebalancing": "none"}, fraction_evaluate=1.0)
    _start(strategy, _app(None, mod), rounds=2)
    query = "query.label_histogram"
    assert rounds == [(query, 1), ("train", 1), ("evaluate", 1), ("train", 2), ("evaluate", 2)]


def test_batch_normalisation_may_stay_with_the_clients() -> None:
    """FedBN: what clients leave out stays as it was, and other arrays may not be left out."""

    def train(message: Message, context: Context) -> RecordDict:
        arrays = ArrayRecord({"w": Array(message.content["arrays"]["w"].numpy() + 1)})
        return RecordDict({"arrays": arrays, "metrics": MetricRecord({"num-examples": 1})})

    norm = {"b.weight": np.ones(1, np.float32), "b.running_mean": np.full(1, 7, np.float32)}
    result = _start(AstraeaStrategy(**PLAIN), _app(train), arrays=START | norm)
    assert {name: array.numpy().tolist() for name, array in result.arrays.items()} == {
        "w": [4.0, 4.0],
        "b.weight": [1.0],
        "b.running_mean": [7.0],
    }
    with pytest.raises(RunError, match="its model lacks 'more'"):
        _start(AstraeaStrategy(**PLAIN), _app(train), arrays=START | {"more": np.ones(1, np.float32)})


@pytest.mark.parametrize("dtype", [">f4", "<f2", "<f8"])
def test_arrays_of_any_byte_order_and_precision(dtype: str) -> None:
    result = _start(AstraeaStrategy(**PLAIN), arrays={"w": np.array([1.0, 2.0], dtype)})
    assert result.arrays["w"].numpy().tolist() == [5.0, 6.0]
    assert result.arrays["w"].numpy().dtype == np.dtype(dtype).newbyteorder("=")


def _refusing(message: Message, context: Context, call_next: Handler) -> Message:
    if message.metadata.message_type == "train" or context.node_id != 2:
        return call_next(message, context)
    return Message(Error(ErrorCode.MOD_FAILED_PRECONDITION, "one ArrayRecord is needed"), reply_to=message)


def test_a_mod_that_refuses_is_not_taken_for_silence(caplog: pytest.LogCaptureFixture) -> None:
    _start(AstraeaStrategy(**PLAIN), _app(None, _refusing))
    (line,) = [line for line in caplog.messages if "is left out" in line]
    assert line == (
        "node 2 is left out: a mod of its ClientApp refused the question for its label histogram (one ArrayRecord is "
        "needed): move that mod from ClientApp(mods=...) to @app.train(mods=...)"
    )


def test_who_failed_once_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    failed: list[int] = []

    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        if message.metadata.message_type.startswith("query") and context.node_id == 2 and not failed:
            failed.append(2)
            raise OSError("the disk is not there yet")
        return call_next(message, context)

    strategy = AstraeaStrategy(**PLAIN)
    _start(strategy, _app(None, mod))
    assert [line["clients"] for line in strategy.run.history] == [3, 4]
    assert "node 2 takes part from now on" in caplog.messages


def test_a_partition_that_is_no_number_gets_a_true_sentence() -> None:
    app = ClientApp()
    app.query("label_histogram")(label_histogram(lambda context: [0, 1], classes=2))
    grid = InProcessGrid(app, 2, node_config=lambda place: {"partition-id": f"hospital-{'ab'[place]}"})
    with pytest.raises(RunError, match="its partition-id is 'hospital-a', not a whole number: give it one in --node"):
        _start(AstraeaStrategy(**PLAIN), grid=grid)


@pytest.mark.parametrize("value", [3e38, 1e30, np.nan], ids=str)
def test_garbage_is_named_and_never_kept(value: float) -> None:
    def train(message: Message, context: Context) -> RecordDict:
        made = value if context.node_id == 3 else 1.0
        arrays = ArrayRecord({"w": Array(np.full(2, made, np.float32))})
        return RecordDict({"arrays": arrays, "metrics": MetricRecord({"num-examples": 4})})

    strategy = AstraeaStrategy(algorithm={"capacity": 1}, **PLAIN)
    result = _start(strategy, _app(train))
    assert result.arrays["w"].numpy().tolist() == [1.0, 1.0]
    assert [skip["client"] for line in strategy.run.history for skip in line["skipped"]] == [1, 1]


class Silent(InProcessGrid):
    """A grid whose first node hears no message of one kind."""

    kind = "train"

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        numbers: list[str] = []
        for message in messages:
            lost = message.metadata.dst_node_id == 2 and message.metadata.message_type.startswith(self.kind)
            self.lost = getattr(self, "lost", 0) + lost
            numbers += [f"lost {self.lost}"] if lost else list(super().push_messages([message]))
        return numbers


def test_a_client_that_was_silent_is_not_asked_in_the_next_pass() -> None:
    grid = Silent(_app(), 4)
    strategy = AstraeaStrategy(algorithm={"mediator_epochs": 3}, **PLAIN)
    _start(strategy, grid=grid, rounds=1, timeout=0.05)
    assert grid.lost == 1
    reasons = [skip["reason"] for skip in strategy.run.history[0]["skipped"]]
    assert reasons == ["it did not answer in time", *["it did not answer earlier in this round"] * 2]


def test_a_node_that_never_answers_the_question_is_waited_for_once(caplog: pytest.LogCaptureFixture) -> None:
    grid = Silent(_app(), 4)
    grid.kind = "query"
    strategy = AstraeaStrategy(**PLAIN)
    _start(strategy, grid=grid, rounds=3, timeout=0.05)
    assert [line["clients"] for line in strategy.run.history] == [3, 3, 3]
    assert sum("no label histogram from node 2" in line for line in caplog.messages) == 1


def test_a_claim_of_a_billion_samples_is_bounded_and_named(caplog: pytest.LogCaptureFixture) -> None:
    counts = [[5, 5], [5, 5], [5, 5], [10**9, 0]]

    def lie(message: Message, context: Context, call_next: Handler) -> Message:
        reply = call_next(message, context)
        if message.metadata.message_type.startswith("query"):
            own = counts[int(context.node_config["partition-id"])]
            reply.content["histogram"] = MetricRecord({"label-histogram": own, "num-examples": sum(own)})
        return reply

    strategy = AstraeaStrategy(balance={"rebalancing": "none", "most_samples": 3}, fraction_evaluate=0.0)
    _start(strategy, _app(None, lie), rounds=1)
    assert strategy._registry.histograms.tolist() == [[5, 5], [5, 5], [5, 5], [29, 0]]
    assert any("client 3 at node 5 claims 1000000000 samples, and counts as 29" in line for line in caplog.messages)


def test_the_length_of_chains_follows_the_number_of_clients(caplog: pytest.LogCaptureFixture) -> None:
    _start(AstraeaStrategy(**PLAIN), rounds=1)
    assert "round 1: 4 clients in 2 chains, of up to 2 visits one after the other" in caplog.messages


def test_a_reply_is_handed_on_as_it_came() -> None:
    """The bytes are not written anew: the next client gets the very objects that the one before has sent."""
    sent: list[bytes] = []
    got: list[bytes] = []

    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        if message.metadata.message_type != "train":
            return call_next(message, context)
        got.append(message.content["arrays"]["w"].data)
        reply = call_next(message, context)
        sent.append(reply.content["arrays"]["w"].data)
        return reply

    _start(AstraeaStrategy(algorithm={"capacity": 4}, **PLAIN), _app(None, mod), rounds=1)
    assert len(got) == 4
    assert all(after is before for before, after in zip(sent, got[1:], strict=False))


def test_packed_bytes_are_those_of_flower() -> None:
    """An array packed here has the bytes that Flower itself would give it."""
    from astraea.flower.arrays import Layout

    values = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "s": np.array(1.5, np.float32), "n": np.array([2])}
    record = ArrayRecord({name: Array(value) for name, value in values.items()})
    layout = Layout.of(record)
    params, counters, exact, _ = layout.vectors(record)
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


def test_the_models_of_a_round_are_added_up_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four chains of one visit need memory for one model beside the sum and the model that the round began with."""
    from astraea.flower.arrays import Layout

    strategy, buffers = AstraeaStrategy(algorithm={"name": "fedavg"}, **PLAIN), []
    monkeypatch.setattr(Layout, "_buffers", buffers)
    result = _start(strategy, rounds=3)
    assert result.arrays["w"].numpy().tolist() == [3.0, 3.0]
    assert len(buffers) == 2


@pytest.mark.parametrize("in_place", [False, True])
def test_a_model_changed_after_the_average_is_the_one_that_trains_on(in_place: bool) -> None:
    class Doubles(AstraeaStrategy):
        def aggregate_train(self, server_round: int, replies: Iterable[Message]) -> Any:
            arrays, metrics = super().aggregate_train(server_round, replies)
            assert arrays is not None
            doubled = {name: Array(2 * array.numpy()) for name, array in arrays.items()}
            if not in_place:
                return ArrayRecord(doubled), metrics
            arrays.update(doubled)
            return arrays, metrics

    result = _start(Doubles(algorithm={"name": "fedavg"}, **PLAIN), rounds=2)
    assert result.arrays["w"].numpy().tolist() == [6.0, 6.0]  # (0 + 1) * 2 = 2, (2 + 1) * 2 = 6


def test_nothing_is_read_again_between_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server reads the model that it begins with, and each reply, and no array twice."""
    from astraea.flower.arrays import Layout

    read, vectors = [], Layout.vectors

    def counted(layout: Layout, record: ArrayRecord, *before: Any) -> Any:
        read.append(record)
        return vectors(layout, record, *before)

    monkeypatch.setattr(Layout, "vectors", counted)
    _start(AstraeaStrategy(algorithm={"name": "fedavg"}, **PLAIN), rounds=3)
    assert len(read) == 1 + 3 * 4


def test_a_loop_of_ones_own_is_told_that_rates_do_not_fall(
    federation: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    one = federation()
    one.start(one.strategy(kind=OwnLoop))
    assert sum("train.schedule = 'cosine' has no effect" in line for line in caplog.messages) == 1
