"""What a training by MAPPO is made of. Names are those of CleanRL's ``ppo_continuous_action.py``."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from astraea.congestion.connection.settings import PolicySettings
from astraea.congestion.environment.worlds import WorldMix, WorldRanges
from astraea.congestion.policy.law import LAW
from astraea.congestion.policy.layers import WIDEST
from astraea.congestion.policy.policy import shipped_policy
from astraea.congestion.reward import RewardSettings
from astraea.congestion.settings import Settings
from astraea.congestion.trainer.families import mix_of
from astraea.congestion.trainer.fitness import FitnessSettings

__all__ = ["MappoSettings", "mappo_settings"]


class MappoSettings(Settings):
    """How a policy is trained; the defaults are those of a network by itself, in the families of worlds."""

    seed: int = Field(0, ge=0, description="seed of weights, worlds, exploration and batches")
    # what is learned, and from what
    subject: Literal["residual", "network"] = Field(
        "network", description="a network that turns numbers of a law, or a network by itself"
    )
    law: tuple[int, ...] = Field((), description="numbers of the law under a residual, in 1/1024")
    hidden: tuple[int, ...] = Field((32,), min_length=1, description="hidden layers of the actor, at most 32 wide")
    worlds: WorldRanges | WorldMix = Field(mix_of(PolicySettings(gain=0.1)), description="worlds to train in")
    reward: RewardSettings = Field(
        RewardSettings(kind="max-min", credit=0.3), description="what decisions are rewarded for"
    )
    # a rollout
    worlds_at_once: int = Field(32, ge=1, description="worlds stepped side by side")
    num_steps: int = Field(16_384, ge=1, description="decisions of a rollout, of all flows together")
    gamma: float = Field(0.97, ge=0, lt=1, description="discount of what comes later by gamma_s")
    gamma_s: float = Field(0.1, gt=0, description="seconds that the discount is for")
    gae_lambda: float = Field(0.95, ge=0, le=1, description="how far advantages look beyond the critic (GAE)")
    deviation: float = Field(0.5, gt=0, description="standard deviation of what the actor says, at first")
    # an update
    update_epochs: int = Field(5, ge=1, description="passes over a rollout")
    num_minibatches: int = Field(4, ge=1, description="minibatches of a pass")
    clip_coef: float = Field(0.2, gt=0, lt=1, description="how far the probability ratio counts from 1")
    clip_vloss: bool = Field(True, description="whether values are held as near to the old ones")
    norm_adv: bool = Field(True, description="whether advantages of a minibatch are brought to mean 0, deviation 1")
    ent_coef: float = Field(0.0, ge=0, description="coefficient of the entropy")
    huber_delta: float = Field(10.0, gt=0, description="error of a value from which on its loss grows linearly")
    max_grad_norm: float = Field(0.5, gt=0, description="largest norm of a gradient")
    actor_lr: float = Field(3e-3, gt=0, description="Adam's rate for the actor, in spreads of its weights")
    critic_lr: float = Field(5e-4, gt=0, description="Adam's rate for the critic")
    critic_widths: tuple[int, ...] = Field((64, 64), min_length=1, description="hidden layers of the critic")
    value_beta: float = Field(0.9, ge=0, lt=1, description="how much of the returns' scale a rollout keeps")
    # length
    updates: int = Field(4, ge=1, description="updates of an epoch: new worlds, then so many, then a validation")
    flow_steps: int = Field(4_000_000, ge=1, description="decisions after which training ends")
    minutes: float | None = Field(None, gt=0, description="time after which it ends; unset: no limit")
    validation_mixes: int = Field(3, ge=1, description="mixes of 22 worlds for a validation")
    fitness: FitnessSettings = Field(FitnessSettings(), description="what a validation rewards")
    threads: int = Field(1, ge=1, description="threads of the networks and of the worlds")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not all(1 <= width <= WIDEST for width in self.hidden):
            raise ValueError(f"hidden layers are 1 to {WIDEST} wide, got {list(self.hidden)}")
        if self.num_minibatches > self.num_steps:
            raise ValueError(f"num_minibatches {self.num_minibatches} is more than num_steps {self.num_steps}")
        if self.worlds.controller != "policy":
            raise ValueError(f"worlds.controller must be 'policy', got '{self.worlds.controller}'")
        if len(self.law) != (len(LAW) if self.subject == "residual" else 0):
            raise ValueError(f"law must hold the {len(LAW)} numbers of a law for a residual, and none for a network")
        return self

    @property
    def control(self) -> PolicySettings:
        """How actions are applied."""
        return self.worlds.policy


def mappo_settings(**fields: Any) -> MappoSettings:
    """Return the training of a network on top of the shipped law."""
    base = shipped_policy()
    law = {"subject": "residual", "law": tuple(base.weights.tolist()), "worlds": mix_of(base.header.control)}
    return MappoSettings(**{**law, "hidden": (8,), **fields})
