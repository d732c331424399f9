"""What a training by TD3 is made of: the published numbers as defaults, every one of them free."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from astraea.congestion.connection.settings import PolicySettings
from astraea.congestion.environment.worlds import HOST_NOISE, WorldMix, WorldRanges
from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.reward import PUBLISHED, RewardSettings
from astraea.congestion.settings import Settings
from astraea.congestion.trainer.families import mix_of

__all__ = ["DEEP", "PUBLISHED_WORLDS", "QUICK", "Td3Settings"]

PUBLISHED_WORLDS = WorldRanges(
    flows=(2, 5),
    bandwidth_mbps=(40, 160),
    rtt_ms=(10, 140),
    rtt_ratio=(1, 2),
    buffer_bdp=(0.1, 16),
    gap_s=(1, 10),
    lifetime_s=(20, 120),
    duration_s=60,
    interval_ms=30,
    **HOST_NOISE,
)
"""The published ranges and control interval. How far RTTs of a world differ and how long flows stay was not given;
jitter and acknowledgements that arrive together stand in for the real hosts of the published emulation."""


class Td3Settings(Settings):
    """How a policy is trained; the defaults are those of Astraea (EuroSys'24) as far as they are known."""

    seed: int = Field(0, ge=0, description="seed of weights, worlds, exploration and samples")
    # what is learned from
    worlds: WorldRanges | WorldMix = Field(PUBLISHED_WORLDS, description="worlds to train in")
    observation: ObservationSettings = Field(
        ObservationSettings(features="published", history=5), description="what the actor observes"
    )
    reward: RewardSettings = Field(PUBLISHED, description="what it is rewarded for")
    critic: Literal["central", "local"] = Field(
        "central", description="'central': the critics see the global state too; 'local': what the actor sees"
    )
    # networks
    actor_widths: tuple[int, ...] = Field((256, 128, 64), min_length=1, description="hidden layers of the actor")
    critic_widths: tuple[int, ...] = Field(
        (256, 128, 64), min_length=2, description="hidden layers of each critic; the action joins after the first"
    )
    normalise: bool = Field(True, description="whether batch normalisation follows each hidden layer of the actor")
    # one gradient step
    batch_size: int = Field(192, ge=2, description="transitions of a gradient step")
    actor_lr: float = Field(5e-5, gt=0, description="learning rate of the actor")
    critic_lr: float = Field(1e-3, gt=0, description="learning rate of the critics")
    lr_decay: float = Field(0.96, gt=0, le=1, description="factor on both rates ...")
    lr_decay_every: int = Field(100_000, ge=1, description="... after each so many steps of the actor")
    gamma: float = Field(0.98, ge=0, lt=1, description="discount from one decision to the next")
    gamma_s: float = Field(0.0, ge=0, description="given, the discount is for so many seconds and not for a decision")
    n_steps: int = Field(1, ge=1, le=100, description="decisions of a flow that a transition spans")
    target_clamp: bool = Field(False, description="whether targets are held within what rewards can come to at most")
    actor_starts: int = Field(0, ge=0, description="gradient steps of the critics before the actor moves at all")
    tau: float = Field(0.005, gt=0, le=1, description="how far the target networks move at a step of the actor")
    policy_frequency: int = Field(20, ge=1, description="gradient steps of the critics for one of the actor")
    policy_noise: float = Field(0.05, ge=0, description="standard deviation of the noise on the target's action")
    noise_clip: float = Field(0.1, ge=0, description="largest such noise")
    action_l2: float = Field(
        0.0, ge=0, description="coefficient of the actor's mean square before its tanh, which keeps it from saturating"
    )
    # experience
    buffer_size: int = Field(400_000, ge=1, description="transitions that are kept")
    learning_starts: int = Field(20_000, ge=1, description="transitions before the first gradient step")
    worlds_at_once: int = Field(32, ge=1, description="worlds stepped side by side")
    update_flow_steps: int = Field(10_000, ge=1, description="decisions between updates: 5 s of 60 flows, as published")
    gradient_steps: int = Field(20, ge=1, description="gradient steps of an update")
    epsilon: float = Field(1.0, ge=0, le=1, description="probability of a random action at the start")
    epsilon_end: float = Field(0.05, ge=0, le=1, description="the same at the end of exploration")
    noise_s: float = Field(
        0.0,
        ge=0,
        description="given, actions are moved by epsilon times noise that lasts so many seconds, and none is replaced",
    )
    exploration_actions: int = Field(
        1_500_000, ge=1, description="decisions over which it falls, for each of the worlds side by side"
    )
    # length
    updates: int = Field(100, ge=1, description="updates of an epoch: new worlds, then so many, then a validation")
    flow_steps: int = Field(200_000_000, ge=1, description="decisions after which training ends")
    minutes: float | None = Field(180.0, gt=0, description="time after which it ends; unset: no limit")
    validation_worlds: int = Field(12, ge=1, description="worlds of a validation, drawn like those of training")
    checkpoint_minutes: float = Field(5.0, ge=0, description="least time between checkpoints")
    threads: int = Field(1, ge=1, description="threads of the networks and of the worlds")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.learning_starts > self.buffer_size or self.batch_size > self.learning_starts:
            raise ValueError(
                f"batch_size {self.batch_size}, learning_starts {self.learning_starts} and buffer_size "
                f"{self.buffer_size} must not fall in this order: a batch is drawn from what the buffer then holds"
            )
        if self.epsilon_end > self.epsilon:
            raise ValueError("epsilon_end must not lie above epsilon: exploration fades")
        return self


QUICK = Td3Settings(
    reward=RewardSettings(),
    observation=ObservationSettings(),
    worlds=PUBLISHED_WORLDS.model_copy(update={"duration_s": 30.0, "lifetime_s": None, "interval_ms": 0.0}),
    actor_widths=(64, 32),
    critic_widths=(128, 64),
    normalise=False,
    batch_size=128,
    actor_lr=3e-4,
    gamma=0.95,
    tau=0.02,
    policy_frequency=2,
    action_l2=0.02,
    worlds_at_once=32,
    learning_starts=5_000,
    update_flow_steps=1_000,
    gradient_steps=50,
    exploration_actions=5_000,
    updates=40,
    flow_steps=1_000_000,
    minutes=None,
)
"""Small nets, many gradient steps for each decision, features that tell a share, and a reward whose fairness counts:
learns in minutes."""

DEEP = QUICK.model_copy(
    update={
        "worlds": mix_of(PolicySettings(gain=0.1)),
        "reward": RewardSettings(kind="max-min", credit=0.3),
        "actor_widths": (32,),
        "gamma": 0.97,
        "gamma_s": 0.1,
        "n_steps": 5,
        "target_clamp": True,
        "actor_starts": 500,
        "epsilon": 0.5,
        "noise_s": 0.3,
        "worlds_at_once": 16,
        "exploration_actions": 60_000,
        "flow_steps": 4_000_000,
    }
)
"""The law's families and noisy worlds, a horizon in seconds, exploration that lasts, credit for a flow's own distance;
at most 32 wide."""
