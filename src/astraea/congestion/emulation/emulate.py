"""Play a world with the kernel's own TCP senders, and return what became of it as the simulator does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import Field

from astraea.congestion.emulation import bandit
from astraea.congestion.emulation.machine import controllers as kernel_controllers
from astraea.congestion.emulation.outcome import outcome
from astraea.congestion.emulation.senders import Sending, play
from astraea.congestion.emulation.wire import CEILING_MBPS, Report, Wire
from astraea.congestion.emulation.worlds import check_world
from astraea.congestion.kernel import Program, loaded, obstacle
from astraea.congestion.metrics.shares import base_rtts_ms
from astraea.congestion.policy.policy import Policy
from astraea.congestion.settings import Settings
from astraea.congestion.simulator.results import Result
from astraea.congestion.simulator.schedules import schedule_of
from astraea.congestion.simulator.settings import WorldSettings
from astraea.errors import InputError, RunError, unknown_name
from astraea.seeding import Purpose, stream

__all__ = ["Emulation", "EmulationSettings", "emulate"]

_OURS = "astraea"
_LATE_SHARE = "1 in 100"
_LIMITED = 0.05


class EmulationSettings(Settings):
    """How a world is emulated."""

    offload: bool = Field(True, description="whether TCP hands over bursts of packets (segmentation offload)")
    late_ms: float = Field(
        1.0,
        gt=0,
        description="a run is rejected if 1 packet in 100 is handed over later than that",
    )


@dataclass(frozen=True)
class Emulation:
    """What became of a world in the kernel, how well it was emulated, and how busy the machine was."""

    result: Result
    relay: Report
    controllers: tuple[str, ...]  # the kernel's names
    fallback: float | None  # share of the time of flows under astraea in which its policy was set aside; None: no such
    load: float  # runnable processes of the machine at the end, mean over a minute


def emulate(
    world: WorldSettings,
    controllers: Sequence[str],
    settings: EmulationSettings | None = None,
    tell: Callable[[float, Sequence[Sending]], None] | None = None,
    policy: Policy | None = None,
) -> Emulation:
    """Play ``world`` in real time, flow ``i`` under the kernel's congestion controller ``controllers[i]``.

    ``astraea`` is ``policy``, by default the one that comes with the package, loaded for the time being; ``bandit``
    chooses among :data:`astraea.congestion.emulation.bandit.ARMS` as it goes. ``tell`` is called at every sample with
    the time and the flows so far. Raises :class:`InputError` for a world that cannot be emulated, and
    :class:`RunError` where the machine does not allow it or was too busy to keep to the link's times.
    """
    chosen = settings or EmulationSettings()
    check_world(world)
    if not world.sample_ms:
        raise InputError("an emulation needs samples: set sample_ms above 0")
    if len(controllers) != len(world.flows):
        raise InputError(f"{len(controllers)} controllers were named for {len(world.flows)} flows")
    link = world.links[0]
    fastest = _fastest_mbps(world)
    if fastest > CEILING_MBPS:
        raise InputError(
            f"the link reaches {fastest:g} Mbit/s, and the relay keeps to its times up to {CEILING_MBPS:g}: slow down"
        )
    _known(controllers)
    rtts = base_rtts_ms(world)
    longest = max(rtts) + max((ms for _, ms in link.delay_steps), default=0.0)
    waiting = 3 * (fastest * 125 * longest + link.buffer_bytes)  # a window's data and what the kernel keeps with it
    with (
        _learned(controllers, policy) as (names, program),
        Wire(
            link,
            rtts_ms=rtts,
            duration_s=world.duration_s,
            sample_ms=world.sample_ms,
            seed=world.seed,
            bursts=chosen.offload,
            mtu=world.packet_bytes,
        ) as wire,
    ):
        room = int(waiting + fastest * 125_000 * 0.5) + (1 << 20)
        choosers = {
            number: bandit.Bandit(stream(world.seed, Purpose.WORLD, 3, number))
            for number, name in enumerate(controllers)
            if name == bandit.NAME
        }
        first = [choosers[number].playing if number in choosers else name for number, name in enumerate(names)]
        plays = play(wire, world.flows, first, world.duration_s, world.sample_ms * 1e-3, room, tell, choosers)
        report = wire.report()
        fallback = None if program is None else program.counters().fallback
    _judge(report, chosen, plays)
    return Emulation(outcome(world, plays, report), report, tuple(controllers), fallback, os.getloadavg()[0])


@contextmanager
def _learned(controllers: Sequence[str], policy: Policy | None) -> Iterator[tuple[list[str], Program | None]]:
    """Load the policy, if a flow asks for it, under a name of this process's own; yield the names to ask for."""
    if _OURS not in controllers:
        yield list(controllers), None
        return
    if (lack := obstacle()) is not None:
        raise RunError(lack)
    name = f"{_OURS}_{os.getpid()}"[:15]
    with loaded(name, policy) as program:
        yield [name if one == _OURS else one for one in controllers], program


def _known(controllers: Sequence[str]) -> None:
    have = kernel_controllers()
    known = {*have, _OURS, bandit.NAME}
    for name in controllers:
        if name == bandit.NAME and (lacking := [arm for arm in bandit.ARMS if arm not in have]):
            raise RunError(f"the bandit chooses among {', '.join(bandit.ARMS)}: modprobe tcp_{lacking[0]}")
        if name not in known:
            raise unknown_name("congestion controller of this kernel", name, known)


def _fastest_mbps(world: WorldSettings) -> float:
    """Return the greatest capacity that the link will have, of a trace over a second."""
    link = world.links[0]
    if link.trace is None:
        rows = schedule_of(link, world.duration_s, stream(world.seed, Purpose.WORLD, 2, 0)).segments
        return float((8e3 / rows["ns_per_byte"]).max()) if len(rows) else link.capacity_mbps
    import numpy as np

    rows = schedule_of(link, world.duration_s, stream(world.seed, Purpose.WORLD, 2, 0)).segments
    seconds = np.arange(0, float(rows["at"][-1]) * 1e-9 + 1)
    return float(np.diff(np.interp(seconds, rows["at"] * 1e-9, rows["work"])).max(initial=0.0)) * 8e-6


def _judge(report: Report, settings: EmulationSettings, plays: Sequence[Sending]) -> None:
    """Raise :class:`RunError` where the emulation was not what was asked for."""
    if report.fault is not None:
        raise RunError(f"the emulation is void: {report.fault}; take a slower link, or a machine that is less busy")
    if report.late_p99_ms > settings.late_ms:
        raise RunError(
            f"the machine is too busy: {_LATE_SHARE} packets came {report.late_p99_ms:.2f} ms late or more, over the "
            f"{settings.late_ms:g} ms allowed; end other programs, or allow more with --late"
        )
    for one in plays:
        last = one.infos[-1] if one.infos else None
        if last is None or not last.bytes_acked:
            raise RunError(f"flow '{one.flow.name}' got nothing through: make the link faster or the run longer")
        held = last.window_limited_us + last.buffer_limited_us
        if one.flow.size_bytes is None and held > _LIMITED * last.busy_us:
            raise RunError(
                f"flow '{one.flow.name}' was held back by its buffers, not by the network, for "
                f"{held / last.busy_us:.0%} of its time: the machine is too busy"
            )
