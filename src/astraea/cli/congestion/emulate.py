"""``astraea congestion emulate``: real TCP flows of this kernel over an emulated link."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from astraea.cli.congestion.link import (
    BandwidthOption,
    BufferOption,
    CsvOption,
    LinkOption,
    LossOption,
    PictureOption,
    RttOption,
    SampleOption,
    check_writable,
)
from astraea.cli.options import JsonOption
from astraea.cli.shell import ERR, OUT, friendly

if TYPE_CHECKING:
    from astraea.congestion.emulation.emulate import Emulation, EmulationSettings
    from astraea.congestion.policy import Policy
    from astraea.congestion.simulator.settings import WorldSettings

__all__ = ["emulate"]


def emulate(
    senders: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CONTROLLER]...",
            help="The kernel's controllers, one a sender, each with fields of its own if it needs any (name, start_s, "
            "end_s, size_bytes, rtt_ms): cubic bbr,start_s=5 astraea,rtt_ms=80; 'bandit' chooses among cubic, bbr and "
            "reno as it goes. By default cubic bbr.",
            show_default=False,
        ),
    ] = None,
    bandwidth: BandwidthOption = 20.0,
    rtt: RttOption = 40.0,
    buffer: BufferOption = 1.0,
    loss: LossOption = 0.0,
    stagger: Annotated[float, typer.Option("--stagger", help="Seconds between the starts of senders.")] = 0.0,
    duration: Annotated[float, typer.Option("--duration", "-t", help="Length in s, in real time.")] = 30.0,
    sample: SampleOption = 100.0,
    link: LinkOption = None,
    offload: Annotated[
        bool, typer.Option("--offload/--no-offload", help="Whether TCP hands over bursts (segmentation offload).")
    ] = True,
    late: Annotated[
        float, typer.Option("--late", help="Reject the run if 1 packet in 100 is handed over later than that, in ms.")
    ] = 1.0,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="Of 'astraea': a file of 'train', or deep; by default the law.")
    ] = None,
    predict: Annotated[bool, typer.Option("--predict", help="Print what the simulator predicts as well.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Seed of random loss and of random capacity.")] = 0,
    picture: PictureOption = None,
    csv: CsvOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let real TCP flows of this kernel share an emulated link, and say how they did.

    Needs root on Linux. Nothing of the machine's own network is touched, and nothing is left behind.
    """
    with friendly():
        from astraea.congestion.emulation import EmulationSettings, kernel_world
        from astraea.congestion.metrics.score import ScoreSettings, score
        from astraea.congestion.play import simulate
        from astraea.congestion.policy import load_policy
        from astraea.figures import write_figure
        from astraea.report.congestion.emulation import emulation_summary, emulation_text
        from astraea.report.congestion.race import race_figure, write_race_csv

        check_writable(picture, csv)
        world, names = kernel_world(
            senders or ["cubic", "bbr"],
            capacity_mbps=bandwidth,
            rtt_ms=rtt,
            buffer_bdp=buffer,
            link=[f"loss={loss}", *(link or [])],
            stagger_s=stagger,
            duration_s=duration,
            sample_ms=sample,
            seed=seed,
        )
        chosen = None if policy is None else load_policy(policy)
        done = _watched(world, names, EmulationSettings(offload=offload, late_ms=late), chosen)
        how = ScoreSettings(window_s=min(1.0, duration))
        found = score(done.result, how)
        predicted = score(simulate(world, policy=chosen), how) if predict else None
        if picture is not None:
            write_figure(picture, race_figure(done.result))
        if csv is not None:
            write_race_csv(done.result, csv)
        if as_json:
            typer.echo(json.dumps(emulation_summary(done, found, predicted)))
        else:
            OUT.print(emulation_text(done, found, predicted))


def _watched(
    world: WorldSettings, names: tuple[str, ...], settings: EmulationSettings, policy: Policy | None
) -> Emulation:
    """Emulate the world, showing on a terminal how long it still takes."""
    from rich.progress import Progress

    from astraea.congestion.emulation import emulate as play

    with Progress(console=ERR, transient=True) as progress:
        task = progress.add_task(f"{len(names)} flows", total=world.duration_s)
        return play(world, names, settings, lambda now, _: progress.update(task, completed=now), policy)
