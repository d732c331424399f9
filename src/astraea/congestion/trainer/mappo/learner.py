"""MAPPO: proximal policy optimisation for many agents (Yu et al., NeurIPS 2022, arXiv:2103.01955).

One actor is shared by all flows and sees what one flow observes. One critic, which only training needs, sees that and
the global state. What a flow says is drawn from a normal distribution about what the actor says; a rollout is then used
a few times over, and no decision's probability is moved far from what it was (Schulman et al., arXiv:1707.06347).
Returns are brought to mean 0 and deviation 1 for the critic, as there.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from astraea.congestion.environment.global_state import STATE
from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.policy.network import SLOPE
from astraea.congestion.policy.residual import SEEN
from astraea.congestion.trainer.mappo.advantages import fill_advantages
from astraea.congestion.trainer.mappo.settings import MappoSettings
from astraea.congestion.trainer.subjects import Subject, network_subject, residual_subject
from astraea.congestion.trainer.tensors import restore, tensors_of
from astraea.seeding import Purpose, stream, torch_seed

__all__ = ["Actor", "Learner", "Losses", "Rollout", "Scale", "clipped_loss", "value_loss"]

_RESIDUAL_SLOPE = 0.25
_FIELDS = ObservationSettings().fields
_RANGES = [max(abs(field.low), abs(field.high)) for field in _FIELDS]
_STATE_RANGE = 8.0  # most values of the global state lie within


class Rollout(NamedTuple):
    """Decisions of all flows, n of them in the order of time, each with what came of it."""

    seen: NDArray[np.float32]  # (n, O + S) observation and global state
    said: NDArray[np.float32]  # (n, k)
    logprob: NDArray[np.float32]  # (n,) logarithm of its density
    values: NDArray[np.float64]  # (n,) what the critic thought
    earned: NDArray[np.float64]  # (n,) reward of the interval that followed
    discounts: NDArray[np.float64]  # (n,) of what came after it
    after: NDArray[np.float64]  # (n,) what the critic thought then
    following: NDArray[np.int64]  # (n,) the same flow's next decision, -1 if it is not here


class Losses(NamedTuple):
    """Means over the minibatches of an update."""

    policy: float
    value: float
    deviation: float  # of what is said, mean over the outputs
    approx_kl: float  # of the new policy from the old (Schulman, http://joschu.net/blog/kl-approx.html)
    clip_fraction: float  # share of decisions whose ratio was beyond the clip


class Actor(nn.Module):
    """From observations, ``(n, O)``, to the means of what is said, ``(n, k)``.

    What is learned are the shifts of the subject's numbers in spreads, so that one rate suits all weights.
    """

    start: Tensor
    spread: Tensor
    takes: Tensor

    def __init__(self, subject: Subject, settings: MappoSettings) -> None:
        super().__init__()
        residual = settings.subject == "residual"
        names = [field.name for field in _FIELDS]
        sees = [names.index(name) for name in SEEN] if residual else list(range(len(names)))
        outputs = 4 if residual else 1
        self._shapes = list(pairwise((len(sees), *settings.hidden, outputs)))
        self._slope, self._squashed = (_RESIDUAL_SLOPE, False) if residual else (SLOPE, True)
        self.register_buffer("start", torch.tensor(subject.start), persistent=False)
        self.register_buffer("spread", torch.tensor(subject.spread), persistent=False)
        self.register_buffer("takes", torch.tensor(sees), persistent=False)
        self.shifts = nn.Parameter(torch.zeros(len(subject.start)))
        self.log_std = nn.Parameter(torch.full((outputs,), math.log(settings.deviation)))

    def numbers(self) -> Tensor:
        """Return the subject's numbers, float64: of each layer the matrix, row by row, then the biases."""
        return self.start + self.spread * self.shifts.double()

    def forward(self, observations: Tensor) -> Tensor:
        """Return what is said on average."""
        x, at, numbers = observations[:, self.takes], 0, self.numbers().float()
        for layer, (into, out) in enumerate(self._shapes):
            biases = at + into * out
            x = F.linear(x, numbers[at:biases].view(out, into), numbers[biases : biases + out])
            if layer < len(self._shapes) - 1:
                x = F.leaky_relu(x, self._slope)
            at = biases + out
        return torch.tanh(x) if self._squashed else x

    def logprob(self, means: Tensor, said: Tensor) -> Tensor:
        """Return the logarithm of the density of what is ``said``, ``(n,)``."""
        away = (said - means) / self.log_std.exp()
        return (-0.5 * away.square() - self.log_std - 0.5 * math.log(2 * math.pi)).sum(dim=-1)


