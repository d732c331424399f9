"""``astraea report`` and ``astraea watch``: a page of what is in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from astraea.cli.shell import OUT, friendly

__all__ = ["report", "watch"]


def report(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The --out of a run, a comparison, an evaluation or a race.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the page here.", show_default="DIR/report.html")
    ] = None,
) -> None:
    """Write report.html: one page with charts, tables and what to do next, for any browser, without a network."""
    with friendly():
        from astraea.report.page import write_page

        OUT.print(f"written to {write_page(folder, out)}", highlight=False, soft_wrap=True)


def watch(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run, which may be training elsewhere.")],
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to serve on; 0: any that is free.")] = 0,
    parent: Annotated[int | None, typer.Option("--parent", hidden=True, help="End with this process.")] = None,
) -> None:
    """Serve the page of a run while it trains, on this machine alone; it updates itself. Ctrl-C ends it."""
    with friendly():
        from astraea.report.page.serve import served

        with served(folder, port, parent) as server:
            OUT.print(f"http://127.0.0.1:{server.server_port}/ shows {folder}", highlight=False, soft_wrap=True)
            server.serve_forever()
