"""What the ablation compares: one training, and others that differ from it in one thing each."""

from __future__ import annotations

from typing import Any

from astraea.congestion import ObservationSettings, WorldRanges
from astraea.congestion.environment.worlds import HOST_NOISE
from astraea.congestion.trainer.td3 import QUICK, Td3Settings

__all__ = ["ABOUT", "ARMS", "BASE", "FASTEST_MBPS", "SMOKE", "UNTRAINED", "settings_of"]

FASTEST_MBPS = 100.0
"""Capacity of the fastest link that is trained for."""

_WORLDS = WorldRanges(
    flows=(2, 4), bandwidth_mbps=(20, FASTEST_MBPS), rtt_ms=(10, 75), buffer_bdp=(0.8, 2), loss=(0, 0.003),
    gap_s=(2, 6), duration_s=30.0, **HOST_NOISE,
)  # fmt: skip
_REWARD = QUICK.reward
_CLEAN = {name: WorldRanges.model_fields[name].default for name in HOST_NOISE}
_ALONE = {"flows": (1, 1)}

BASE = QUICK.model_copy(update={"worlds": _WORLDS})
"""Cooperative: one reward for all flows of a world, critics that see all of it, the features ``packets``."""

UNTRAINED = "untrained"
"""The arm whose actions are all 0: what start-up and common drains do by themselves."""

ARMS: dict[str, tuple[str, dict[str, Any]]] = {
    "cooperative": ("all flows share one reward, critics see the whole world", {}),
    "own reward": (
        "each flow is rewarded for what it gets itself",
        {"reward": _REWARD.model_copy(update={"kind": "own"})},
    ),
    "local critic": ("critics see what the flow sees", {"critic": "local"}),
    "no fairness term": ("", {"reward": _REWARD.model_copy(update={"fairness": 0.0})}),
    "no stability term": ("", {"reward": _REWARD.model_copy(update={"stability": 0.0})}),
    "single flow": ("trained alone on its link", {"worlds": _WORLDS.model_copy(update=_ALONE)}),
    "single flow, rate": (
        "the same, with a rate in place of a window, as Aurora (ICML 2019)",
        {"worlds": _WORLDS.model_copy(update={**_ALONE, "controller": "aurora"})},
    ),
    "published features": (
        "the ten of Astraea (EuroSys'24), with their absolute scales",
        {"observation": ObservationSettings(features="published", history=5)},
    ),
    "scale-free features": (
        "ratios alone, which in theory cannot become fair",
        {"observation": ObservationSettings(features="scale-free")},
    ),
    "clean worlds": (
        "trained without jitter, each packet acknowledged by itself",
        {"worlds": _WORLDS.model_copy(update=_CLEAN)},
    ),
    UNTRAINED: ("nothing is learned: the window stays as start-up and the common drains leave it", {}),
}
"""By name: what it is, and what it changes in :data:`BASE`."""

ABOUT = """
What makes a learned policy share? Each arm changes one thing of a cooperative training by multi-agent TD3; all take as
many decisions and gradient steps. Training worlds hold 2 to 4 flows on 20 to 100 Mbit/s and 10 to 75 ms, with jitter
and acknowledgements that arrive together. Each keeps the actor that earned most of its own reward on validation worlds
of its own kind. Then all play the evaluation's grid, new to all of them: 3 flows, 20 to 400 Mbit/s, half of its links
within the range trained for and half beyond. A link that all leave empty is shared fairly too: Jain's index says little
where utilisation is low.
"""

SMOKE: dict[str, Any] = {
    "worlds_at_once": 4, "learning_starts": 200, "update_flow_steps": 200, "gradient_steps": 4, "updates": 2,
    "validation_worlds": 1, "actor_widths": (8,), "critic_widths": (8, 8), "batch_size": 16, "buffer_size": 2000,
}  # fmt: skip
"""Sizes at which a training ends in seconds: to see that it runs, not what it finds."""


def settings_of(arm: str, seed: int, flow_steps: int, *, smoke: bool = False) -> Td3Settings:
    """Return the training of an arm: 10 epochs, exploration fading over the first third."""
    settings = BASE.model_copy(
        update={**ARMS[arm][1], "seed": seed, "flow_steps": flow_steps, **(SMOKE if smoke else {})}
    )
    update = {
        "updates": max(flow_steps // settings.update_flow_steps // 10, 1),
        "exploration_actions": max(flow_steps // settings.worlds_at_once // 3, 1),
    }
    return settings.model_copy(update=update)
