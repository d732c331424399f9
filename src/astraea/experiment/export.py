"""A trained model as one file that runs without this package: a program of PyTorch's, or ONNX."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file
from torch import nn

from astraea.errors import InputError, RunError, unknown_name
from astraea.experiment.folder import RunFolder
from astraea.experiment.result import load_result
from astraea.federation.calling import called_with, unpacked
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
    takes samples as the model does (``load_result(run_dir).prepare(rows)``), several inputs under the names of the
    parameters of its ``forward`` (in one mapping, if it takes ``**inputs``), and gives its outputs, such as logits.
    ``model`` and ``trust`` are as for :func:`astraea.load`. Raises :class:`InputError` for a missing package, and
    :class:`RunError` for a model that cannot be exported, or as :func:`astraea.load` does.
    """
    if form not in SUFFIXES:
        raise unknown_name("format of an export", form, SUFFIXES)
    result = load_result(run_dir, model=model, trust=trust)
    folder = RunFolder(Path(run_dir))
    example = load_file(folder.probe)["inputs"]
    inputs = () if result.inputs is None else result.inputs.form.inputs
    dtype = next(result.model.parameters()).dtype
    given = unpacked(example, inputs) if inputs else {"": example}
    given = {name: value.to(dtype) if value.is_floating_point() else value for name, value in given.items()}
    arguments = called_with(result.model, given, inputs) if inputs else ((given[""],), {})
    path = Path(out) if out is not None else folder.path / SUFFIXES[form]
    module, (args, kwargs) = result.model, arguments
    if any(one.kind is one.VAR_KEYWORD for one in inspect.signature(module.forward).parameters.values()):
        module, args, kwargs = _Mapped(module), (kwargs,), {}
    program = _program(module, args, kwargs)
    with replacing(path) as partial:
        if form == "torch":
            with partial.open("wb") as file:
                torch.export.save(program, file)
        else:
            _write_onnx(program, partial)
    return path


class _Mapped(nn.Module):
    """A module whose ``forward`` takes any names, given all in one mapping: programs have no such parameters."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, inputs: dict[str, torch.Tensor]) -> Any:
        """Return what the module does."""
        return self.module(**inputs)


def _program(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch", min=1)
    names = inspect.signature(module.forward).bind_partial(*args).arguments
    shapes = {name: _shapes(value, batch) for name, value in {**names, **kwargs}.items()}
    try:
        return torch.export.export(module, args, kwargs, dynamic_shapes=shapes)
    except Exception as error:  # whatever the model's code leads the tracer to
        reason = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        raise RunError(f"the model cannot be exported for batches of any size ({reason})") from error


def _shapes(value: Any, batch: Any) -> Any:
    """Return which axes of an argument may have any size: the first, of each tensor in it."""
    if isinstance(value, dict):
        return {name: _shapes(one, batch) for name, one in value.items()}
    return tuple(_shapes(one, batch) for one in value) if isinstance(value, tuple) else {0: batch}


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
