"""What the server makes of a hand-over before it passes it on: one file a defence."""

from __future__ import annotations

from astraea.federation.defences.base import Defence, Guard
from astraea.federation.defences.clip import Clip
from astraea.federation.defences.direction import Direction
from astraea.federation.defences.finite import Finite
from astraea.federation.defences.probe import Probe

__all__ = ["Clip", "Defence", "Direction", "Finite", "Guard", "Probe"]
