"""Central differential privacy: refused where its ε would be false, and working where it holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import Context, Message
from flwr.serverapp.strategy import (
    DifferentialPrivacyClientSideFixedClipping,
    DifferentialPrivacyServerSideFixedClipping,
)

from astraea.errors import InputError, RunError
from astraea.flower.telling import Handler

PLAIN: dict[str, Any] = {
    "balance": {"rebalancing": "none"},
    "train": {"batch_size": 10, "lr": 0.05, "loss": "cross-entropy"},
}
"""Nothing but the mediators may look at histograms."""


def test_central_differential_privacy_over_raw_histograms_is_refused(federation: Callable[..., Any]) -> None:
    one = federation()
    wrapped = DifferentialPrivacyServerSideFixedClipping(one.strategy(), 1.0, 1.0, 3)
    with pytest.raises(InputError, match="ServerSideFixedClipping cannot vouch for rounds that are planned"):
        one.start(wrapped)
    random = one.strategy(algorithm={"mediators": "random", "capacity": 2}, **PLAIN)
    with pytest.raises(InputError, match="visits of a chain add up"):
        one.start(DifferentialPrivacyClientSideFixedClipping(random, 1.0, 1.0, 3))


def test_a_wrapper_has_no_checkpoints(federation: Callable[..., Any], tmp_path: Path) -> None:
    strategy = federation().strategy(algorithm={"mediators": "random"}, **PLAIN, checkpoint=tmp_path)
    with pytest.raises(InputError, match="checkpoint= does not work within Differential"):
        federation().start(DifferentialPrivacyServerSideFixedClipping(strategy, 1.0, 1.0, 3))


def test_a_wrapper_whose_guarantee_holds_works(federation: Callable[..., Any]) -> None:
    """Random chains, server-side clipping to almost nothing and no noise: the model hardly moves."""
    one = federation()
    strategy = one.strategy(algorithm={"mediators": "random", "capacity": 2, "mediator_epochs": 1}, **PLAIN)
    wrapped = DifferentialPrivacyServerSideFixedClipping(strategy, 0.0, 1e-3, 3)
    result = one.start(wrapped, rounds=2)
    before = torch.cat([value.detach().reshape(-1) for value in one.model().parameters()])
    after = torch.cat([value.reshape(-1) for value in result.arrays.to_torch_state_dict().values()])
    assert 0 < float((after - before).norm()) <= 2e-3 * 1.001


def test_one_client_has_no_more_influence_than_the_noise_is_for(federation: Callable[..., Any]) -> None:
    """Chains of unequal sizes count alike: without a client the mean of three chains moves by a third of the bound."""

    def model(without: int | None) -> torch.Tensor:
        def mod(message: Message, context: Context, call_next: Handler) -> Message:
            reply = call_next(message, context)
            if message.metadata.message_type == "train" and context.node_config["partition-id"] == without:
                reply.content["metrics"]["num-examples"] = float("nan")  # which is skipped
            return reply

        one = federation()
        strategy = one.strategy(algorithm={"mediators": "random", "capacity": 2, "mediator_epochs": 1}, **PLAIN)
        wrapped = DifferentialPrivacyServerSideFixedClipping(strategy, 0.0, 0.01, 3)
        result = one.start(wrapped, one.grid(one.app(mods=[mod])), rounds=1)
        return torch.cat([value.reshape(-1) for value in result.arrays.to_torch_state_dict().values()])

    whole = model(None)
    moved = [float((model(client) - whole).norm()) for client in range(5)]
    # One chain has one client: without it the chain counts as unchanged, and the mean moves by the whole bound.
    assert max(moved) == pytest.approx(0.01 / 3, rel=1e-3)


@pytest.mark.parametrize(
    ("chains", "options", "reason"),
    [
        (2, {}, "noise for num_sampled_clients = 2, but round 1 has 3 chains.*give it num_sampled_clients=3"),
        (
            3,
            {"algorithm": {"returns": "mean"}},
            "bounds each chain's last model.*algorithm.returns = 'mean': leave that",
        ),
        (3, {"server": {"optimizer": "momentum"}}, "noise for the mean of a round's models.*leave server= out"),
        (3, {"server": {"aggregation": "median"}}, "noise for the mean of a round's models.*leave server= out"),
    ],
)
def test_noise_that_is_for_something_else_is_refused(
    federation: Callable[..., Any], chains: int, options: dict[str, Any], reason: str
) -> None:
    one = federation()
    chosen = {"mediators": "random", "capacity": 2, **options.pop("algorithm", {})}
    strategy = one.strategy(algorithm=chosen, **PLAIN, **options)
    with pytest.raises(InputError, match=reason):
        one.start(DifferentialPrivacyServerSideFixedClipping(strategy, 1.0, 1.0, chains))


def test_a_wrapped_chain_whose_last_visit_failed_does_not_count(federation: Callable[..., Any]) -> None:
    """Its earlier visits never passed through the wrapper's clipping."""
    visits: dict[object, int] = {}

    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        client = context.node_config["partition-id"]
        visits[client] = visits.get(client, 0) + 1
        reply = call_next(message, context)
        if visits[client] == 2:
            reply.content["metrics"]["num-examples"] = float("nan")
        return reply

    one = federation()
    strategy = one.strategy(algorithm={"mediators": "random", "capacity": 5, "mediator_epochs": 2}, **PLAIN)
    wrapped = DifferentialPrivacyServerSideFixedClipping(strategy, 0.0, 1e-3, 1)
    with pytest.raises(RunError, match="all 10 visits failed"):
        one.start(wrapped, one.grid(one.app(mods=[mod])), rounds=1)
