"""MAPPO: proximal policy optimisation, one actor that all flows share, and a critic that sees the whole world."""

from astraea.congestion.trainer.mappo.settings import MappoSettings, mappo_settings
from astraea.congestion.trainer.mappo.training import train_mappo

__all__ = ["MappoSettings", "mappo_settings", "train_mappo"]
