"""``astraea init``: a configuration to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from astraea.cli.shell import OUT, friendly

__all__ = ["init"]


def init(
    path: Annotated[Path, typer.Argument(metavar="[FILE]", help="Where it goes.")] = Path("config.toml"),
) -> None:
    """Write a configuration that runs as it is: the built-in example, to be changed.

    Then 'astraea scenario FILE' shows who holds what and 'astraea run FILE' trains; 'astraea settings' lists all keys.
    """
    with friendly():
        from astraea.errors import InputError
        from astraea.experiment.settings import EXAMPLE
        from astraea.files import write_text

        if path.exists():
            raise InputError(f"{path} is there already: remove it, or name another file")
        write_text(path, EXAMPLE.read_text())
        OUT.print(f"written to {path}; next: astraea scenario {path}", highlight=False, soft_wrap=True)
