"""``astraea congestion race``: flows under named controllers on one link."""

from __future__ import annotations

import json
import shlex
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
from astraea.cli.shell import COMPILING, ERR, OUT, friendly, told_if_slow

if TYPE_CHECKING:
    from astraea.congestion.simulator.results import Result
    from astraea.congestion.simulator.settings import WorldSettings

__all__ = ["race"]

_FRAMES = 60  # how often the live summary changes in a race


def race(
    context: typer.Context,
    flows: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FLOW]...",
            help="Controllers that take part, each with fields of its own if it needs any: "
            "cubic bbr,start_s=5 vegas,rtt_ms=80,size_bytes=1000000. By default cubic bbr.",
            show_default=False,
        ),
    ] = None,
    bandwidth: BandwidthOption = 100.0,
    rtt: RttOption = 30.0,
    buffer: BufferOption = 1.0,
    loss: LossOption = 0.0,
    stagger: Annotated[float, typer.Option("--stagger", help="Seconds between the starts of flows.")] = 0.0,
    duration: Annotated[float, typer.Option("--duration", "-t", help="Length of the race in s.")] = 30.0,
    sample: SampleOption = 100.0,
    link: LinkOption = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of all randomness.")] = 0,
    picture: PictureOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for numbers and pictures, of which 'astraea report' makes a page."),
    ] = None,
    csv: CsvOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let flows under named controllers race on one link, and say how they shared it."""
    with friendly():
        from astraea.congestion.metrics.score import ScoreSettings, score
        from astraea.congestion.race import race_world
        from astraea.figures import write_figure
        from astraea.report.congestion.race import race_figure, race_summary, race_text, write_race, write_race_csv

        check_writable(picture, csv)
        settings = race_world(
            flows or ["cubic", "bbr"],
            capacity_mbps=bandwidth,
            rtt_ms=rtt,
            buffer_bdp=buffer,
            link=[f"loss={loss}", *(link or [])],
            stagger_s=stagger,
            duration_s=duration,
            sample_ms=sample,
            seed=seed,
        )
        result = _watched(settings)
        found = score(result, ScoreSettings(window_s=min(1.0, duration)))
        if picture is not None:
            write_figure(picture, race_figure(result))
        if csv is not None:
            write_race_csv(result, csv)
        if out is not None:
            write_race(result, found, out, _again(context))
        if as_json:
            typer.echo(json.dumps(race_summary(result, found)))
        else:
            OUT.print(race_text(found))


def _again(context: typer.Context) -> str:
    """Return the command as it was typed, without where its outcome went."""
    words = ["astraea", "congestion", "race"]
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE" or name in ("out", "csv", "picture", "as_json"):
            continue
        values = context.params[name] if parameter.multiple or parameter.nargs == -1 else [context.params[name]]
        options = [] if name == "flows" else [parameter.opts[0]]
        words += [word for value in values for word in (*options, str(value))]
    return shlex.join(words)


def _watched(settings: WorldSettings) -> Result:
    """Run the world, showing on a terminal what its flows do meanwhile."""
    from rich.live import Live

    from astraea.congestion.race import watch
    from astraea.report.congestion.race import race_live

    steps = watch(settings, settings.duration_s / _FRAMES)
    with told_if_slow(COMPILING):
        result = next(steps)
    with Live(race_live(result), console=ERR, transient=True) as live:
        for result in steps:
            live.update(race_live(result))
    return result
