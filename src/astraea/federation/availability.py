"""Clients that do not answer: who would come if it were invited to a round."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from astraea.parts import Settings
from astraea.seeding import Purpose, stream

__all__ = ["AvailabilitySettings", "available"]


class AvailabilitySettings(Settings):
    """Which clients can be reached in a round."""

    dropout: float = Field(
        0.0, ge=0, lt=1, description="Chance that an invited client does not answer in a round (simulated)."
    )


def available(settings: AvailabilitySettings, clients: int, seed: int, round_: int) -> NDArray[np.bool_]:
    """Return which of ``clients`` would answer an invitation to round ``round_`` (from 0), shape ``(clients,)``."""
    return stream(seed, Purpose.AVAILABILITY, round_).random(clients) >= settings.dropout
