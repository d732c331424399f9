"""``astraea bench``: the benchmarks, which live beside the package in its repository."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from astraea.cli.shell import friendly

__all__ = ["bench"]

_FOLDER = Path(__file__).parents[3] / "benchmarks"
_BENCHMARKS = ("overhead", "round", "scheduling", "memory", "startup", "simulator")


def bench(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of {', '.join(_BENCHMARKS)}.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for JSON and plots.")] = Path("bench-results"),
    peers: Annotated[
        Path | None,
        typer.Option(
            "--peers",
            help="Python interpreter that has the peers (pip install pfl 'flwr\\[simulation]'); by default this one.",
        ),
    ] = None,
    turns: Annotated[
        int | None, typer.Option("--turns", min=2, help="Turns of each contender; the first warms up.")
    ] = None,
) -> None:
    """Measure this project beside its peers, in turns on this machine; print ratios, write JSON and a plot.

    Peers that are not installed are left out. Needs the source, as benchmarks are not part of the package.
    """
    with friendly():
        from astraea.errors import InputError, unknown_name

        if name not in _BENCHMARKS:
            raise unknown_name("benchmark", name, _BENCHMARKS)
        script = _FOLDER / f"{name}.py"
        if not script.is_file():
            raise InputError(f"{script} is missing: run benchmarks from a clone of the repository")
    options = ["--out", str(out)]
    options += [] if peers is None else ["--peers", str(peers)]
    options += [] if turns is None else ["--turns", str(turns)]
    raise typer.Exit(subprocess.run([sys.executable, str(script), *options], check=False).returncode)
