"""Real TCP connections of this machine's kernel over an emulated link, scored as simulated ones are.

:func:`emulate` plays a world, :func:`obstacle` says whether it can be done here, and :class:`Wire` is the emulated
link alone, for any program that runs in its namespaces.
"""

from astraea.congestion.emulation.emulate import Emulation, EmulationSettings, emulate
from astraea.congestion.emulation.machine import obstacle
from astraea.congestion.emulation.wire import Wire
from astraea.congestion.emulation.worlds import kernel_world

__all__ = ["Emulation", "EmulationSettings", "Wire", "emulate", "kernel_world", "obstacle"]
