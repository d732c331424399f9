"""``astraea export``: a trained model for programs that do not know this package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from astraea.cli.options import TrustOption
from astraea.cli.shell import OUT, friendly

__all__ = ["export"]


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The --out of a finished run.")],
    form: Annotated[
        Literal["torch", "onnx"], typer.Option("--format", help="torch: for torch.export.load; onnx: needs onnxscript.")
    ] = "torch",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write it here.", show_default="DIR/model.pt2 or model.onnx")
    ] = None,
    trust: TrustOption = False,
) -> None:
    """Write the trained model of a run as one file that runs without this package, for batches of any size."""
    with friendly():
        from astraea.experiment.export import export as write

        OUT.print(f"written to {write(folder, form, out, trust=trust)}", highlight=False, soft_wrap=True)
