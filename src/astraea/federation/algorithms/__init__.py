"""Who trains, in which order, and how results become the next model: one file an algorithm."""

from __future__ import annotations

from astraea.federation.algorithms.astraea import Astraea
from astraea.federation.algorithms.base import Algorithm, Recipe, State, Sum, View
from astraea.federation.algorithms.cyclic import Cyclic
from astraea.federation.algorithms.fedavg import FedAvg

__all__ = ["Algorithm", "Astraea", "Cyclic", "FedAvg", "Recipe", "State", "Sum", "View"]
