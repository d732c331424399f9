"""Every fault that a first batch shows is told before training, with its cause."""

from __future__ import annotations

import copy
import random
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import astraea
from astraea.errors import InputError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 6)).astype(np.float32), np.arange(60) % 3
IDS = RNG.integers(0, 50, (60, 6))
SMALL: dict[str, Any] = {
    "rounds": 1,
    "scenario": {"clients": 4},
    "train": {"batch_size": 5},
    "algorithm": {"name": "fedavg", "clients_per_round": 2},
}


class Returning(nn.Module):
    """A linear model whose logits are handed to ``then``."""

    def __init__(self, then: Any, classes: int = 3) -> None:
        super().__init__()
        self.layer = nn.Linear(6, classes)
        self.then = then

    def forward(self, x: Tensor) -> Any:
        return self.then(self.layer(x))


class Embedded(nn.Module):
    def __init__(self, rows: int) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(rows, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.table(x).mean(dim=1))


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.spare = nn.Linear(6, 3), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


def run(model: nn.Module, x: np.ndarray = X, y: np.ndarray = Y, **changes: Any) -> Any:
    return astraea.run(dataset=astraea.from_arrays(x, y), model=model, **{**SMALL, **changes})


IMAGES = RNG.random((60, 3, 8, 8)).astype(np.float32)


