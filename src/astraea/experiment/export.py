"""A trained model as one file that runs without this package: a program of PyTorch's, or ONNX."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file
from torch import nn

from astraea.errors import InputError, RunError
from astraea.experiment.folder import RunFolder
from astraea.experiment.result import load_result
from astraea.files import replacing

__all__ = ["SUFFIXES", "export"]

Form = Literal["torch", "onnx"]
SUFFIXES: dict[Form, str] = {"torch": "model.pt2", "onnx": "model.onnx"}
"""The file in the run's folder that each form is written to by default."""


def export(
    run_dir: Path | str,
    form: Form = "torch",
    out: Path | str | None = None,
    *,
    model: nn.Module | Callable[..., nn.Module] | None = None,
    trust: bool = False,
) -> Path:
    """Write the trained model of a finished run as one program for batches of any size; return the file.

    ``torch`` is what ``torch.export.load`` reads; ``onnx`` needs the packages ``onnx`` and ``onnxscript``. The program
    takes samples as the model does (``load_result(run_dir).prepare(rows)``) and gives its outputs, such as logits.
    ``model`` and ``trust`` are as for :func:`astraea.load`. Raises :class:`InputError` for a model of several inputs or
    a missing package, and :class:`RunError` for one that cannot be exported, or as :func:`astraea.load` does.
    """
    result = load_result(run_dir, model=model, trust=trust)
    if result.inputs is not None and result.inputs.form.inputs:
        raise InputError("a model of several inputs is not exported yet: call torch.export on the loaded model")
    folder = RunFolder(Path(run_dir))
    example = load_file(folder.probe)["inputs"]
    if example.is_floating_point():
        example = example.to(next(result.model.parameters()).dtype)
    path = Path(out) if out is not None else folder.path / SUFFIXES[form]
    program = _program(result.model, example)
    with replacing(path) as partial:
        if form == "torch":
            with partial.open("wb") as file:
                torch.export.save(program, file)
        else:
            _write_onnx(program, partial)
    return path


def _program(module: nn.Module, example: torch.Tensor) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch", min=1)
    try:
        return torch.export.export(module, (example,), dynamic_shapes=({0: batch},))
    except Exception as error:  # whatever the model's code leads the tracer to
        reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        raise RunError(f"the model cannot be exported for batches of any size ({reason})") from error


def _write_onnx(program: torch.export.ExportedProgram, path: Path) -> None:
    try:
        found: Any = torch.onnx.export(program, dynamo=True, verbose=False)
    except (ImportError, torch.onnx.errors.OnnxExporterError) as error:
        cause = error.__cause__ if isinstance(error.__cause__, ImportError) else error
        if isinstance(cause, ImportError):
            raise InputError(
                f"ONNX needs a package that is not installed ({cause.name}): pip install onnx onnxscript"
            ) from error
        raise RunError(f"the model cannot be written as ONNX ({str(error).strip().splitlines()[0][:300]})") from error
    found.save(str(path))
