"""Where a plan runs."""

from __future__ import annotations

from astraea.engines.serial import SerialEngine
from astraea.engines.settings import EngineSettings, make_engine

__all__ = ["EngineSettings", "SerialEngine", "make_engine"]
