"""Models in few bits on Flower: the bytes of the local engines, for an eighth of the messages; and who spoils them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp.strategy import DifferentialPrivacyServerSideFixedClipping
from torch import nn

from astraea.errors import InputError, RunError
from astraea.flower import AstraeaStrategy, InProcessGrid, few_bits, label_histogram
from astraea.flower.messages import bytes_of
from astraea.flower.telling import Handler

START = {"w": Array(np.array([7.0, 0.4], np.float32)), "n": Array(np.array([3], np.int64))}
"""In 4 bits a client gets steps of 1: 7 and 0, and the whole number as it is."""

QUIET: dict[str, Any] = {"fraction_evaluate": 0.0, "balance": {"rebalancing": "none"}, "server": {"defence": "finite"}}

Making = Callable[[dict[str, Any]], dict[str, Any]]


class Normed(nn.Module):
    """A model with running statistics and a counter, which travel as they are."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.norm, self.out = nn.BatchNorm1d(64), nn.Linear(64, 10)
        self.out.weight.data = torch.rand(10, 64, generator=generator) / 8
        self.out.bias.data = torch.zeros(10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.out(self.norm(x.flatten(1)))
        return result


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("build", [None, Normed], ids=["perceptron", "batch normalisation"])
def test_same_seed_same_bytes_as_the_local_engine(federation: Callable[..., Any], bits: int, build: Any) -> None:
    one = federation(build=build, algorithm={"bits": bits})
    strategy = one.strategy()
    one.start(strategy)
    local = one.locally()
    assert torch.equal(strategy.run.state.params, local.state.params)
    assert torch.equal(strategy.run.state.counters, local.state.counters)
    assert strategy.run.totals == local.totals
    own = [{key: value for key, value in line.items() if "flower" not in key} for line in strategy.run.history]
    assert own == local.history


class Weighing(InProcessGrid):
    """A grid that weighs the messages of training, each way."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.down: list[int] = []
        self.up: list[int] = []

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        listed = list(messages)
        self.down += [bytes_of(one.content) for one in listed if one.metadata.message_type == "train"]
        return super().push_messages(listed)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        replies = list(super().pull_messages(message_ids))
        self.up += [bytes_of(one.content) for one in replies if one.metadata.message_type == "train"]
        return replies


def test_messages_are_an_eighth_as_large_and_the_model_is_as_good(federation: Callable[..., Any]) -> None:
    """A perceptron on the digits, 8 rounds: also with the client's own test samples, which are asked for whole."""
    found, down, up = {}, {}, {}
    for bits in (32, 4):
        one = federation(algorithm={"bits": bits, "mediator_epochs": 1}, rounds=8)
        test = one.experiment.scenario.test
        grid = Weighing(one.app(test=lambda context, test=test: test), 5)
        result = one.start(one.strategy(fraction_evaluate=1.0, min_evaluate_nodes=5), grid)
        found[bits], down[bits], up[bits] = result.evaluate_metrics_clientapp[8]["accuracy"], grid.down, grid.up
    params = sum(value.numel() for value in federation().model().parameters())
    packed = -(-params // 2) + 4 * -(-params // 1024)
    assert len(down[4]) == len(up[4]) == 40
    assert all(packed < size < packed + 2000 for size in down[4])  # beside codes and scales, the instructions
    assert all(packed < size < packed + 500 for size in up[4])
    assert sum(down[4] + up[4]) < 0.16 * sum(down[32] + up[32])
    assert found[4] == pytest.approx(found[32], abs=0.03)
    assert found[4] > 0.8


def _app(make: Making, *mods: Any, bad: Callable[[RecordDict], None] | None = None) -> ClientApp:
    """An app of one's own that makes named values of those that it got; ``bad`` spoils what node 3 sends."""

    def spoils(message: Message, context: Context, call_next: Handler) -> Message:
        reply = call_next(message, context)
        if bad is not None and message.metadata.message_type == "train" and context.node_id == 3:
            bad(reply.content)
        return reply

    app = ClientApp(mods=[spoils, *mods])
    app.query("label_histogram")(label_histogram(lambda context: [0, 1], classes=2))

    @app.train()
    def train(message: Message, context: Context) -> Message:
        got = {name: array.numpy() for name, array in message.content["arrays"].items()}
        arrays = ArrayRecord({name: Array(value) for name, value in make(got).items()})
        return Message(RecordDict({"arrays": arrays, "metrics": MetricRecord({"num-examples": 2})}), reply_to=message)

    return app


def _start(app: ClientApp, nodes: int = 2, arrays: Any = None, **options: Any) -> tuple[Any, AstraeaStrategy]:
    own = {"algorithm": {"bits": 4, "capacity": 2}, "min_train_nodes": 1, "min_available_nodes": 1}
    strategy = AstraeaStrategy(**{**own, **QUIET, **options})
    return strategy.start(InProcessGrid(app, nodes), ArrayRecord(arrays or START), num_rounds=1), strategy


def test_a_train_function_of_ones_own_gets_the_rounded_model_and_its_change_is_added_to_the_exact_one() -> None:
    seen: list[dict[str, Any]] = []

    def make(got: dict[str, Any]) -> dict[str, Any]:
        seen.append({name: value.tolist() for name, value in got.items()})
        return {"w": got["w"] + np.array([-7.0, 1.0], np.float32), "n": got["n"] + 1}

    result, strategy = _start(_app(make, few_bits()), nodes=1)
    assert seen == [{"w": [7.0, 0.0], "n": [3]}]
    assert result.arrays["w"].numpy().tolist() == pytest.approx([0.0, 1.4])
    assert (result.arrays["n"].numpy().tolist(), result.arrays["w"].numpy().dtype) == ([4], np.float32)
    assert strategy.run.totals["bytes_sent"] == 2 * (1 + 4 + 8)


def test_with_whole_arrays_the_mod_does_nothing() -> None:
    def make(got: dict[str, Any]) -> dict[str, Any]:
        return {"w": got["w"] + np.float32(1.25), "n": got["n"]}

    with_mod, _ = _start(_app(make, few_bits()), algorithm={"capacity": 2})
    without, _ = _start(_app(make), algorithm={"capacity": 2})
    assert with_mod.arrays["w"].numpy().tolist() == without.arrays["w"].numpy().tolist()


def test_what_a_client_keeps_of_batch_normalisation_counts_as_unchanged() -> None:
    arrays = {
        "norm.weight": Array(np.array([7.0], np.float32)),
        "w": Array(np.array([0.0], np.float32)),
        "norm.running_mean": Array(np.array([0.3], np.float32)),
    }
    app = _app(lambda got: {"w": got["w"] + np.float32(1)}, few_bits())
    result, _ = _start(app, nodes=1, arrays=arrays)
    now = {name: array.numpy().tolist() for name, array in result.arrays.items()}
    assert now == {"norm.weight": [7.0], "w": [1.0], "norm.running_mean": [pytest.approx(0.3)]}


def test_a_node_without_the_mod_is_named_before_it_trains() -> None:
    with pytest.raises(
        RunError, match=r"no client can take part: node 2 .*lacks the mod for models in 4 bits: give it "
    ):
        _start(_app(lambda got: got))
    with pytest.raises(
        RunError, match=r"ClientApp\(mods=\[astraea.flower.few_bits\(\)\]\)"
    ):  # though nobody's histogram is read
        _start(_app(lambda got: got), algorithm={"name": "fedavg", "bits": 4})


def _codes(size: int, kind: Any = np.uint8) -> Callable[[RecordDict], None]:
    return lambda content: _put(content, "astraea-codes", np.zeros(size, kind))


def _scales(*values: float, kind: Any = np.float32) -> Callable[[RecordDict], None]:
    return lambda content: _put(content, "astraea-scales", np.array(values, kind))


def _put(content: RecordDict, name: str, value: Any) -> None:
    content["arrays"] = ArrayRecord({**content.array_records["arrays"], name: Array(value)})


def _without(name: str) -> Callable[[RecordDict], None]:
    def bad(content: RecordDict) -> None:
        kept = {key: one for key, one in content.array_records["arrays"].items() if key != name}
        content["arrays"] = ArrayRecord(kept)

    return bad


def _whole(content: RecordDict) -> None:
    content["arrays"] = ArrayRecord(START)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (_codes(2), r"its 'astraea-codes' holds \(2,\) of uint8, not \(1,\) of uint8"),
        (_codes(0), r"its 'astraea-codes' holds \(0,\) of uint8"),
        (_codes(1, np.float32), r"its 'astraea-codes' holds \(1,\) of float32, not"),
        (_codes(1, "U1"), "its 'astraea-codes' holds <U1, not numbers"),
        (_scales(1.0, 1.0), r"its 'astraea-scales' holds \(2,\)"),
        (_scales(1.0, kind=np.float64), r"its 'astraea-scales' holds \(1,\) of float64"),
        (_scales(np.nan), "its 'astraea-scales' are not all numbers from 0"),
        (_scales(np.inf), "its 'astraea-scales' are not all numbers from 0"),
        (_scales(-1.0), "its 'astraea-scales' are not all numbers from 0"),
        (_scales(3e38), "its 'astraea-scales' are not all numbers from 0"),
        (_without("astraea-codes"), "its model in 4 bits lacks 'astraea-codes'"),
        (_without("astraea-scales"), "its model in 4 bits lacks 'astraea-scales'"),
        (_without("n"), "its model lacks 'n': the models differ"),
        (lambda content: _put(content, "more", np.zeros(1)), "its model has an unknown 'more'"),
        (lambda content: _put(content, "n", np.zeros(2, np.int64)), r"its 'n' has shape \(2,\), not \(1,\)"),
        (_whole, "its model came back whole, not as a change in 4 bits: put astraea.flower.few_bits"),
    ],
)
def test_a_reply_that_is_no_model_in_few_bits_is_named_and_its_visit_left_out(
    bad: Callable[[RecordDict], None], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = _app(lambda got: {"w": got["w"] + np.array([-7.0, 1.0], np.float32), "n": got["n"]}, few_bits(), bad=bad)
    result, strategy = _start(app, nodes=3, algorithm={"bits": 4, "capacity": 1})
    (skip,) = strategy.run.history[0]["skipped"]
    assert skip["client"] == 1
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(skip["reason"])
    assert "client 1 is skipped" in caplog.text
    assert result.arrays["w"].numpy().tolist() == pytest.approx([0.0, 1.4])


@pytest.mark.parametrize("scale", [1e17, 100.0])
def test_a_change_that_is_far_too_long_meets_the_defence(scale: float) -> None:
    """It is 10^17 or a hundred times what others make: the first round shortens it to a share of the model's norm."""
    app = _app(
        lambda got: {"w": got["w"] + np.array([0.5, 0.5], np.float32), "n": got["n"]},
        few_bits(),
        bad=_scales(scale),
    )
    result, strategy = _start(app, nodes=3, algorithm={"bits": 4, "capacity": 1}, server={"defence": "clip"})
    assert strategy.run.history[0]["clipped"][0]["client"] == 1
    assert np.abs(result.arrays["w"].numpy() - [7.5, 0.9]).max() < 2


def test_differential_privacy_wrappers_refuse_few_bits() -> None:
    strategy = AstraeaStrategy(algorithm={"bits": 4, "mediators": "random"}, train={"loss": "cross-entropy"}, **QUIET)
    wrapper = DifferentialPrivacyServerSideFixedClipping(strategy, 1.0, 1.0, num_sampled_clients=1)
    with pytest.raises(InputError, match=r"reads whole models in replies, and with algorithm.bits = 4 they hold"):
        wrapper.start(InProcessGrid(_app(lambda got: got, few_bits()), 2), ArrayRecord(START), num_rounds=1)


def test_the_time_of_a_round_is_that_of_the_packed_messages() -> None:
    big = {"w": Array(np.zeros(2**20, np.float32))}
    app = _app(lambda got: {"w": got["w"] + np.float32(1)}, few_bits())
    seconds = {}
    for bits in (4, 32):
        _, strategy = _start(app, arrays=big, network="edge", algorithm={"bits": bits, "capacity": 1})
        seconds[bits] = strategy.run.history[0]["round_seconds"]
    assert seconds[4] < seconds[32] / 3  # delays are the same


def test_a_secure_sum_of_histograms_goes_with_few_bits() -> None:
    app = _app(lambda got: {"w": got["w"] + np.array([-7.0, 1.0], np.float32), "n": got["n"]}, few_bits())
    result, strategy = _start(app, nodes=3, privacy={"histograms": "secure-sum"}, algorithm={"bits": 4, "capacity": 1})
    assert not strategy.run.history[0].get("skipped")
    assert result.arrays["w"].numpy().tolist() == pytest.approx([0.0, 1.4])
