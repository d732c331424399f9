"""A trained model as a file of its own: it gives what the model gives, for batches of any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
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


class Pair(nn.Module):
    """Ids and a mask, as Hugging Face's models take and answer them."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(20, 4), nn.Linear(4, 3)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        weight = attention_mask[..., None].float()
        return {"logits": self.head((self.table(input_ids) * weight).sum(1) / weight.sum(1))}


class OneMapping(Pair):
    def forward(self, batch: dict[str, Tensor]) -> Tensor:  # type: ignore[override]
        return super().forward(**batch)["logits"]


class Keywords(Pair):
    def forward(self, **inputs: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(**inputs)["logits"]


@pytest.mark.parametrize("made", [Pair, OneMapping, Keywords])
def test_several_inputs_are_exported_by_name(made: type[Pair], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = {"input_ids": rng.integers(0, 20, (24, 5)), "attention_mask": np.ones((24, 5), np.int64)}
    model = made()
    astraea.run(dataset=(x, np.arange(24) % 3), model=model, rounds=1, scenario={"clients": 2}, out=tmp_path / "run")
    program = torch.export.load(export(tmp_path / "run", model=model)).module()
    result = astraea.load_result(tmp_path / "run", model=model)
    for size in (1, 3):
        inputs = result.prepare({name: one[:size] for name, one in x.items()})
        found = program(**inputs) if made is Pair else program(inputs)
        wanted = result.model(inputs) if made is OneMapping else result.model(**inputs)
        pick = (lambda one: one["logits"]) if made is Pair else (lambda one: one)
        torch.testing.assert_close(pick(found), pick(wanted))


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
