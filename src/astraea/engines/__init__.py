"""Where a plan runs."""

from __future__ import annotations

from astraea.engines.processes import ProcessesEngine
from astraea.engines.serial import SerialEngine
from astraea.engines.settings import EngineSettings
from astraea.engines.stacked import StackedEngine

__all__ = ["EngineSettings", "ProcessesEngine", "SerialEngine", "StackedEngine"]