@pytest.mark.parametrize(
    ("model", "x", "complaint"),
    [
        (nn.Linear(5, 3), X, r"the model \(Linear\) takes 5 features, but gets 6 .*: build it with in_features = 6"),
        (
            nn.Sequential(nn.Linear(6, 9), nn.Linear(8, 3)),
            X,
            r"layer '1' \(Linear\) takes 8 features, but gets 9",
        ),
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.LazyLinear(3)), IMAGES, "lazy layers cannot be made"),
        (nn.Conv2d(1, 4, 3), IMAGES, r"takes 1 channels, but gets 3 .*: build it for 3"),
        (nn.Linear(6, 3), IDS, r"takes floating-point numbers, but samples are codes .* begin with an nn.Embedding"),
        (Embedded(50), X, "looks up integers, but samples are vector .* say kind = 'codes'"),
        (Embedded(40), IDS, r"has 40 rows, but the samples hold codes from 0 to 49: give it 50 rows"),
        (
            Returning(lambda z: {"scores": z}),
            X,
            r"returns a mapping \(scores\) without 'logits': call what it predicts",
        ),
        (Returning(lambda z: (z, z)), X, "returns a tuple, not a tensor of logits"),
        (Returning(lambda z: None), X, "returns a NoneType"),
        (Returning(lambda z: z[:, 0]), X, "gives one logit a sample, .* there are 3 classes"),
        (Returning(lambda z: z[:, :1]), X, "gives one logit a sample, .*: end it with 3 outputs"),
        (Returning(lambda z: z, classes=5), X, "gives 5 logits, but there are 3 classes"),
        (Returning(lambda z: z[:, None]), X, r"outputs of shape \(2, 1, 3\): it must give \(batch, 3\)"),
        (Returning(lambda z: z.argmax(dim=1, keepdim=True).repeat(1, 3)), X, "return logits, not the predicted"),
        (nn.Linear(192, 3), IMAGES, r"takes rows of 192 features, but samples are image .*: begin with nn.Flatten\(\)"),
        (nn.Linear(8, 3), IMAGES, r"shape \(2, 3, 8, 3\): it must give .* as behind an nn.Flatten\(\)"),
        (nn.Linear(9, 3), IMAGES, r"begin with nn.Flatten\(\), and build it with in_features = 192"),
        (nn.Conv2d(1, 3, 3), X, r"takes images .*, but samples are vector .*: give samples as images, such as x.resh"),
        (
            nn.Conv1d(1, 3, 3),
            X,
            r"takes sequences .*, but samples are vector .*: say layout = 'T' if a sample",
        ),
        (
            nn.LSTM(2, 3),
            IMAGES[:, :2].reshape(60, 2, 32 * 2),
            "takes 2 features at each time, .* begin forward with x = x.transpose",
        ),
        (Returning(lambda z: z.detach()), X, "outputs carry no gradient"),
        (Returning(lambda z: z * float("nan")), X, "NaN or infinite logits for the first samples"),
    ],
)
def test_what_cannot_work_is_told_before_training(model: nn.Module, x: np.ndarray, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        run(model, x)


class Detached(nn.Module):
    """Computes with a copy of its weights, as compiled modules may."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)
        self.other = nn.Parameter(torch.zeros(6, 3))
        self.kept = [torch.eye(6, 3, requires_grad=True)]

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.kept[0]


def test_models_at_whose_parameters_no_gradient_arrives_are_refused() -> None:
    with pytest.raises(InputError, match="no gradient arrives at the model's parameters, so nothing would be trained"):
        run(Detached())


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("made", [torch.jit.script, lambda module: torch.jit.trace(module, torch.zeros(2, 6))])
def test_scripted_models_are_trained_like_plain_ones(made: Any) -> None:
    plain = nn.Sequential(nn.Linear(6, 3))
    before = plain[0].weight.detach().clone()
    scripted = run(made(copy.deepcopy(plain)))
    state = run(plain).model.state_dict()
    assert not torch.equal(state["0.weight"], before)
    assert torch.equal(scripted.model.state_dict()["0.weight"], state["0.weight"])


def test_lazy_models_are_made_from_the_samples() -> None:
    result = run(nn.Sequential(nn.LazyLinear(5), nn.ReLU(), nn.LazyLinear(3)))
    assert result.summary["visits_skipped"] == 0
    assert result.model[0].in_features == 6


class Noisy(nn.Module):
    """Draws from what no visit seeds."""

    def __init__(self, draw: Any) -> None:
        super().__init__()
        self.layer, self.draw = nn.Linear(4, 3), draw

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x + (self.draw() if self.training else 0))


def legacy() -> float:
    return float(np.random.rand())  # noqa: NPY002


@pytest.mark.parametrize(("draw", "whose"), [(legacy, "NumPy"), (lambda: random.random(), "Python")])
def test_random_numbers_that_nobody_seeds_are_refused(draw: Any, whose: str) -> None:
    x, y = np.random.default_rng(0).normal(size=(20, 4)), np.arange(20) % 3
    random.seed(3)
    before = random.getstate()
    with pytest.raises(InputError, match=f"draws from {whose}'s random numbers, so that no run could be repeated"):
        astraea.run(dataset=(x, y), model=Noisy(draw), scenario={"clients": 2}, rounds=1)
    assert random.getstate() == before


def test_lazy_buffers_and_buffers_of_eight_bits_go_along() -> None:
    x, y = np.random.default_rng(0).normal(size=(40, 4)), np.arange(40) % 3
    lazy = nn.Sequential(nn.LazyLinear(5), nn.LazyBatchNorm1d(), nn.LazyLinear(3))
    lazy.register_buffer("scale", torch.ones(2).to(torch.float8_e4m3fn))
    result = astraea.run(dataset=(x, y), model=lazy, scenario={"clients": 2}, rounds=1)
    made: Any = result.model
    assert made[1].running_mean.shape == (5,)
    assert made.scale.float().tolist() == [1, 1]


def test_batch_normalisation_and_clients_of_one_sample() -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))
    split = {"skew": "indices", "indices": [[0], list(range(1, 20)), list(range(20, 40)), [41]]}
    with pytest.raises(InputError, match=r"2 of 4 clients have one sample to train on \(0, 3\).*: use GroupNorm"):
        run(model, scenario=split)
    with pytest.raises(InputError, match=r"set train.batch_size to 2 or more"):
        run(model, train={"batch_size": 1})
    pictures = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 3))
    assert run(pictures, IMAGES, scenario=split).summary["visits_skipped"] == 0  # 36 pixels are enough


def test_what_is_odd_but_works_is_said() -> None:
    with pytest.warns(UserWarning, match="outputs are probabilities that sum to 1: leave out its softmax"):
        run(Returning(lambda z: z.softmax(dim=1)))
    with pytest.warns(UserWarning, match="2 of 4 parameters get no gradient and stay as they are, such as 'spare"):
        run(Unused())


def test_codes_go_to_embeddings_as_integers() -> None:
    assert run(Embedded(50), IDS).summary["visits_skipped"] == 0


def test_trying_leaves_no_trace() -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Dropout(), nn.Linear(5, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = run(model), run(model)
    assert torch.equal(first.model[0].weight, second.model[0].weight)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert first.model[1].num_batches_tracked > 0


class Drawing(nn.Linear):
    def __init__(self) -> None:
        super().__init__(6, 3)
        self.noise = torch.Generator()


class Complex(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(6, 3, dtype=torch.complex64))

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(self.weight.dtype) @ self.weight).real


class Sparse(Embedded):
    def __init__(self) -> None:
        super().__init__(50)
        self.table = nn.Embedding(50, 4, sparse=True)


class Unset(nn.Linear):
    """Has a buffer that nobody has set and that its outputs do not show."""

    def __init__(self) -> None:
        super().__init__(6, 3)
        self.register_buffer("seen", torch.full((2,), float("nan")))


def normed() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = nn.utils.weight_norm(nn.Linear(6, 3))
    model(torch.zeros(2, 6))
    return model


def frozen() -> nn.Module:
    return nn.Linear(6, 3).requires_grad_(False)


@pytest.mark.parametrize(
    ("made", "x", "complaint"),
    [
        (Drawing, X, r"draws from a generator of its own \('noise'\)"),
        (Complex, X, "weights of torch.complex64: keep real and imaginary parts"),
        (Sparse, IDS, r"a parameter of shape \(50, 4\) gets sparse gradients.*sparse=False"),
        (Unset, X, "'seen' holds NaN or infinite values before any training"),
        (normed, X, "the model cannot be copied .*: give a function that makes it"),
        (frozen, X, "has no trainable parameter: set requires_grad"),
        (nn.Identity, X[:, :3], "has no trainable parameter"),
        (lambda: nn.Linear(6, 3, device="meta"), X, r"has no weights yet \(device meta\)"),
    ],
)
def test_further_models_that_cannot_be_trained(made: Any, x: np.ndarray, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        run(made(), x)


@pytest.mark.parametrize(
    ("train", "complaint"),
    [
        ({"optimizer": "LBFGS"}, r"the optimiser LBFGS cannot train this model \(TypeError: .*closure"),
        ({"optimizer": "SparseAdam"}, "the optimiser SparseAdam cannot train this model"),
        ({"optimizer": "Adam", "options": {"lambd": 1}}, "optimiser Adam has no option 'lambd'"),
    ],
)
def test_an_optimiser_that_cannot_work_is_told(train: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        run(nn.Linear(6, 3), train=train)


def test_odd_but_sound_models_are_trained() -> None:
    tied = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3))
    tied[2].weight = tied[0].weight
    spectral = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(6, 5)), nn.ReLU(), nn.Linear(5, 3))
    compiled: Any = torch.compile(nn.Linear(6, 3), backend="eager")
    parallel = nn.DataParallel(nn.Linear(6, 3))
    for model in (tied, spectral, compiled, parallel):
        assert run(model).summary["visits_skipped"] == 0


class Shy(nn.Linear):
    """Fails on a client whose samples are large, and makes NaN of those that are larger still."""

    def forward(self, x: Tensor) -> Tensor:
        large = float(x.max()) if self.training else 0.0
        if 99 < large < 1000:
            raise ValueError("too large")
        return super().forward(x) * (float("nan") if large >= 1000 else 1.0)


def test_visits_that_gave_nothing_are_told_with_reason_and_clients() -> None:
    x = X.copy()
    x[45, 0], x[31, 0] = 1e4, 100.0
    split = {"skew": "indices", "indices": [[*range(15)], [*range(15, 30)], [*range(30, 40)], [45, 46, 47, 48]]}
    everyone = {"algorithm": {"name": "fedavg", "clients_per_round": 4}, "rounds": 2}
    summary = astraea.run(dataset=(x, Y, X, Y), model=Shy(6, 3), **{**SMALL, **everyone, "scenario": split}).summary
    assert summary["visits_skipped"] == 4
    assert summary["skipped"] == [
        {"reason": "ValueError: too large", "visits": 2, "clients": 1, "names": ["2"]},
        {"reason": "the model became NaN or infinite", "visits": 2, "clients": 1, "names": ["3"]},
    ]
    assert "2 visits gave nothing, of client 2: ValueError: too large." in summary["notes"]


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="this machine has the device")
def test_a_device_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(InputError, match=r"engine.device 'mps' is not to be had here \([^\]\n]{1,120}\): use 'cpu'$"):
        run(nn.Linear(6, 3), engine={"device": "mps"})


def test_codes_that_only_the_test_or_validation_set_has_are_found_before_training() -> None:
    some = IDS % 40
    for part in ("test", "validation"):
        more: dict[str, Any] = {part: (IDS, Y)}
        with pytest.raises(InputError, match=rf"in the {part} set, layer 'table' .* has 40 rows, .* give it 50 rows"):
            run(Embedded(40), some, **more)
    with pytest.raises(
        InputError, match=r"layer 'table' \(Embedding\) has 40 rows, .* codes from 0 to 49: give it 50 rows"
    ):
        run(Embedded(40), some).predict(IDS)


class Standardised(nn.Module):
    """Divides by what is 0 for samples of zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x / x.norm(dim=1, keepdim=True))


def test_models_are_judged_by_real_samples_and_not_by_zeros() -> None:
    assert run(Standardised()).summary["rounds"] == SMALL["rounds"]


def test_a_young_model_whose_logits_lie_between_0_and_1_is_no_sigmoid(recwarn: pytest.WarningsRecorder) -> None:
    model = nn.Linear(6, 1)
    nn.init.constant_(model.weight, 0.01)
    nn.init.constant_(model.bias, 0.5)
    run(model, X, Y % 2)
    assert not [one for one in recwarn if "sigmoid" in str(one.message)]
    with pytest.warns(UserWarning, match="as after a sigmoid: leave it out"):
        run(nn.Sequential(model, nn.Sigmoid()), X, Y % 2)


def test_integers_of_unlike_scales_are_told_where_a_model_takes_them_as_numbers() -> None:
    numbers = RNG.integers(0, 9, (60, 6)) * [1, 1, 1, 1, 1, 5000]
    with pytest.warns(
        UserWarning, match="The spread of the integers, which the model 'auto' takes as numbers, differs"
    ):
        astraea.run(dataset=(numbers, Y), **SMALL)
    run(Embedded(45_000), numbers)
