"""Losses worked out by hand: with equal logits a softmax is what was added to them."""

from __future__ import annotations

import math
import pickle
from typing import Any

import cloudpickle
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from astraea.balance.losses import (
    ClassView,
    CrossEntropy,
    FedLC,
    FedRS,
    Focal,
    LocalPrior,
    LocalScaling,
    LogitAdjusted,
    Loss,
    Ratio,
    RunningPrior,
    Smoothed,
    Weighted,
)
from astraea.errors import InputError

NAMES = {
    name for name, kind in Loss.registered().items() if name != "auto" and not (kind.regression or kind.several)
}  # of classes
PRIOR = ClassView(torch.tensor([0.75, 0.25]).log())
EQUAL, FIRST, SECOND = torch.zeros(1, 2), torch.tensor([0]), torch.tensor([1])


def test_logit_adjustment_worked_out_by_hand() -> None:
    # equal logits: the softmax is the prior itself, so class 1 costs -log(1/4)
    assert LogitAdjusted()(EQUAL, SECOND, PRIOR).item() == pytest.approx(math.log(4))
    # tau 2: weights 9/16 and 1/16, so class 1 costs log 10
    assert LogitAdjusted(tau=2.0)(EQUAL, SECOND, PRIOR).item() == pytest.approx(math.log(10))
    # a logit of log 3 makes up for the prior
    offset = torch.tensor([[0.0, math.log(3)]])
    assert LogitAdjusted()(offset, SECOND, PRIOR).item() == pytest.approx(math.log(2))


def test_cross_entropy_worked_out_by_hand() -> None:
    loss = Loss.of("cross-entropy")
    assert not loss.reads_prior
    value = loss(torch.tensor([[0.0, math.log(3)], [0.0, 0.0]]), torch.tensor([1, 0]), ClassView())
    assert value.item() == pytest.approx((math.log(4 / 3) + math.log(2)) / 2)


def test_the_local_prior_is_the_clients_own() -> None:
    own = ClassView(PRIOR.log_prior, torch.tensor([1, 4]))
    # 1/5 and 4/5 whatever the effective prior is; with tau 2 they weigh 1 to 16
    assert LocalPrior()(EQUAL, SECOND, own).item() == pytest.approx(math.log(5 / 4))
    assert LocalPrior(tau=2.0)(EQUAL, FIRST, own).item() == pytest.approx(math.log(17))


def test_a_class_that_the_client_lacks_is_left_out_of_its_softmax() -> None:
    own = ClassView(counts=torch.tensor([2, 2, 0]))
    loss = LocalPrior()(torch.tensor([[0.0, 0.0, 3.0]]), FIRST, own)
    assert loss.item() == pytest.approx(math.log(2), abs=1e-6)


def test_the_running_prior_goes_from_the_global_to_the_own() -> None:
    # g = 1/2: batch 1 has half of (3/4, 1/4) and half of (0, 1), (3/8, 5/8); batch 2 has (3/16, 13/16).
    for step, cost in ((0, 8 / 3), (1, 16 / 3)):
        view = ClassView(PRIOR.log_prior, torch.tensor([0, 7]), step)
        loss = RunningPrior(tau=1.0, prior_rate=0.5)(EQUAL, FIRST, view)
        assert loss.item() == pytest.approx(math.log(cost))
    # the paper's exponent 1.5 and rate 0.1: after one batch 0.675 and 0.325
    view = ClassView(PRIOR.log_prior, torch.tensor([0, 7]))
    expected = math.log(1 + (0.325 / 0.675) ** 1.5)
    assert RunningPrior()(EQUAL, FIRST, view).item() == pytest.approx(expected, rel=1e-6)


@given(st.integers(0, 40), st.floats(0, 1))
def test_the_running_prior_is_the_papers_recursion(step: int, rate: float) -> None:
    own, prior = torch.tensor([0.1, 0.2, 0.7]), torch.tensor([0.5, 0.3, 0.2])
    for _ in range(step + 1):
        prior = (1 - rate) * prior + rate * own
    view = ClassView(torch.tensor([0.5, 0.3, 0.2]).log(), torch.tensor([1, 2, 7]), step)
    expected = -(prior.log() - prior.sum().log())[1]
    loss = RunningPrior(tau=1.0, prior_rate=rate)(torch.zeros(1, 3), SECOND, view)
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)


