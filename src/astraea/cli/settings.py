"""``astraea settings``: every key, its default and its meaning."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.text import Text

from astraea.cli.options import JsonOption
from astraea.cli.shell import OUT, friendly

__all__ = ["settings"]


def settings(
    section: Annotated[str, typer.Argument(metavar="[SECTION]", help="Only keys that begin so, such as train.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List the keys of a configuration: what each means and its default."""
    with friendly():
        from astraea.errors import unknown_name
        from astraea.experiment.keys import describe

        keys = [key for key in describe() if key.name.startswith(section)]
        if not keys:
            raise unknown_name("section", section, {key.name.split(".")[0] for key in describe()})
        if as_json:
            typer.echo(json.dumps([key._asdict() for key in keys]))
            return
        for key in keys:
            default = f" = {key.default}" if key.default else ""
            of = f" ({key.part})" if key.part else ""
            OUT.print(Text.assemble((key.name, "bold"), default))
            OUT.print(f"    {key.description}{of}", highlight=False)
