"""What is compared: the same worlds and the same return for a law, a network on top of one, and networks alone."""

from __future__ import annotations

from typing import Any

from astraea.congestion.trainer.evolution import EvolutionSettings, network_settings, residual_settings
from astraea.congestion.trainer.mappo import MappoSettings
from astraea.congestion.trainer.recipes import RECIPES
from astraea.congestion.trainer.td3 import DEEP, Td3Settings

__all__ = ["ARMS", "Training", "settings_of"]

ARMS: dict[str, str] = {
    "law": "eighteen numbers by CMA-ES, from where every search for a law begins",
    "residual": "a network of 8 units that turns four numbers of the shipped law, by an evolution strategy",
    "network": "a network of 8 units by itself, by an evolution strategy",
    "matd3": "a network of 32 units by itself, by multi-agent TD3 (recipe `deep`)",
    "mappo": "a network of 32 units by itself, by MAPPO",
    "mappo on the law": "a network of 8 units that turns four numbers of the shipped law, by MAPPO (recipe `mappo`)",
}

Training = EvolutionSettings | MappoSettings | Td3Settings

_ENDLESS = 1 << 40  # decisions: time ends a training
_DECISIONS = 360_000  # that MATD3 takes about in a minute of a processor; exploration fades in a third of them


def settings_of(arm: str, seed: int, minutes: float) -> Training:
    """Return the training of an arm that has so many minutes of a processor."""
    if arm.startswith("mappo"):
        make = MappoSettings if arm == "mappo" else RECIPES["mappo"]
        return make(seed=seed, minutes=minutes, flow_steps=_ENDLESS, num_steps=8192, updates=8)
    if arm == "matd3":
        fades = max(round(minutes * _DECISIONS / 3 / DEEP.worlds_at_once), 1)
        fields: dict[str, Any] = {"flow_steps": _ENDLESS, "checkpoint_minutes": 1.0, "exploration_actions": fades}
        return RECIPES["deep"](seed=seed, minutes=minutes, **fields)
    length: dict[str, Any] = {"seed": seed, "validate_every": 3, "validation_mixes": 4}
    if arm == "law":
        return EvolutionSettings(noisy=True, each=1, **length)
    return (residual_settings if arm == "residual" else network_settings)(**length)