def test_fedlc_takes_a_margin_of_the_fourth_root() -> None:
    # 16 and 1 samples: margins 1/2 and 1
    view = ClassView(counts=torch.tensor([16, 1]))
    assert FedLC()(EQUAL, SECOND, view).item() == pytest.approx(math.log(1 + math.exp(0.5)))
    assert FedLC(tau=2.0)(EQUAL, FIRST, view).item() == pytest.approx(math.log(1 + math.exp(-1)))
    # an absent class loses 100 tau
    absent = ClassView(counts=torch.tensor([1, 0]))
    assert FedLC()(torch.tensor([[0.0, 99.0]]), FIRST, absent).item() == pytest.approx(math.log(2), abs=1e-3)


def test_local_scaling_goes_by_the_share_of_the_clients_commonest_class() -> None:
    own = ClassView(counts=torch.tensor([4, 1]))
    logits = torch.tensor([[math.log(4), math.log(16)]])  # scaled by 1 and by 1/4 + 3/4 * 1/4 = 7/16
    expected = -math.log(4 / (4 + 16 ** (7 / 16)))
    assert LocalScaling()(logits, FIRST, own).item() == pytest.approx(expected)
    assert LocalScaling(least_scale=1.0)(logits, FIRST, own).item() == pytest.approx(math.log(5))
    lacking = ClassView(counts=torch.tensor([4, 0]))
    assert LocalScaling(least_scale=0.0)(logits, FIRST, lacking).item() == pytest.approx(math.log(5 / 4))


def test_fedrs_scales_what_the_client_lacks() -> None:
    view = ClassView(counts=torch.tensor([3, 0]))
    logits = torch.tensor([[0.0, 2 * math.log(3)]])
    assert FedRS()(logits, FIRST, view).item() == pytest.approx(math.log(1 + 3))
    assert FedRS(absent_scale=1.0)(logits, FIRST, view).item() == pytest.approx(math.log(1 + 9))
    assert FedRS(absent_scale=0.0)(logits, FIRST, view).item() == pytest.approx(math.log(2))


def test_the_ratio_loss_weighs_rare_classes() -> None:
    # prior 1/4 of two classes: half as common as the average, R = 2 and weight 1.2; 3/4: R = 2/3
    assert Ratio()(EQUAL, SECOND, PRIOR).item() == pytest.approx(1.2 * math.log(2))
    both = Ratio(ratio_weight=3.0)(torch.zeros(2, 2), torch.tensor([0, 1]), PRIOR)
    assert both.item() == pytest.approx((3 + 7) / 2 * math.log(2))
    nobody = ClassView(torch.tensor([1.0, 0.0]).log())
    assert Ratio()(EQUAL, SECOND, nobody).item() == pytest.approx(501 * math.log(2), rel=1e-5)


@given(st.lists(st.floats(-5, 5), min_size=6, max_size=6))
def test_without_strength_or_with_even_classes_they_are_cross_entropy(values: list[float]) -> None:
    logits, targets = torch.tensor(values).reshape(2, 3), torch.tensor([2, 0])
    plain = Loss.of("cross-entropy")(logits, targets, ClassView())
    even = ClassView(torch.full((3,), 1 / 3).log(), torch.tensor([5, 5, 5]))
    skewed = ClassView(torch.tensor([0.7, 0.2, 0.1]).log(), torch.tensor([7, 2, 1]))
    for name in ("logit-adjusted", "local-prior", "running-prior", "fedlc", "fedrs", "local-scaling"):
        assert Loss.of(name)(logits, targets, even).item() == pytest.approx(plain.item(), abs=1e-5)
    for name in ("logit-adjusted", "local-prior", "running-prior", "fedlc"):
        assert Loss.of(name, tau=0.0)(logits, targets, skewed).item() == pytest.approx(plain.item(), abs=1e-5)
    assert Loss.of("ratio", ratio_weight=0.0)(logits, targets, skewed).item() == pytest.approx(plain.item())


@pytest.mark.parametrize("name", sorted(NAMES - {"focal", "label-smoothing"}))  # which know no classes
def test_names_that_nobody_holds_are_pushed_down_as_by_cross_entropy(name: str) -> None:
    logits, targets = torch.tensor([[0.3, -1.0, 0.7, 2.0]]), torch.tensor([0])
    even = ClassView(torch.tensor([0.5, 0.5, 0.0, 0.0]).log(), torch.tensor([4, 4, 0, 0]), 3)
    factor = 1.1 if name == "ratio" else 1.0  # what it weighs every class of a balanced prior
    plain = functional.cross_entropy(logits, targets)
    assert Loss.of(name)(logits, targets, even).item() == pytest.approx(factor * plain.item(), rel=1e-5)


