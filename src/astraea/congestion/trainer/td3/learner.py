"""TD3: twin delayed deterministic policy gradients (Fujimoto et al., ICML 2018), on what all flows have experienced.

The actor sees what one flow observes; the critics, which only training needs, see the global state too and the
flow's own action, so that their size does not depend on the number of flows (Astraea, EuroSys'24).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from astraea.congestion.trainer.td3.buffer import Batch
from astraea.congestion.trainer.td3.networks import Actor, TwinCritic
from astraea.congestion.trainer.td3.settings import Td3Settings
from astraea.congestion.trainer.tensors import restore, tensors_of
from astraea.seeding import Purpose, torch_seed

__all__ = ["Learner", "Losses", "follow", "largest_return", "targets"]

_SHORTEST_S = 0.03  # of a control interval


class Losses(NamedTuple):
    """Means over the gradient steps of an update."""

    critic: float
    value: float  # what the first critic thinks of what was done
    actor: float | None  # minus what it thinks of what the actor would do; None if the actor was not moved


class Learner:
    """Actor and critics, their targets and optimisers; ``steps`` are the gradient steps so far."""

    def __init__(self, settings: Td3Settings, seen: int) -> None:
        self.settings = settings
        self._sees = settings.observation.size
        generator = torch.Generator().manual_seed(torch_seed(settings.seed, Purpose.MODEL))
        widths = (self._sees, *settings.actor_widths, 1)
        self.actor = Actor(widths, settings.normalise, generator)
        self.critic = TwinCritic(seen, settings.critic_widths, generator)
        self.actor_target = Actor(widths, settings.normalise, generator).requires_grad_(False)
        self.critic_target = TwinCritic(seen, settings.critic_widths, generator).requires_grad_(False)
        self.actor_target.load_state_dict(self.actor.state_dict())
        self.critic_target.load_state_dict(self.critic.state_dict())
        for network in (self.actor, self.actor_target):
            network.eval()
        self._actor_adam = torch.optim.Adam(self.actor.parameters(), settings.actor_lr, fused=True)
        self._critic_adam = torch.optim.Adam(self.critic.parameters(), settings.critic_lr, fused=True)
        self._most = largest_return(settings) if settings.target_clamp else math.inf
        self.steps = 0

    @torch.no_grad()
    def act(self, observations: Tensor) -> Tensor:
        """Return the actor's actions, shape ``(n,)``, by its running moments."""
        actions: Tensor = self.actor(observations)
        return actions

    def improve(self, batches: list[Batch], noise: torch.Generator) -> Losses:
        """Take a gradient step on each of ``batches``; actor and targets move at every ``policy_frequency``-th."""
        critic, value = torch.zeros(()), torch.zeros(())
        actor: list[Tensor] = []
        for batch in batches:
            loss, values = self._improve_critics(batch, noise)
            critic += loss
            value += values
            self.steps += 1
            if self.steps % self.settings.policy_frequency == 0:
                if self.steps > self.settings.actor_starts:
                    actor.append(self._improve_actor(batch))
                follow(self.actor_target, self.actor, self.settings.tau)
                follow(self.critic_target, self.critic, self.settings.tau)
        count = len(batches)
        return Losses(float(critic) / count, float(value) / count, float(torch.stack(actor).mean()) if actor else None)

    def _improve_critics(self, batch: Batch, noise: torch.Generator) -> tuple[Tensor, Tensor]:
        s = self.settings
        with torch.no_grad():
            shifts = torch.randn(len(batch.action), generator=noise) * s.policy_noise
            shifts.clamp_(-s.noise_clip, s.noise_clip)
            actions = (self.actor_target(batch.next_seen[:, : self._sees]) + shifts).clamp(-1, 1)
            goal = targets(batch, self.critic_target(batch.next_seen, actions), self._most)
        values = self.critic(batch.seen, batch.action)
        loss: Tensor = 2 * F.huber_loss(values, goal.expand_as(values))  # the sum of both critics' means
        self._descend(self._critic_adam, loss, s.critic_lr)
        return loss.detach(), values[0].detach().mean()

    def _improve_actor(self, batch: Batch) -> Tensor:
        self.actor.train()
        drive = self.actor.drive(batch.seen[:, : self._sees])
        self.actor.eval()
        self.critic.requires_grad_(False)
        loss: Tensor = -self.critic(batch.seen, torch.tanh(drive))[0].mean()
        self.critic.requires_grad_(True)
        if self.settings.action_l2:
            loss = loss + self.settings.action_l2 * drive.square().mean()
        self._descend(self._actor_adam, loss, self.settings.actor_lr)
        return loss.detach()

    def _descend(self, adam: torch.optim.Adam, loss: Tensor, rate: float) -> None:
        actor_steps = self.steps // self.settings.policy_frequency
        adam.param_groups[0]["lr"] = rate * self.settings.lr_decay ** (actor_steps // self.settings.lr_decay_every)
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()

    def tensors(self) -> dict[str, Tensor]:
        """Return all that further steps depend on, beside ``steps``."""
        return tensors_of(self._networks(), self._optimisers())

    def restore(self, tensors: dict[str, Tensor], steps: int) -> None:
        """Be again what :meth:`tensors` was taken of."""
        restore(self._networks(), self._optimisers(), tensors)
        self.steps = steps

    def _networks(self) -> list[tuple[str, nn.Module]]:
        names = ("actor", "critic", "actor_target", "critic_target")
        return [(name, getattr(self, name)) for name in names]

    def _optimisers(self) -> list[tuple[str, torch.optim.Adam]]:
        return [("actor_adam", self._actor_adam), ("critic_adam", self._critic_adam)]


def targets(batch: Batch, values: Tensor, most: float = math.inf) -> Tensor:
    """Return the clipped double-Q targets, ``(n,)``: reward + discount * the smaller of ``values``, ``(2, n)``.

    They are held within ``most``, which no sum of rewards can exceed, whatever the critics think.
    """
    return (batch.reward + batch.discount * values.amin(dim=0)).clamp(-most, most)


def largest_return(settings: Td3Settings) -> float:
    """Return what rewards come to at most, discounted, if every interval is the shortest, 30 ms."""
    gamma = settings.gamma ** (_SHORTEST_S / settings.gamma_s) if settings.gamma_s else settings.gamma
    return settings.reward.limit / (1 - gamma)


@torch.no_grad()
def follow(target: nn.Module, source: nn.Module, tau: float) -> None:
    """Move the parameters of ``target`` by ``tau`` of the way to ``source``, and take over its running moments."""
    for slow, fast in zip(target.parameters(), source.parameters(), strict=True):
        slow.lerp_(fast, tau)
    for held, moment in zip(target.buffers(), source.buffers(), strict=True):
        held.copy_(moment)
