"""The policy inside Linux: a TCP congestion control as an eBPF program, for any connection of the machine.

:func:`obstacle` says whether it can be loaded here; :func:`loaded` loads it for as long as a context lasts, and
:func:`cgroup_default` lets the connections of a cgroup begin under it.
"""

from astraea.congestion.kernel.machine import obstacle
from astraea.congestion.kernel.program import Counters, Program, cgroup_default, loaded

__all__ = ["Counters", "Program", "cgroup_default", "loaded", "obstacle"]
