"""Multi-agent TD3: one actor that all flows share, critics that see the whole world, as Astraea published it."""

from astraea.congestion.trainer.td3.settings import DEEP, QUICK, Td3Settings
from astraea.congestion.trainer.td3.training import train_td3

__all__ = ["DEEP", "QUICK", "Td3Settings", "train_td3"]
