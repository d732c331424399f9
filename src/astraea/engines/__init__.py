"""Where a plan runs."""

from __future__ import annotations

from astraea.engines.processes import ProcessesEngine
from astraea.engines.serial import SerialEngine
from astraea.engines.settings import ENGINES, EngineSettings, make_engine

__all__ = ["ENGINES", "EngineSettings", "ProcessesEngine", "SerialEngine", "make_engine"]
