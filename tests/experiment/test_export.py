"""A trained model as a file of its own: it gives what the model gives, for batches of any size."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

import astraea
from astraea.cli.app import app
from astraea.errors import RunError
from astraea.experiment.export import export
from astraea.experiment.run import run
from astraea.experiment.settings import RunSettings


@pytest.fixture
def folder(tiny: RunSettings, tmp_path: Path) -> Path:
    run(tiny, out=tmp_path / "run", rounds=1)
    return tmp_path / "run"


def test_a_program_gives_what_the_model_gives(folder: Path) -> None:
    told = CliRunner().invoke(app, ["export", str(folder)])
    assert (told.exit_code, told.stdout) == (0, f"written to {folder}/model.pt2\n")
    program = torch.export.load(folder / "model.pt2").module()
    for size in (1, 3):
        x = torch.rand(size, *astraea.load_result(folder).summary["sample_shape"])
        torch.testing.assert_close(program(x), astraea.load(folder)(x))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the exporter's own
def test_onnx_gives_what_the_model_gives(folder: Path, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    path = export(folder, "onnx", tmp_path / "out.onnx")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for size in (1, 3):
        x = torch.rand(size, *astraea.load_result(folder).summary["sample_shape"])
        (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), astraea.load(folder)(x), rtol=1e-4, atol=1e-5)


class Branching(nn.Module):
    """Looks at its input to decide what to do."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layers(x)
        return found if float(x.sum()) > 0 else -found


def test_what_cannot_be_exported_is_one_sentence(tiny: RunSettings, tmp_path: Path) -> None:
    run(tiny, model=Branching(), rounds=1, out=tmp_path / "run")
    with pytest.raises(RunError, match="the model cannot be exported for batches of any size") as told:
        export(tmp_path / "run", model=Branching)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "run" / "model.pt2").exists()
