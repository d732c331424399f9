"""``astraea init``: a configuration to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from astraea.cli.shell import OUT, friendly

__all__ = ["init", "write_new"]


def init(
    path: Annotated[Path, typer.Argument(metavar="[FILE]", help="Where it goes.")] = Path("config.toml"),
) -> None:
    """Write a configuration that runs as it is: the built-in example, to be changed.

    Then 'astraea scenario FILE' shows who holds what and 'astraea run FILE' trains; 'astraea settings' lists all keys.
    """
    with friendly():
        from astraea.experiment.settings import EXAMPLE

        write_new(path, EXAMPLE.read_text(encoding="utf-8"), f"astraea scenario {path}")


def write_new(path: Path, text: str, following: str) -> None:
    """Write a file that is not there yet, and say what to do with it."""
    from astraea.errors import InputError
    from astraea.files import write_text

    if path.exists():
        raise InputError(f"{path} is there already: remove it, or name another file")
    write_text(path, text)
    OUT.print(f"written to {path}; next: {following}", highlight=False, soft_wrap=True)
