"""How windows and rates follow actions from outside."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from astraea.congestion.settings import Settings

__all__ = ["PolicySettings"]


class PolicySettings(Settings):
    """How windows and rates follow actions from outside."""

    gain: Annotated[float, Field(gt=0, lt=1)] = Field(0.025, description="relative change at an action of 1")
    refresh_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        10.0, description="age at which a base RTT is renewed; unset: never"
    )
