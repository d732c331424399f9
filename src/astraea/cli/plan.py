"""``astraea plan``: which plan suits a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from astraea.cli.options import ConfigArgument, DataDirOption, JsonOption, SetOption, TrustOption
from astraea.cli.shell import ERR, OUT, friendly, read_tables

if TYPE_CHECKING:
    from astraea.experiment.plans import Plans
    from astraea.experiment.reached import Reaches

__all__ = ["plan"]


def plan(
    config: ConfigArgument = None,
    network: Annotated[
        str, typer.Option("--network", metavar="NAME", help="cross-device, cross-silo, edge, or a TOML file.")
    ] = "cross-device",
    changes: SetOption = None,
    arms: Annotated[str, typer.Option("--arms", "-a", help="Algorithms that are tried.")] = "fedavg,astraea",
    samples: Annotated[
        int | None,
        typer.Option("--samples", help="Samples to be processed; by default as many as a run of CONFIG processes."),
    ] = None,
    clients: Annotated[
        str, typer.Option(help="Clients of a round that are tried, such as 10,20; by default 5 to 100.")
    ] = "",
    capacity: Annotated[str, typer.Option(help="Capacities (chain lengths) that are tried; by default 2 to 50.")] = "",
    epochs: Annotated[str, typer.Option(help="Epochs of a visit that are tried.")] = "1,2,5",
    passes: Annotated[str, typer.Option(help="Passes over a chain that are tried.")] = "1,2",
    placement: Annotated[
        str, typer.Option(help="Where mediators are: of server, sites, clients; by default each of them.")
    ] = "",
    congestion: Annotated[str, typer.Option(help="Congestion controller of every transfer.")] = "cubic",
    sharing: Annotated[
        str, typer.Option(help="How a round shares the network: fair, weighted, admission, longest-path, ...")
    ] = "fair",
    timed: Annotated[
        int, typer.Option("--timed", help="Rounds of each plan that are timed; further ones count as their mean.")
    ] = 3,
    accuracy_of: Annotated[
        list[Path] | None,
        typer.Option(
            "--accuracy-of",
            metavar="RUN",
            help="Folder of a finished run or comparison; may be repeated. Ranks their plans by the time to an "
            "accuracy instead, from their accuracy curves.",
        ),
    ] = None,
    target: Annotated[
        float | None,
        typer.Option("--target", help="That accuracy, such as 0.8; by default the lowest final one of these runs."),
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="Plans that the table shows.")] = 15,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the settings of the plan that ends soonest into this TOML file.")
    ] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    trust: TrustOption = False,
) -> None:
    """Show which plans end soonest on a network: clients of a round, capacity, epochs, passes, place of mediators.

    Nothing is trained. Scenario, model and training are those of CONFIG, by default of the built-in example. Plans are
    compared at equal samples processed; with --accuracy-of, at the accuracy that finished runs had.
    """
    with friendly():
        from astraea.errors import InputError
        from astraea.experiment import planning
        from astraea.experiment.reached import time_to_accuracy
        from astraea.experiment.settings import dump_toml
        from astraea.files import write_text

        places = tuple(name.strip() for name in placement.split(",") if name.strip())
        if accuracy_of:
            if out is not None:
                raise InputError(
                    "--out writes a plan that was made here: leave out --accuracy-of, or copy a run's config"
                )
            reached = time_to_accuracy(
                accuracy_of,
                network,
                target=target,
                placement=places,
                congestion=congestion,
                sharing=sharing,
                trust=trust,
            )
            _tell(reached, most, as_json)
            return
        if target is not None:
            raise InputError("--target is an accuracy of finished runs: name them with --accuracy-of")
        tried = {"clients": clients, "capacity": capacity, "epochs": epochs, "passes": passes}
        choices = planning.Choices(
            **{name: _numbers(text, f"--{name}") for name, text in tried.items()}, placement=places
        )
        tables, source = read_tables(config, changes, data_dir)
        found = planning.plan(
            network,
            tables,
            arms=arms,
            samples=samples,
            choices=choices,
            congestion=congestion,
            sharing=sharing,
            timed=timed,
            source=source,
            trust=trust,
        )
        _tell(found, most, as_json)
        if out is not None:
            write_text(out, dump_toml(found.best.settings))
            ERR.print(f"{out} holds the plan that ends soonest: astraea run {out}", markup=False)


def _tell(found: Plans | Reaches, most: int, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found.plain()))
    else:
        OUT.print(found.table(most).rich(dense=True))


def _numbers(text: str, option: str) -> tuple[int, ...]:
    from astraea.errors import InputError

    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise InputError(f"{option} '{text}' is not whole numbers apart by commas, such as 10,20") from None
