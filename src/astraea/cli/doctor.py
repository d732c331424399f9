"""``astraea doctor``: what works here, and what is missing."""

from __future__ import annotations

import json

import typer

from astraea.cli.options import JsonOption
from astraea.cli.shell import OUT, friendly

__all__ = ["doctor"]

_SIGNS = {"works": "ok", "missing": "–", "broken": "!!"}


def doctor(as_json: JsonOption = False) -> None:
    """Say what is installed and works on this machine, what is missing, and the command that adds it.

    Ends with code 1 if something that is there does not work.
    """
    with friendly():
        from astraea.doctor import examine
        from astraea.tables import Table

        found = examine()
        if as_json:
            typer.echo(json.dumps([finding._asdict() for finding in found]))
        else:
            rows = [(_SIGNS[one.state], one.what, one.detail, one.mend) for one in found]
            OUT.print(Table(["", "", "found", "to add or mend it"], rows, labels=4).rich())
        if any(finding.state == "broken" for finding in found):
            raise typer.Exit(1)
