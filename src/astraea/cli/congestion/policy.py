"""``astraea congestion policy``: what a policy is and what it has learned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from astraea.cli.options import JsonOption
from astraea.cli.shell import OUT, friendly
from astraea.errors import InputError

__all__ = ["policy"]


def policy(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A file, or deep; by default the law.")] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Draw its response to queue and loss (png, svg or pdf).")
    ] = None,
    quantise: Annotated[
        Path | None, typer.Option("--quantise", help="Write a network in integers, as a kernel can run it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a policy: how it was trained, its numbers, and the certificate that it yields to its own queue."""
    with friendly():
        from astraea.congestion.policy import load_policy, shipped_policy
        from astraea.figures import write_figure
        from astraea.report.congestion.policy import policy_figure, policy_summary, policy_text

        shown = shipped_policy() if file is None else load_policy(file)
        if quantise is not None:
            shown = shown.quantised()
            shown.save(quantise)
        if picture is not None:
            if shown.header.observation.features != "packets":
                raise InputError("a picture needs a policy that observes its own queue: the features 'packets'")
            write_figure(picture, policy_figure(shown))
        if as_json:
            typer.echo(json.dumps(policy_summary(shown)))
        else:
            OUT.print(policy_text(shown))
