"""How windows and rates follow actions from outside."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from astraea.congestion.connection.fixed_point import ONE
from astraea.congestion.connection.record import INF
from astraea.congestion.settings import Settings

__all__ = ["PolicySettings", "RangeSettings"]


class RangeSettings(Settings):
    """What a policy is for: outside, its window grows as CUBIC's (RFC 9438) instead."""

    rtt_ms_least: float = Field(5.0, ge=0, allow_inf_nan=False, description="least base RTT in ms")
    rtt_ms_most: float = Field(1000.0, gt=0, allow_inf_nan=False, description="largest base RTT in ms")
    window_most: int = Field(1 << 16, ge=1, le=1 << 22, description="largest window in packets")
    jitter_most: float = Field(
        0.5, ge=0, le=1024, description="largest mean difference of successive RTTs, as a part of the smoothed RTT"
    )
    limited_s_most: float = Field(
        5.0, ge=0, allow_inf_nan=False, description="how long the application may leave the window unfilled, in s"
    )


class PolicySettings(Settings):
    """How windows and rates follow actions from outside."""

    gain: Annotated[float, Field(gt=0, lt=1)] = Field(0.025, description="relative change at an action of 1")
    refresh_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        10.0, description="age at which a base RTT is renewed; unset: never"
    )
    rivals: bool = Field(True, description="whether the window believes in rivals at all")
    ranges: RangeSettings = Field(RangeSettings(), description="where its actions are applied at all")

    def fields(self) -> dict[str, float]:
        """Return the fields of a connection that hold these settings."""
        ranges = self.ranges
        return {
            "gain": self.gain,
            "refresh_after": INF if self.refresh_s is None else round(self.refresh_s * 1e9),
            "wary": int(self.rivals),
            "rtt_least": round(ranges.rtt_ms_least * 1e6),
            "rtt_most": round(ranges.rtt_ms_most * 1e6),
            "window_most": ranges.window_most,
            "jitter_most": round(ranges.jitter_most * ONE),
            "limited_most": round(ranges.limited_s_most * 1e9),
        }
