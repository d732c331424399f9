"""Arguments that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "ConfigArgument",
    "CongestionOption",
    "DataDirOption",
    "JsonOption",
    "NetworkOption",
    "SetOption",
    "TrustOption",
]

ConfigArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[CONFIG]",
        help="Settings in TOML; every key has a default. 'astraea settings' lists them.",
        show_default=False,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="KEY=VALUE", help="Change one setting, such as train.lr=0.1; may be repeated."),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder that holds data files; by default $ASTRAEA_DATA, else the user's cache."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
NetworkOption = Annotated[
    str | None,
    typer.Option(
        "--network",
        metavar="NAME",
        help="Time rounds on cross-device, cross-silo, edge or a TOML file: short for --set network.name=NAME.",
    ),
]
CongestionOption = Annotated[
    str | None,
    typer.Option(
        "--congestion",
        metavar="CONTROLLER",
        help="Congestion controller of every transfer there: short for --set network.congestion=CONTROLLER.",
    ),
]
TrustOption = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Import the code that the configuration or the folder names by path (package.module:Name); what --set "
        "names is trusted anyway.",
    ),
]