class Scale(nn.Module):
    """Mean and deviation of returns, each rollout weighted by how new it is (without the bias of a start at 0)."""

    mean: Tensor
    square: Tensor
    weight: Tensor

    def __init__(self, beta: float) -> None:
        super().__init__()
        self._beta = beta
        for name in ("mean", "square", "weight"):
            self.register_buffer(name, torch.zeros((), dtype=torch.float64))

    def update(self, returns: Tensor) -> None:
        """Take new returns, ``(n,)``, into account."""
        new = returns.double()
        for held, value in ((self.mean, new.mean()), (self.square, new.square().mean()), (self.weight, torch.ones(()))):
            held.mul_(self._beta).add_((1 - self._beta) * value)

    def moments(self) -> tuple[float, float]:
        """Return mean and standard deviation; 0 and 1 before any return was seen."""
        if not self.weight:
            return 0.0, 1.0
        mean = float(self.mean / self.weight)
        return mean, math.sqrt(max(float(self.square / self.weight) - mean**2, 1e-4))


class Learner:
    """Actor, critic and their optimisers; ``steps`` are the gradient steps so far."""

    def __init__(self, settings: MappoSettings) -> None:
        self.settings = settings
        rng = stream(settings.seed, Purpose.MODEL)
        self.subject = (
            residual_subject(settings.law, settings.control, rng, settings.hidden)
            if settings.subject == "residual"
            else network_subject(settings.control, rng, settings.hidden)
        )
        generator = torch.Generator().manual_seed(torch_seed(settings.seed, Purpose.MODEL))
        self.actor = Actor(self.subject, settings)
        self.critic = _critic(settings, generator)
        self.scale = Scale(settings.value_beta)
        self._ranges = torch.tensor([*_RANGES, *[_STATE_RANGE] * len(STATE)])
        self._actor_adam = torch.optim.Adam(self.actor.parameters(), settings.actor_lr, eps=1e-5)
        self._critic_adam = torch.optim.Adam(self.critic.parameters(), settings.critic_lr, eps=1e-5)
        self.steps = 0

    @torch.no_grad()
    def say(self, seen: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw what is said, ``(n, k)``, and return the logarithms of its densities, ``(n,)``, too."""
        means = self.actor(seen[:, : len(_RANGES)])
        said = means + self.actor.log_std.exp() * torch.randn(means.shape, generator=generator)
        return said, self.actor.logprob(means, said)

    @torch.no_grad()
    def values(self, seen: Tensor) -> NDArray[np.float64]:
        """Return what the critic thinks will be earned, ``(n,)``, where ``seen``, ``(n, O + S)``, is the case."""
        mean, deviation = self.scale.moments()
        return np.asarray(self._judged(seen).double().numpy() * deviation + mean)

    def improve(self, rollout: Rollout, rng: np.random.Generator) -> Losses:
        """Use ``rollout`` as often as ``update_epochs`` says."""
        s = self.settings
        advantages = np.empty(len(rollout.earned))
        r = rollout
        fill_advantages(r.earned, r.discounts, r.values, r.after, r.following, s.gae_lambda, advantages)
        mean, deviation = self.scale.moments()
        old = torch.from_numpy((rollout.values - mean) / deviation).float()
        returns = torch.from_numpy(advantages + rollout.values)
        self.scale.update(returns)
        mean, deviation = self.scale.moments()
        goals = ((returns - mean) / deviation).float()
        seen, said, before = (torch.from_numpy(part) for part in rollout[:3])
        gains = torch.from_numpy(advantages).float()
        found = []
        for _ in range(s.update_epochs):
            order = torch.from_numpy(rng.permutation(len(gains)))
            for rows in order.tensor_split(s.num_minibatches):
                critic = self._improve_critic(seen[rows], old[rows], goals[rows])
                found.append((critic, *self._improve_actor(seen[rows], said[rows], before[rows], gains[rows])))
                self.steps += 1
        value, policy, kl, clipped = np.mean(found, axis=0).tolist()
        return Losses(policy, value, float(self.actor.log_std.detach().exp().mean()), kl, clipped)

    def _improve_critic(self, seen: Tensor, old: Tensor, goals: Tensor) -> float:
        s = self.settings
        loss = value_loss(self._judged(seen), old, goals, s.clip_coef if s.clip_vloss else math.inf, s.huber_delta)
        self._descend(self._critic_adam, loss, self.critic)
        return float(loss.detach())

    def _improve_actor(self, seen: Tensor, said: Tensor, before: Tensor, gains: Tensor) -> tuple[float, float, float]:
        s = self.settings
        if s.norm_adv:
            gains = (gains - gains.mean()) / (gains.std(correction=0) + 1e-8)
        change = self.actor.logprob(self.actor(seen[:, : len(_RANGES)]), said) - before
        loss = clipped_loss(change.exp(), gains, s.clip_coef)
        entropy = (self.actor.log_std + 0.5 * math.log(2 * math.pi * math.e)).sum()
        self._descend(self._actor_adam, loss - s.ent_coef * entropy, self.actor)
        ratio = change.detach().exp()
        kl = (ratio - 1 - change.detach()).mean()
        return float(loss.detach()), float(kl), float(((ratio - 1).abs() > s.clip_coef).float().mean())

    def _judged(self, seen: Tensor) -> Tensor:
        judged: Tensor = self.critic(seen / self._ranges)
        return judged.squeeze(-1)

    def _descend(self, adam: torch.optim.Adam, loss: Tensor, network: nn.Module) -> None:
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), self.settings.max_grad_norm)
        adam.step()

    def tensors(self) -> dict[str, Tensor]:
        """Return all that further steps depend on, beside ``steps``."""
        return tensors_of(self._modules(), self._optimisers())

    def restore(self, tensors: dict[str, Tensor], steps: int) -> None:
        """Be again what :meth:`tensors` was taken of."""
        restore(self._modules(), self._optimisers(), tensors)
        self.steps = steps

    def _modules(self) -> list[tuple[str, nn.Module]]:
        return [("actor", self.actor), ("critic", self.critic), ("scale", self.scale)]

    def _optimisers(self) -> list[tuple[str, torch.optim.Adam]]:
        return [("actor_adam", self._actor_adam), ("critic_adam", self._critic_adam)]


def clipped_loss(ratio: Tensor, gains: Tensor, clip: float) -> Tensor:
    """Return minus the mean of the smaller of ``ratio * gain`` and the same with ``ratio`` within 1 +- ``clip``."""
    return -torch.minimum(ratio * gains, ratio.clamp(1 - clip, 1 + clip) * gains).mean()


def value_loss(values: Tensor, old: Tensor, goals: Tensor, clip: float, delta: float) -> Tensor:
    """Return the mean of the larger Huber loss: of ``values``, and of them held within ``clip`` of the ``old``."""
    held = old + (values - old).clamp(-clip, clip)
    losses = [F.huber_loss(found, goals, reduction="none", delta=delta) for found in (values, held)]
    return torch.maximum(*losses).mean()


def _critic(settings: MappoSettings, generator: torch.Generator) -> nn.Sequential:
    layers: list[nn.Module] = []
    for into, out in pairwise((len(_RANGES) + len(STATE), *settings.critic_widths)):
        layers += [_orthogonal(into, out, math.sqrt(2), generator), nn.Tanh()]
    return nn.Sequential(*layers, _orthogonal(settings.critic_widths[-1], 1, 1.0, generator))


def _orthogonal(into: int, out: int, gain: float, generator: torch.Generator) -> nn.Linear:
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, into, out)  # type: ignore[no-untyped-call]  # it would draw
    nn.init.orthogonal_(layer.weight, gain, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer
