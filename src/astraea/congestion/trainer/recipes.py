"""The recipes of ``astraea congestion train``: a name, and the settings that it stands for."""

from __future__ import annotations

from collections.abc import Callable

from astraea.congestion.trainer.evolution import EvolutionSettings, network_settings, residual_settings
from astraea.congestion.trainer.mappo.settings import MappoSettings, mappo_settings
from astraea.congestion.trainer.td3.settings import DEEP, QUICK, Td3Settings

__all__ = ["RECIPES", "Recipe"]

Recipe = Callable[..., EvolutionSettings | MappoSettings | Td3Settings]

RECIPES: dict[str, Recipe] = {
    "law": EvolutionSettings,
    "residual": residual_settings,
    "network": network_settings,
    "mappo": mappo_settings,
    "published": Td3Settings,
    "quick": lambda **fields: Td3Settings(**{**QUICK.model_dump(), **fields}),
    "deep": lambda **fields: Td3Settings(**{**DEEP.model_dump(), **fields}),
}
"""By name: what makes its settings, given those fields that differ."""
