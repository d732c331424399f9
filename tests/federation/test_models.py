"""Models by name and by import path."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from astraea.errors import InputError, RunError
from astraea.federation.models import AutoModel, Model, build_model
from astraea.federation.vector import VectorModel
from astraea.parts import Settings
from astraea.parts.validation import validated


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_papers_emnist_model_has_the_stated_parameters() -> None:
    assert parameters(build_model(Model.of("emnist-cnn"), (1, 28, 28), 47, 0)) == 68_873


def test_the_keras_cifar_model_has_the_known_parameters() -> None:
    assert parameters(build_model(Model.of("keras-cifar-cnn"), (3, 32, 32), 10, 0)) == 1_250_858


@pytest.mark.parametrize(("width", "known"), [(16, 78_042), (64, 1_227_594)])
def test_resnet_8_has_the_parameters_of_its_blocks(width: int, known: int) -> None:
    first, second, third = width, 2 * width, 4 * width
    stem = 27 * first + 2 * first
    same = 2 * 9 * first**2 + 4 * first
    wider = sum(9 * a * b + 9 * b * b + a * b + 6 * b for a, b in ((first, second), (second, third)))
    assert stem + same + wider + 10 * third + 10 == known
    model = build_model(Model.of({"name": "resnet-8", "width": width}), (3, 32, 32), 10, 0)
    assert parameters(model) == known
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_a_fixed_classifier_has_directions_as_far_apart_as_can_be_and_does_not_travel() -> None:
    def built(head: str) -> nn.Module:
        return build_model(Model.of({"name": "mlp", "head": head}), (1, 8, 8), 5, 3)

    weight = built("etf").state_dict()["layers.3.weight"]
    assert torch.allclose(weight @ weight.T, torch.full((5, 5), -0.25) + 1.25 * torch.eye(5), atol=1e-5)
    assert built("etf").state_dict()["layers.3.weight"].equal(weight)
    assert VectorModel(built("etf")).size == VectorModel(built("trained")).size - (128 * 5 + 5) + 1  # all but its scale


@pytest.mark.parametrize(
    ("model", "classes", "message"),
    [({"name": "mlp", "hidden": [3]}, 5, "has 3 for 5"), ({"name": "mlp"}, 1, "two classes or more")],
)
def test_a_fixed_classifier_needs_room(model: dict[str, object], classes: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_model(Model.of(model | {"head": "etf"}), (1, 8, 8), classes, 0)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 28, 28), "EmnistCNN"),
        ((3, 32, 32), "KerasCifarCNN"),
        ((9, 128), "SequenceCNN"),
        ((1, 8, 8), "MLP"),
    ],
)
def test_auto_goes_by_shape(shape: tuple[int, ...], expected: str) -> None:
    assert type(build_model(AutoModel(), shape, 5, 0)).__name__ == expected


@pytest.mark.parametrize("name", sorted(Model.registered().keys() - {"auto"}))
def test_weights_follow_from_the_seed_alone(name: str) -> None:
    shape = (9, 128) if name == "sequence-cnn" else (3, 32, 32)
    first, again, other = (build_model(Model.of(name), shape, 4, seed) for seed in (1, 1, 2))
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


def test_any_module_by_import_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_models.py").write_text(
        "from torch import nn\n"
        "class Tiny(nn.Sequential):\n"
        "    def __init__(self, num_classes, bias=True):\n"
        "        super().__init__(nn.Flatten(), nn.Linear(4, num_classes, bias=bias))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    model = build_model(Model.of("my_models:Tiny", options={"bias": False}), (1, 2, 2), 3, 0)
    assert parameters(model) == 12


def test_a_warm_start_takes_the_stored_weights(tmp_path: Path) -> None:
    trained = build_model(Model.of("mlp"), (4,), 2, seed=1)
    save_file(trained.state_dict(), tmp_path / "w.safetensors")
    warm = build_model(Model.of("mlp", weights=tmp_path / "w.safetensors"), (4,), 2, seed=2)
    for a, b in zip(trained.parameters(), warm.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(RunError, match="do not fit the model"):
        build_model(Model.of("mlp", weights=tmp_path / "w.safetensors"), (5,), 2, seed=2)
    with pytest.raises(RunError, match="no weights at"):
        build_model(Model.of("mlp", weights=tmp_path / "none.safetensors"), (4,), 2, seed=2)


def test_freezing_by_pattern() -> None:
    model = build_model(Model.of("mlp", freeze=("layers.1.*",)), (4,), 2, 0)
    assert [name for name, p in model.named_parameters() if p.requires_grad] == [
        "layers.3.weight",
        "layers.3.bias",
    ]
    with pytest.raises(InputError, match="matches no parameter"):
        build_model(Model.of("mlp", freeze=("features.*",)), (4,), 2, 0)


def test_what_is_no_model_is_refused_in_a_sentence() -> None:
    with pytest.raises(InputError, match=r"unknown model 'emnist_cnn'; did you mean 'emnist-cnn'\?"):
        build_model(Model.of("emnist_cnn"), (1, 28, 28), 10, 0)
    with pytest.raises(InputError, match="cannot be imported"):
        build_model(Model.of("nowhere.at:All"), (1, 28, 28), 10, 0)
    with pytest.raises(InputError, match=r"cannot be built for samples of shape \(9, 128\)"):
        build_model(Model.of("emnist-cnn"), (9, 128), 6, 0)
    with pytest.raises(InputError, match=r"not an nn\.Module"):
        build_model(Model.of("builtins:dict"), (4,), 2, 0)
    with pytest.raises(InputError, match=r"maps 2 samples to \(2, 3\), expected \(2, 2\)"):
        build_model(Model.of("torch.nn:Linear", options={"in_features": 4, "out_features": 3}), (4,), 2, 0)
    with pytest.raises(InputError, match="fails on samples of shape"):
        build_model(Model.of("torch.nn:Linear", options={"in_features": 5, "out_features": 2}), (4,), 2, 0)


def test_models_of_codes_are_tried_with_integers() -> None:
    settings = Model.of("torch.nn:EmbeddingBag", options={"num_embeddings": 500, "embedding_dim": 4})
    assert isinstance(build_model(settings, (12,), 4, 0, torch.int64), nn.EmbeddingBag)
    with pytest.raises(InputError, match="fails on samples of shape"):
        build_model(settings, (12,), 4, 0)


def test_the_built_in_mlp_takes_integers_as_numbers() -> None:
    model = build_model(Model.of("mlp"), (3,), 2, 0, torch.int64)
    ids = torch.tensor([[1, 2, 3], [0, 7, 5]])
    assert torch.equal(model(ids), model(ids.float()))


@pytest.mark.parametrize("path", ["os:system", "subprocess:run", "torch:manual_seed", "math:sqrt"])
def test_code_that_is_no_model_is_never_called(path: str) -> None:
    with pytest.raises(InputError, match=rf"model '{path}' is not an nn.Module, nor a part"):
        build_model(Model.of(path, options={"command": "touch called"}), (4,), 2, 0)


def test_a_model_that_a_configuration_names_is_imported_with_trust_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Section(Settings):
        model: Model = AutoModel()

    (tmp_path / "named_model.py").write_text(
        "from pathlib import Path\nfrom torch import nn\nfrom astraea.federation.models import Model\n"
        "Path('imported').touch()\n"
        "class Net(nn.Linear):\n    def __init__(self, shape, classes):\n        super().__init__(shape[0], classes)\n"
        "class Wide(Model):\n    width: int = 3\n"
        "    def build(self, shape, classes):\n"
        "        return nn.Sequential(nn.Linear(shape[0], self.width), nn.Linear(self.width, classes))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    untrusted = validated(Section, {"model": "named_model:Net"}, "x").model
    with pytest.raises(InputError, match=r"model 'named_model:Net' is code .* add --trust"):
        build_model(untrusted, (4,), 2, 0)
    assert not (tmp_path / "imported").exists()
    assert Section(model=untrusted).model_dump()["model"]["name"] == "named_model:Net"
    trusted = validated(Section, {"model": "named_model:Net"}, "x", trust=True).model
    assert parameters(build_model(trusted, (4,), 2, 0)) == 10
    wide = validated(Section, {"model": {"name": "named_model:Wide", "width": 5}}, "x", trust=True).model
    assert parameters(build_model(wide, (4,), 2, 0)) == 4 * 5 + 5 + 5 * 2 + 2


def test_weights_of_torch_save_are_read_without_running_code(tmp_path: Path) -> None:
    trained = build_model(Model.of("mlp"), (4,), 2, seed=1)
    state = {f"module.{name}": value for name, value in trained.state_dict().items()}  # as DataParallel calls them
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "w.pt")
    warm = build_model(Model.of("mlp", weights=tmp_path / "w.pt"), (4,), 2, seed=2)
    assert all(torch.equal(a, b) for a, b in zip(trained.parameters(), warm.parameters(), strict=True))
    torch.save(trained, tmp_path / "module.pt")
    with pytest.raises(RunError, match=r"holds more than tensors, .*: save the weights alone"):
        build_model(Model.of("mlp", weights=tmp_path / "module.pt"), (4,), 2, seed=2)
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(RunError, match="holds no state dict"):
        build_model(Model.of("mlp", weights=tmp_path / "list.pt"), (4,), 2, seed=2)
    (tmp_path / "half.pt").write_bytes((tmp_path / "w.pt").read_bytes()[:100])
    with pytest.raises(RunError, match="cannot be read"):
        build_model(Model.of("mlp", weights=tmp_path / "half.pt"), (4,), 2, seed=2)


def test_a_head_may_begin_anew(tmp_path: Path) -> None:
    trained, fresh = build_model(Model.of("mlp"), (4,), 2, seed=1), build_model(Model.of("mlp"), (4,), 5, seed=2)
    torch.save(trained.state_dict(), tmp_path / "w.pt")
    warm = build_model(Model.of("mlp", weights=tmp_path / "w.pt", skip=("layers.3.*",)), (4,), 5, seed=2)
    assert torch.equal(warm.state_dict()["layers.1.weight"], trained.state_dict()["layers.1.weight"])
    assert torch.equal(warm.state_dict()["layers.3.weight"], fresh.state_dict()["layers.3.weight"])
    with pytest.raises(RunError, match=r"of another shape: layers.3.weight is \(2, 128\) there and \(5, 128\) in"):
        build_model(Model.of("mlp", weights=tmp_path / "w.pt"), (4,), 5, seed=2)
    torch.save({**trained.state_dict(), "old": torch.zeros(1)}, tmp_path / "more.pt")
    with pytest.raises(RunError, match="not in the model: old"):
        build_model(Model.of("mlp", weights=tmp_path / "more.pt"), (4,), 2, seed=2)
    with pytest.raises(InputError, match=r"model.skip pattern 'head.\*' matches no weight"):
        build_model(Model.of("mlp", weights=tmp_path / "w.pt", skip=("head.*",)), (4,), 2, seed=2)
    with pytest.raises(InputError, match=r"model.weights names none"):
        build_model(Model.of("mlp", skip=("head.*",)), (4,), 2, seed=2)
