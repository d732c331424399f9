"""``astraea scenario``: who holds what, before any training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from astraea.cli.options import ConfigArgument, DataDirOption, JsonOption, SetOption, TrustOption
from astraea.cli.shell import OUT, friendly, read_tables

__all__ = ["scenario"]

_FEW = 20  # so many columns of a table are shown unasked


def scenario(
    config: ConfigArgument = None,
    changes: SetOption = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Also draw it into this file (png, svg or pdf).")
    ] = None,
    columns: Annotated[
        bool, typer.Option("--columns", help="Show every column of a table; up to 20 are always shown.")
    ] = False,
    data_dir: DataDirOption = None,
    trust: TrustOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show who holds what: the client × class matrix, divergences from uniform, and sizes."""
    with friendly():
        from astraea.data.catalogue import load_dataset
        from astraea.data.scenario import build_scenario
        from astraea.errors import InputError
        from astraea.experiment.settings import parse_settings
        from astraea.figures import write_figure
        from astraea.report.scenario import columns_table, scenario_figure, scenario_summary, scenario_text

        tables, source = read_tables(config, changes, data_dir)
        tables.pop("arms", None)
        settings = parse_settings(tables, source, trust=trust)
        settings.given.refuse_missing(model=True)
        dataset = load_dataset(settings.data)
        built = build_scenario(dataset, settings.scenario, settings.seed, settings.evaluation.validation)
        found = getattr(dataset.reader, "columns", ())
        if columns and not found:
            raise InputError("--columns shows the columns of a table, and these data are none: leave it out")
        if as_json:
            typer.echo(json.dumps(scenario_summary(built)))
        else:
            OUT.print(scenario_text(built))
            if found and (columns or len(found) <= _FEW):
                OUT.print("\nColumns", style="bold")
                OUT.print(columns_table(found).rich())
        if picture is not None:
            write_figure(picture, scenario_figure(built), dpi=100)
