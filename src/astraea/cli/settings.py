"""``astraea settings``: every key, its default and its meaning."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from astraea.cli.options import JsonOption
from astraea.cli.shell import OUT, friendly

if TYPE_CHECKING:
    from astraea.experiment.keys import Key

__all__ = ["settings", "show_keys"]


def settings(
    section: Annotated[
        str,
        typer.Argument(metavar="[SECTION]", help="Only keys that begin so, such as train; or that tell of this word."),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """List the keys of a configuration, section by section: what each means and its default.

    'astraea settings train' lists a section, 'astraea settings epsilon' every key that tells of the word.
    """
    with friendly():
        from astraea.errors import unknown_name
        from astraea.experiment.keys import describe

        every = describe()
        keys = [key for key in every if key.name.startswith(section)]
        keys = keys or [key for key in every if section.lower() in f"{key.name} {key.description}".lower()]
        if not keys:
            raise unknown_name("section", section, {re.split("[. ]", key.name)[0] for key in every})
        show_keys(keys, as_json=as_json)


def show_keys(keys: Sequence[Key], *, as_json: bool) -> None:
    """Print keys under their sections, or as JSON."""
    if as_json:
        typer.echo(json.dumps([key._asdict() for key in keys]))
        return
    for section, of in groupby(keys, lambda key: re.split("[. ]", key.name)[0] if "." in key.name else ""):
        if section:
            OUT.print(Text(f"\n[{section}]", style="bold underline"))
        for key in of:
            default = f" = {key.default}" if key.default else ""
            part = f" ({key.part})" if key.part else ""
            OUT.print(Text.assemble((key.name, "bold"), default))
            OUT.print(f"    {key.description}{part}", highlight=False, markup=False)
