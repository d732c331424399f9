"""``astraea network``: networks of sites and links, and what a round costs there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from astraea.cli.commands import App
from astraea.cli.options import ConfigArgument, DataDirOption, JsonOption, SetOption, TrustOption
from astraea.cli.shell import COMPILING, ERR, OUT, friendly, read_tables, told_if_slow

__all__ = ["app"]

app = App("network", "Networks: sites, links, and what a round costs there.")


@app.callback()
def _root() -> None:
    pass


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="cross-device, cross-silo, edge, or a TOML file.")],
    config: ConfigArgument = None,
    changes: SetOption = None,
    arms: Annotated[
        str, typer.Option("--arms", "-a", help="Algorithms whose rounds are timed, without training; empty: none.")
    ] = "fedavg,astraea",
    congestion: Annotated[str, typer.Option("--congestion", help="Congestion controller of every transfer.")] = "cubic",
    sharing: Annotated[
        str,
        typer.Option("--sharing", help="How a round shares the network: fair, weighted, admission, longest-path, ..."),
    ] = "fair",
    clients: Annotated[
        int | None,
        typer.Option(
            "--clients",
            min=1,
            help="Clients at once, for ω of each link; by default those of CONFIG or of --set scenario.clients, else "
            "those that sites name, or 100.",
        ),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Draw sites and links into this file (png, svg or pdf).")
    ] = None,
    timeline: Annotated[
        Path | None, typer.Option("--timeline", help="Draw a round of the first of --arms into this file.")
    ] = None,
    data_dir: DataDirOption = None,
    trust: TrustOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show sites, links, oversubscription ω, and what a round of each algorithm costs there, before any training.

    Rounds are those of CONFIG, by default of the built-in example: its model's size, its clients and their samples.
    """
    with friendly():
        from astraea.errors import InputError
        from astraea.experiment.cost import round_costs
        from astraea.figures import write_figure
        from astraea.network.doubts import doubts_of
        from astraea.network.files import load_network
        from astraea.report.network import network_figure, network_summary, network_text, round_figure

        network = load_network(name)
        for doubt in doubts_of(network):
            ERR.print(f"note: {doubt}", markup=False)
        names = [arm.strip() for arm in arms.split(",") if arm.strip()]
        if timeline is not None and not names:
            raise InputError("--timeline draws a round of the first of --arms: name one")
        tables, source = read_tables(config, changes, data_dir)
        with told_if_slow(COMPILING):
            costs = round_costs(
                tables, names, network, congestion=congestion, sharing=sharing, source=source, trust=trust
            )
        if clients is None and (config is not None or any(map(_divides, changes or ()))):
            clients = costs.clients
        summary = network_summary(network, clients, costs.rounds)
        if picture is not None:
            write_figure(picture, network_figure(network, clients))
        if timeline is not None:
            write_figure(timeline, round_figure(costs.rounds[names[0]]))
        if as_json:
            typer.echo(json.dumps(summary))
        else:
            OUT.print(network_text(summary))


def _divides(change: str) -> bool:
    """Whether a --set says how data are divided among clients."""
    return change.partition("=")[0].partition(".")[0].strip() in ("scenario", "data")


@app.command()
def init(
    path: Annotated[Path, typer.Argument(metavar="[FILE]", help="Where it goes.")] = Path("network.toml"),
) -> None:
    """Write a network file to begin with: a server, an office, and phones behind a shared cell; to be changed.

    Then 'astraea network show FILE' shows it and 'astraea run --network FILE' trains there.
    """
    with friendly():
        from astraea.cli.init import write_new
        from astraea.network.files import EXAMPLE

        write_new(path, EXAMPLE.read_text(encoding="utf-8"), f"astraea network show {path}")


@app.command()
def keys(as_json: JsonOption = False) -> None:
    """List the keys of a network file, table by table: what each means and its default."""
    with friendly():
        from astraea.cli.settings import show_keys
        from astraea.experiment.keys import describe_network

        every = describe_network()
        if as_json:
            typer.echo(json.dumps({table: [key._asdict() for key in found] for table, found in every.items()}))
            return
        for table, found in every.items():
            OUT.print(f"\n{table}" if table else "at the top", style="bold underline", markup=False, highlight=False)
            show_keys(found, as_json=False)
