"""What commands that send flows over one link take alike: the link, and where the outcome goes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from astraea.errors import InputError

__all__ = [
    "BandwidthOption",
    "BufferOption",
    "CsvOption",
    "LinkOption",
    "LossOption",
    "PictureOption",
    "RttOption",
    "SampleOption",
    "check_writable",
]

BandwidthOption = Annotated[float, typer.Option("--bandwidth", "-b", help="Capacity of the link in Mbit/s.")]
RttOption = Annotated[float, typer.Option("--rtt", "-r", help="Round-trip time without queues in ms.")]
BufferOption = Annotated[float, typer.Option("--buffer", help="Buffer in bandwidth-delay products.")]
LossOption = Annotated[float, typer.Option("--loss", help="Probability that a packet is lost at random.")]
SampleOption = Annotated[float, typer.Option("--sample", help="Time between samples of the series in ms.")]
LinkOption = Annotated[
    list[str] | None,
    typer.Option("--link", "-l", metavar="NAME=VALUE", help="Another field of the link, such as trace=FILE."),
]
PictureOption = Annotated[
    Path | None, typer.Option("--picture", help="Draw goodput, RTT and window into this file (png, svg or pdf).")
]
CsvOption = Annotated[Path | None, typer.Option("--csv", help="Write the time series into this file.")]


def check_writable(picture: Path | None, csv: Path | None) -> None:
    """Find out before the flows are sent, not after it, that their outcome has nowhere to go."""
    for file, suffixes in ((picture, (".png", ".svg", ".pdf")), (csv, (".csv",))):
        if file is None:
            continue
        if file.suffix.lower() not in suffixes:
            raise InputError(f"{file} must end in {' or '.join(suffixes)}")
        if not file.absolute().parent.is_dir():
            raise InputError(f"the folder {file.absolute().parent} is not there: make it or choose another place")
