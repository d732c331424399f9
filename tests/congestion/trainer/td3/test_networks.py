"""The networks: sizes of the published ones, normalisation by hand, and two critics side by side."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.policy.network import forward
from astraea.congestion.trainer.td3.export import exported
from astraea.congestion.trainer.td3.networks import Actor, Normalisation, TwinCritic
from astraea.congestion.trainer.td3.settings import Td3Settings


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def trained_moments(actor: Actor) -> Actor:
    """Give the normalisation moments and shifts that are not those of a new one."""
    g = generator(9)
    for norm in actor.norms:
        norm.mean.normal_(generator=g)
        norm.variance.uniform_(0.1, 3, generator=g)
        norm.shift.data.normal_(generator=g)
    return actor.eval()


def test_sizes_are_those_of_the_released_checkpoint() -> None:
    actor = Actor((50, 256, 128, 64, 1), True, generator())
    critics = TwinCritic(50 + 12, (256, 128, 64), generator())
    plain = sum(p.numel() for p in [*actor.weights, *actor.biases])
    assert plain == 54_273
    assert sum(t.numel() for t in actor.norms.state_dict().values()) == 1_344
    assert sum(p.numel() for p in critics.parameters()) == 2 * 57_473
    assert 2 * 4 * (plain + 1_344 + 2 * 57_473) + 8 == 1_364_512  # bytes, targets included


def test_normalisation_by_the_batch_and_by_running_moments() -> None:
    norm = Normalisation(1)
    norm.shift.data[:] = 0.5
    found = norm(torch.tensor([[1.0], [3.0]]))  # mean 2, variance 1
    assert found.flatten().tolist() == pytest.approx([0.5 - 1 / 1.001**0.5, 0.5 + 1 / 1.001**0.5])
    assert norm.mean.item() == pytest.approx(0.01 * 2)
    assert norm.variance.item() == pytest.approx(0.99 + 0.01 * 2)  # the running one without bias
    norm.eval()
    expected = 0.5 + (3 - norm.mean.item()) / (norm.variance.item() + 1e-3) ** 0.5
    assert norm(torch.tensor([[3.0]])).item() == pytest.approx(expected)
    assert norm.mean.item() == pytest.approx(0.02)


def test_each_critic_is_a_network_of_its_own() -> None:
    critics = TwinCritic(3, (8, 4), generator())
    seen, actions = torch.randn(5, 3, generator=generator(1)), torch.rand(5, generator=generator(2))
    for k, values in enumerate(critics(seen, actions)):
        weights = [(w[k], b[k]) for w, b in zip(critics.weights, critics.biases, strict=True)]
        x = F.leaky_relu(seen @ weights[0][0] + weights[0][1], 0.2)
        x = torch.cat([x, actions[:, None]], dim=1)
        x = F.leaky_relu(x @ weights[1][0] + weights[1][1], 0.2)
        assert torch.allclose(values, (x @ weights[2][0] + weights[2][1]).squeeze(1), atol=1e-6)
    assert not torch.allclose(*critics(seen, actions))


@pytest.mark.parametrize("normalise", [True, False])
def test_the_exported_policy_acts_as_the_actor_does(normalise: bool) -> None:
    settings = Td3Settings(
        observation=ObservationSettings(features="published", history=5), actor_widths=(32, 16, 8), normalise=normalise
    )
    actor = trained_moments(Actor((50, 32, 16, 8, 1), normalise, generator(3)))
    policy = exported(actor, settings)
    features = np.random.default_rng(0).integers(-2048, 4096, (30, 50)).astype(np.int32)
    with torch.no_grad():
        wanted = actor(torch.from_numpy(features / 1024).float()).numpy()
    widths, room = np.array(policy.header.widths), np.zeros((2, 50))
    found = [forward(policy.weights.astype(np.float64), widths, row, room) for row in features]
    assert found == pytest.approx(wanted, abs=1e-5)
    assert wanted.std() > 0.01
    assert policy.header.widths == (50, 32, 16, 8, 1)
