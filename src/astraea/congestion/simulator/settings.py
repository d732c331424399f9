"""What a world is made of, as typed settings: links, flows, and how long it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from astraea.congestion.connection.settings import PolicySettings
from astraea.congestion.controllers.controller import Controller
from astraea.congestion.controllers.cubic import Cubic
from astraea.congestion.settings import Settings
from astraea.errors import InputError, unknown_name

__all__ = ["FlowSettings", "LinkSettings", "RandomWalk", "Turn", "Turns", "WorldSettings", "link_number"]

Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Capacity = Annotated[float, Field(gt=0, le=1e6)]
Delay = Annotated[float, Field(ge=0, le=1e5)]
Period = Annotated[float, Field(ge=0.001, le=1e6)]


class RandomWalk(Settings):
    """A capacity that walks at random on a logarithmic scale, reflected at its bounds."""

    low_mbps: Capacity = Field(10.0, description="least capacity in Mbit/s")
    high_mbps: Capacity = Field(200.0, description="greatest capacity in Mbit/s")
    every_s: Period = Field(1.0, description="time between changes")
    change: Positive = Field(0.2, description="standard deviation of a change, of the logarithm of the capacity")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low_mbps > self.high_mbps:
            raise ValueError(f"low_mbps {self.low_mbps} is above high_mbps {self.high_mbps}: swap them")
        return self


class LinkSettings(Settings):
    """One direction of a link with a first-in-first-out queue that drops what does not fit."""

    name: str = Field("bottleneck", min_length=1, description="name by which paths refer to the link")
    capacity_mbps: Capacity = Field(100.0, description="capacity in Mbit/s; where a random walk begins")
    delay_ms: Delay = Field(15.0, description="propagation delay in one direction, in ms")
    buffer_bytes: int = Field(375_000, ge=1, description="most bytes queued; at least one packet")
    loss: Share = Field(0.0, description="probability that a packet is lost on the wire")
    mark_above_bytes: int | None = Field(None, ge=0, description="backlog above which packets are marked (ECN)")
    codel_target_ms: Positive | None = Field(None, description="CoDel's target delay, usually 5 ms; unset: no CoDel")
    codel_interval_ms: Positive = Field(100.0, description="CoDel's interval: how long a delay must last")
    codel_marks: bool = Field(False, description="whether CoDel marks packets instead of dropping them")
    steps: tuple[tuple[float, float], ...] = Field(
        (), description="capacity over time: pairs of start (s, the first 0) and Mbit/s"
    )
    delay_steps: tuple[tuple[float, float], ...] = Field(
        (), description="what is added to delay_ms over time: pairs of start (s, the first 0) and ms"
    )
    walk: RandomWalk | None = Field(None, description="capacity that walks at random")
    trace: Path | None = Field(None, description="capacity from a file in mahimahi's format, repeated")
    trace_offset_s: NotNegative = Field(0.0, description="where in the trace the world begins")

    @model_validator(mode="after")
    def _one_capacity(self) -> Self:
        if bool(self.steps) + (self.walk is not None) + (self.trace is not None) > 1:
            raise ValueError(f"link '{self.name}' has several of steps, walk and trace: keep one")
        return self


class Turn(Settings):
    """Where a flow waits for its turn, and before whom it has it."""

    link: str = Field(description="name of the link that a few flows may use at a time")
    priority: float = Field(0.0, description="the highest goes first; the first in order of equal")
    asks_mbps: Capacity = Field(1e6, description="rate it could send at alone: more are let in to fill the link")


class Turns(Settings):
    """How flows that have a turn take it."""

    few: int = Field(
        3, ge=1, description="without preemption: flows at a time, or more if they could not fill the link"
    )
    preempt: bool = Field(True, description="whether a flow pauses while others of higher priority send")
    heaviest: NotNegative = Field(
        0.0, description="weight of the first, a quarter of it for the next, and so on down to 1; 0: as parameter says"
    )


class FlowSettings(Settings):
    """One sender, its path and what it has to send."""

    name: str = Field("", description="name in results; empty: its controller and number")
    controller: Controller = Field(Cubic(), description="congestion controller")
    parameter: Positive = Field(
        1.0,
        description="the one free number of a controller: the window of fixed, the weight of policy, cubic, newreno",
    )
    path: tuple[str, ...] = Field(
        (), description="names of the links it crosses, in order; empty: all of them but those of its way back"
    )
    back: tuple[str, ...] = Field(
        (), description="names of the links that its acknowledgements cross, in order; empty: they meet no queue"
    )
    ack_bytes: int = Field(40, ge=1, le=9000, description="bytes of an acknowledgement on the wire")
    turn: Turn | None = Field(None, description="where it waits for its turn; unset: nowhere")
    rtt_ms: Annotated[float, Field(gt=0, le=1e5)] | None = Field(
        None,
        description="round-trip time without queues and transmission; unset: the delays of path and way back, or twice "
        "those of the path",
    )
    start_s: NotNegative = Field(0.0, description="when it starts")
    after: str | None = Field(
        None, description="name of a flow of finite size: start_s counts from when its last byte has arrived"
    )
    end_s: Positive | None = Field(None, description="when it leaves; unset: with the world")
    size_bytes: int | None = Field(None, ge=1, description="data to send in all; unset: without end")
    transfer_bytes: int | None = Field(None, ge=1, description="data of one of many transfers; unset: one transfer")
    transfer_every_s: Period = Field(1.0, description="time between the starts of transfers")
    app_mbps: Capacity | None = Field(None, description="rate at which the application hands over data")
    app_chunk_packets: int = Field(1, ge=1, description="packets the application hands over at a time")
    app_arrivals: Literal["regular", "poisson"] = Field("regular", description="how hand-overs are spaced")
    paced: bool = Field(False, description="whether a window is paced over the round trip, as Linux does under fq")
    burst_packets: int = Field(1, ge=1, le=64, description="packets sent back to back (segmentation offload)")
    ack_every: int = Field(1, ge=1, le=64, description="packets an acknowledgement covers (2: delayed)")
    ack_timeout_ms: Positive = Field(40.0, description="longest an acknowledgement is held back")
    ack_slot_ms: NotNegative = Field(0.0, description="acknowledgements arrive together at multiples of this time")
    jitter_ms: NotNegative = Field(0.0, description="mean of an exponential delay each packet suffers, in order")
    clock_s: Annotated[float, Field(ge=-1e6, le=1e6)] = Field(
        0.0, description="how far the clock its controller reads is ahead of the world's, in s"
    )
    clock_ppm: Annotated[int, Field(ge=-1000, le=1000)] = Field(
        0, description="by how many millionths that clock runs fast"
    )

    @model_validator(mode="after")
    def _one_application(self) -> Self:
        if self.transfer_bytes is not None and self.app_mbps is not None:
            raise ValueError("a flow has either transfers or an application's rate: unset transfer_bytes or app_mbps")
        return self


class WorldSettings(Settings):
    """A whole simulation."""

    links: tuple[LinkSettings, ...] = Field((LinkSettings(),), min_length=1, description="links by name")
    flows: tuple[FlowSettings, ...] = Field(
        (FlowSettings(),), min_length=1, max_length=4096, description="flows that compete"
    )
    duration_s: Annotated[float, Field(gt=0, le=1e6)] = Field(30.0, description="virtual time simulated")
    seed: int = Field(0, ge=0, description="seed of every random number in the world")
    packet_bytes: int = Field(1500, ge=64, le=9000, description="bytes of a packet on the wire")
    sample_ms: NotNegative = Field(100.0, description="time between samples of the series; 0: none")
    interval_ms: NotNegative = Field(0.0, description="control interval; 0: max(30 ms, srtt / 2), per flow")
    rto_min_ms: Positive = Field(200.0, description="least retransmission timeout beyond the round-trip time")
    window_max_packets: int = Field(1 << 20, ge=4, le=1 << 24, description="receive window in packets")
    turns: Turns = Field(Turns(), description="how flows that wait for their turn take it")
    policy: PolicySettings = Field(PolicySettings(), description="how actions from outside are applied")

    def ways(self) -> list[tuple[list[int], list[int]]]:
        """Return for each flow the numbers of the links that its data crosses, and its acknowledgements.

        Raises :class:`astraea.errors.InputError` for a link that is not there, and where none is left for data.
        """
        numbers = {link.name: j for j, link in enumerate(self.links)}
        found = []
        for flow in self.flows:
            path, back = ([link_number(name, numbers) for name in names] for names in (flow.path, flow.back))
            path = path or [j for j in numbers.values() if j not in back]
            if not path:
                raise InputError("a flow whose way back is all the links has none to send over: name its path")
            found.append((path, back))
        return found

    def delay_ms(self, way: list[int]) -> float:
        """Return how long the links with these numbers take without queues and transmission, in ms."""
        return sum(self.links[j].delay_ms for j in way)

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        for name, value in (("sample_ms", self.sample_ms), ("interval_ms", self.interval_ms)):
            if 0 < value < 1:
                raise ValueError(f"{name} is {value}: choose at least 1 ms, or 0")
        return self


def link_number(name: str, known: dict[str, int]) -> int:
    """Return the number of link ``name``; :class:`astraea.errors.InputError` if it is not ``known``."""
    if name not in known:
        raise unknown_name("link", name, known)
    return known[name]
