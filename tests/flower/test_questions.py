"""Who is waited for and asked, what its answer is worth, and what is said of who is left out."""

from __future__ import annotations

import pytest

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import Context, Error, Message, MetricRecord
from flwr.client import NumPyClient
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode
from tests.flower.adding import PLAIN, Silent, adding_app, train_adding

from astraea.errors import RunError
from astraea.flower import AstraeaStrategy, InProcessGrid, label_histogram
from astraea.flower.telling import Handler


def test_the_nodes_that_training_needs_are_waited_for_before_the_first_round() -> None:
    with pytest.raises(RunError, match="4 nodes are connected after 0 s, min_train_nodes asks for 5"):
        train_adding(AstraeaStrategy(min_train_nodes=5, patience=0.0, **PLAIN))


def _refusing(message: Message, context: Context, call_next: Handler) -> Message:
    if message.metadata.message_type == "train" or context.node_id != 2:
        return call_next(message, context)
    return Message(Error(ErrorCode.MOD_FAILED_PRECONDITION, "one ArrayRecord is needed"), reply_to=message)


def test_a_mod_that_refuses_is_not_taken_for_silence(caplog: pytest.LogCaptureFixture) -> None:
    train_adding(AstraeaStrategy(**PLAIN), adding_app(None, _refusing))
    (line,) = [line for line in caplog.messages if "is left out" in line]
    assert line == (
        "node 2 is left out: a mod of its ClientApp refused the question for its label histogram (one ArrayRecord is "
        "needed): move that mod from ClientApp(mods=...) to @app.train(mods=...)"
    )


@pytest.mark.parametrize("algorithm", ["astraea", "fedavg"])
def test_an_app_of_the_old_interface_is_told_what_to_do(algorithm: str) -> None:
    class Old(NumPyClient):
        """A client as Flower had them before 1.21."""

    app = ClientApp(client_fn=lambda context: Old().to_client())
    with pytest.raises(RunError, match=r"of Flower's old interface.*: give it @app\.train\(\), not client_fn"):
        train_adding(AstraeaStrategy(algorithm={"name": algorithm}, **PLAIN), app)


def test_who_failed_once_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    failed: list[int] = []

    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        if message.metadata.message_type.startswith("query") and context.node_id == 2 and not failed:
            failed.append(2)
            raise OSError("the disk is not there yet")
        return call_next(message, context)

    strategy = AstraeaStrategy(**PLAIN)
    train_adding(strategy, adding_app(None, mod))
    assert [line["clients"] for line in strategy.run.history] == [3, 4]
    assert "node 2 takes part from now on" in caplog.messages


def test_a_partition_that_is_no_number_gets_a_true_sentence() -> None:
    app = ClientApp()
    app.query("label_histogram")(label_histogram(lambda context: [0, 1], classes=2))
    grid = InProcessGrid(app, 2, node_config=lambda place: {"partition-id": f"hospital-{'ab'[place]}"})
    with pytest.raises(RunError, match="its partition-id is 'hospital-a', not a whole number: give it one in --node"):
        train_adding(AstraeaStrategy(**PLAIN), grid=grid)


def test_a_node_that_never_answers_the_question_is_waited_for_once(caplog: pytest.LogCaptureFixture) -> None:
    grid = Silent(adding_app(), 4)
    grid.kind = "query"
    strategy = AstraeaStrategy(**PLAIN)
    train_adding(strategy, grid=grid, rounds=3, timeout=0.05)
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
    train_adding(strategy, adding_app(None, lie), rounds=1)
    assert strategy._registry.histograms.tolist() == [[5, 5], [5, 5], [5, 5], [29, 0]]
    assert any("client 3 at node 5 claims 1000000000 samples, and counts as 29" in line for line in caplog.messages)
