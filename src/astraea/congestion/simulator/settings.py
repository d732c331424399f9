"""What a world is made of, as typed settings: links, flows, and how long it runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from astraea.errors import InputError

__all__ = ["FlowSettings", "LinkSettings", "WorldSettings"]

Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            message = first["msg"].removeprefix("Value error, ")
            raise InputError(f"{field}: {message}" if field else message) from None


class LinkSettings(_Settings):
    """One direction of a link with a first-in-first-out queue that drops what does not fit."""

    name: str = Field("bottleneck", description="name by which paths refer to the link")
    capacity_mbps: Positive = Field(100.0, description="capacity in Mbit/s")
    delay_ms: NotNegative = Field(15.0, description="propagation delay in one direction, in ms")
    buffer_bytes: int = Field(375_000, ge=1, description="most bytes queued; at least one packet")
    loss: Share = Field(0.0, description="probability that a packet is lost on the wire")
    mark_above_bytes: int | None = Field(None, ge=0, description="backlog above which packets are marked (ECN)")


class FlowSettings(_Settings):
    """One sender, its path and what it has to send."""

    name: str = Field("", description="name in results; empty: its controller and number")
    controller: str = Field("cubic", description="congestion controller")
    parameter: NotNegative = Field(
        1.0, description="the controller's free number: the window of 'fixed', the weight of 'policy'"
    )
    path: tuple[str, ...] = Field((), description="names of the links it crosses, in order; empty: all of them")
    rtt_ms: Positive | None = Field(
        None, description="round-trip time without queues and transmission; unset: twice the path's delays"
    )
    start_s: NotNegative = Field(0.0, description="when it starts")
    end_s: Positive | None = Field(None, description="when it leaves; unset: with the world")
    size_bytes: int | None = Field(None, ge=1, description="data to send in all; unset: without end")
    app_mbps: Positive | None = Field(None, description="rate at which the application hands over data")
    app_chunk_packets: int = Field(1, ge=1, description="packets the application hands over at a time")
    app_arrivals: Literal["regular", "poisson"] = Field("regular", description="how hand-overs are spaced")
    ack_every: int = Field(1, ge=1, description="packets an acknowledgement covers")
    ack_timeout_ms: Positive = Field(40.0, description="longest an acknowledgement is held back")
    ack_slot_ms: NotNegative = Field(0.0, description="acknowledgements arrive together at multiples of this time")
    jitter_ms: NotNegative = Field(0.0, description="mean of an exponential delay each packet suffers, in order")
    burst_packets: int = Field(1, ge=1, description="packets sent back to back (segmentation offload)")


class WorldSettings(_Settings):
    """A whole simulation."""

    links: tuple[LinkSettings, ...] = Field((LinkSettings(),), min_length=1, description="links by name")
    flows: tuple[FlowSettings, ...] = Field((FlowSettings(),), min_length=1, description="flows that compete")
    duration_s: Positive = Field(30.0, description="virtual time simulated")
    seed: int = Field(0, ge=0, description="seed of every random number in the world")
    packet_bytes: int = Field(1500, ge=64, le=9000, description="bytes of a packet on the wire")
    sample_ms: NotNegative = Field(100.0, description="time between samples of the series; 0: none")
    interval_ms: NotNegative = Field(0.0, description="control interval; 0: max(30 ms, srtt / 2), per flow")
    rto_min_ms: Positive = Field(200.0, description="least retransmission timeout beyond the round-trip time")
    window_max_packets: int = Field(1 << 20, ge=4, description="receive window in packets")
