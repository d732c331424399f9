"""Where a plan runs."""

from __future__ import annotations

from astraea.engines.processes import ProcessesEngine
from astraea.engines.serial import SerialEngine
from astraea.engines.settings import ENGINES, EngineSettings, make_engine
from astraea.engines.stacked import StackedEngine

__all__ = ["ENGINES", "EngineSettings", "ProcessesEngine", "SerialEngine", "StackedEngine", "make_engine"]