def test_a_class_that_others_hold_is_still_left_out() -> None:
    # class 1 is with others, class 2 with nobody: only the latter counts, as the one held class does
    view = ClassView(torch.tensor([0.5, 0.5, 0.0]).log(), torch.tensor([6, 0, 0]))
    loss = LocalPrior()(torch.zeros(1, 3), FIRST, view)
    assert loss.item() == pytest.approx(math.log(1 + 1 / 2), abs=1e-6)
    # an estimated prior may miss what the client holds: its own count is right
    missed = ClassView(torch.tensor([1.0, 0.0]).log(), torch.tensor([1, 1]))
    assert LocalPrior()(EQUAL, SECOND, missed).item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_class_that_nobody_holds_gives_no_nan(name: str) -> None:
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    view = ClassView(torch.tensor([0.9, 0.1, 0.0]).log(), torch.tensor([3, 0, 0]), 5)
    loss = Loss.of(name)(logits, torch.tensor([0, 1, 0, 2]), view)
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_loss_travels_to_other_processes(name: str) -> None:
    parameters: dict[str, Any] = dict.fromkeys(Loss.find(name).model_fields, 0.7)
    if "weights" in parameters:
        parameters["weights"] = (0.7, 0.2)
    loss = pickle.loads(pickle.dumps(Loss.of(name, **parameters)))
    logits, targets = torch.tensor([[1.0, 2.0]]), torch.tensor([0])
    view = ClassView(PRIOR.log_prior, torch.tensor([3, 1]))
    assert loss(logits, targets, view) == Loss.of(name, **parameters)(logits, targets, view)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_loss_serves_many_models_at_once(name: str) -> None:
    logits = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(1))
    targets = torch.tensor([[0, 1, 0, 1]] * 3)
    counts = torch.tensor([[4.0, 1.0], [0.0, 2.0], [1.0, 1.0]])
    loss = Loss.of(name)

    def one(logits: torch.Tensor, targets: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        return loss(logits, targets, ClassView(PRIOR.log_prior, counts, 2))

    together = torch.vmap(one)(logits, targets, counts)
    alone = torch.stack([one(*parts) for parts in zip(logits, targets, counts, strict=True)])
    assert torch.allclose(together, alone)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'logit-adjusted'"):
        Loss.of("logit-adjustment")
    with pytest.raises(InputError, match="'tau' cannot be -1"):
        Loss.of("logit-adjusted", tau=-1)
    with pytest.raises(InputError, match=r"unknown key 'tau' \(known here: name, absent_scale\)"):
        Loss.of("fedrs", tau=1)
    with pytest.raises(InputError, match="needs the class prior"):
        Loss.of("logit-adjusted")(EQUAL, FIRST, ClassView())
    with pytest.raises(InputError, match="needs the client's own label histogram"):
        Loss.of("fedlc")(EQUAL, FIRST, ClassView())


def test_binary_cross_entropy_of_each_label_by_itself() -> None:
    logits, targets = torch.tensor([[0.0, 0.0], [math.log(3), 0.0]]), torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    found = Loss.of("binary-cross-entropy")(logits, targets, ClassView())
    assert found.item() == pytest.approx((3 * math.log(2) - math.log(3 / 4)) / 4)


def test_squared_error_of_one_output_a_sample() -> None:
    outputs = torch.tensor([[1.0], [3.0]])
    assert Loss.of("squared-error")(outputs, torch.tensor([0.0, 5.0]), ClassView()) == 2.5  # (1 + 4) / 2


def test_the_focal_loss_worked_out_by_hand() -> None:
    # p_y = 1/4: (3/4)^2 log 4
    logits = torch.tensor([[math.log(3), 0.0]])
    assert Focal()(logits, SECOND, ClassView()).item() == pytest.approx(9 / 16 * math.log(4))
    assert Focal(gamma=0.0)(logits, SECOND, ClassView()).item() == pytest.approx(math.log(4))
    sure = torch.tensor([[200.0, 0.0]], requires_grad=True)
    Focal(gamma=0.5)(sure, FIRST, ClassView()).backward()
    assert sure.grad is not None
    assert not bool(sure.grad.isnan().any())


def test_label_smoothing_worked_out_by_hand() -> None:
    # 0.2 smoothed: 0.9 at the label, 0.1 at the other
    logits = torch.tensor([[math.log(3), 0.0]])
    expected = 0.9 * math.log(4 / 3) + 0.1 * math.log(4)
    assert Smoothed(smoothing=0.2)(logits, FIRST, ClassView()).item() == pytest.approx(expected)


def test_class_weights_worked_out_by_hand() -> None:
    assert Weighted()(EQUAL, SECOND, PRIOR).item() == pytest.approx(2 * math.log(2))  # 1 / (2 * 1/4)
    assert Weighted(weights=(1.0, 5.0))(EQUAL, SECOND, ClassView()).item() == pytest.approx(5 * math.log(2))
    with pytest.raises(InputError, match="has 3 values for 2 classes"):
        Weighted(weights=(1.0, 5.0, 1.0))(EQUAL, SECOND, ClassView())
    with pytest.raises(InputError, match="needs the class prior"):
        Weighted()(EQUAL, SECOND, ClassView())


@pytest.mark.parametrize(
    ("weights", "complaint"),
    [
        ((1.0, -1.0), "'weights.1' cannot be -1.0"),
        ((0.0, 0.0), "all weights are 0"),
        ((float("inf"),), "finite number"),
    ],
)
def test_class_weights_that_would_train_the_wrong_way_are_refused(weights: tuple[float, ...], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        Weighted(weights=weights)


def doubled(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Twice the cross-entropy."""
    return 2 * functional.cross_entropy(logits, targets)


def informed(logits: torch.Tensor, targets: torch.Tensor, classes: ClassView) -> torch.Tensor:
    return functional.cross_entropy(logits + classes.step, targets) + classes.step


def test_functions_and_modules_are_losses() -> None:
    loss = Loss.of(doubled)
    assert loss(EQUAL, FIRST, PRIOR).item() == pytest.approx(2 * math.log(2))
    assert loss.called() == f"{__name__}:doubled"
    assert Loss.of(f"{__name__}:doubled")(EQUAL, FIRST, PRIOR).item() == pytest.approx(2 * math.log(2))
    assert Loss.of(informed)(EQUAL, FIRST, ClassView(step=3)).item() == pytest.approx(3 + math.log(2))
    assert cloudpickle.loads(cloudpickle.dumps(loss))(EQUAL, FIRST, PRIOR).item() == pytest.approx(2 * math.log(2))
    light, heavy = (
        Loss.of(torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, weight]), reduction="sum")) for weight in (1.0, 3.0)
    )
    assert heavy(EQUAL, SECOND, PRIOR).item() == pytest.approx(3 * math.log(2))
    assert light.called() != heavy.called()
    with pytest.raises(InputError, match="no loss"):
        Loss.of(torch.nn.CrossEntropyLoss)


class Plain:
    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(logits, targets)


def test_an_object_known_by_its_place_in_memory_is_refused() -> None:
    with pytest.raises(InputError, match="an object of Plain cannot be told from another one: give a function"):
        Loss.of(Plain())


@pytest.mark.parametrize(
    "own",
    [
        functional.l1_loss,
        nn.L1Loss(),
        lambda outputs, targets: (outputs - targets).abs().mean(),
        lambda outputs, targets: (outputs.squeeze(1) - targets).abs().mean(),
        lambda outputs, targets: (outputs[:, 0] - targets).abs().mean(),
    ],
)
def test_outputs_are_never_spread_over_the_numbers_to_be_predicted(own: Any) -> None:
    outputs, targets = torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([1.0, 3.0, 2.0])
    assert float(Loss.of(own)(outputs, targets, ClassView(None))) == 1.0  # (0 + 1 + 2) / 3


@pytest.mark.parametrize("own", [functional.binary_cross_entropy_with_logits, nn.BCEWithLogitsLoss()])
def test_binary_cross_entropy_gets_one_logit_for_two_classes(own: Any) -> None:
    z, classes = torch.tensor([0.5, -2.0]), torch.tensor([1, 0])
    logits = torch.stack([torch.zeros(2), z], dim=1)  # as a model with one logit comes
    wanted = functional.binary_cross_entropy_with_logits(z, classes.float())
    assert float(Loss.of(own)(logits, classes, ClassView(None))) == pytest.approx(float(wanted))
    sets = torch.tensor([[1.0, 0.0], [1.0, 1.0]])  # several labels are another matter
    wanted = functional.binary_cross_entropy_with_logits(logits, sets)
    assert float(Loss.of(own)(logits, sets, ClassView(None))) == pytest.approx(float(wanted))


def test_a_likelihood_gets_logarithms_of_probabilities_from_logits_or_as_they_are() -> None:
    logits, targets = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0]]), torch.tensor([0, 2])
    entropy = CrossEntropy()(logits, targets, ClassView())
    for outputs in (logits, logits.log_softmax(1)):
        torch.testing.assert_close(Loss.of(torch.nn.NLLLoss())(outputs, targets, ClassView()), entropy)
