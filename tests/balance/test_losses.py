import math
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from astraea.balance.losses import LOSSES, logit_adjustment, make_loss
from astraea.errors import InputError

PRIOR = torch.tensor([0.75, 0.25]).log()


def test_logit_adjustment_worked_out_by_hand() -> None:
    # equal logits: the softmax is the prior itself, so class 1 costs -log(1/4)
    logits = torch.zeros(1, 2)
    assert logit_adjustment(logits, torch.tensor([1]), PRIOR).item() == pytest.approx(math.log(4))
    # tau 2: weights 9/16 and 1/16, so class 1 costs log 10
    assert logit_adjustment(logits, torch.tensor([1]), PRIOR, tau=2.0).item() == pytest.approx(math.log(10))
    # a logit of log 3 makes up for the prior
    offset = torch.tensor([[0.0, math.log(3)]])
    assert logit_adjustment(offset, torch.tensor([1]), PRIOR).item() == pytest.approx(math.log(2))


def test_cross_entropy_worked_out_by_hand() -> None:
    loss, reads_prior = make_loss("cross-entropy")
    assert not reads_prior
    value = loss(torch.tensor([[0.0, math.log(3)], [0.0, 0.0]]), torch.tensor([1, 0]), None)
    assert value.item() == pytest.approx((math.log(4 / 3) + math.log(2)) / 2)


@given(st.lists(st.floats(-5, 5), min_size=6, max_size=6))
def test_without_strength_or_with_an_even_prior_it_is_cross_entropy(values: list[float]) -> None:
    logits, targets = torch.tensor(values).reshape(2, 3), torch.tensor([2, 0])
    plain = make_loss("cross-entropy")[0](logits, targets, None)
    even = torch.full((3,), 1 / 3).log()
    skewed = torch.tensor([0.7, 0.2, 0.1]).log()
    assert logit_adjustment(logits, targets, even).item() == pytest.approx(plain.item(), abs=1e-5)
    assert logit_adjustment(logits, targets, skewed, tau=0.0).item() == pytest.approx(plain.item(), abs=1e-6)


@pytest.mark.parametrize("tau", [0.0, 1.0])
def test_a_class_that_nobody_holds_gives_no_nan(tau: float) -> None:
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    log_prior = torch.tensor([0.9, 0.1, 0.0]).log()
    loss = logit_adjustment(logits, torch.tensor([0, 1, 0, 2]), log_prior, tau)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_loss_travels_to_other_processes(name: str) -> None:
    loss = pickle.loads(pickle.dumps(make_loss(name, 1.5)[0]))
    logits, targets = torch.tensor([[1.0, 2.0]]), torch.tensor([0])
    assert loss(logits, targets, PRIOR) == make_loss(name, 1.5)[0](logits, targets, PRIOR)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'logit-adjusted'"):
        make_loss("logit-adjustment")
    with pytest.raises(InputError, match="tau is -1"):
        make_loss("logit-adjusted", -1)
    with pytest.raises(InputError, match="needs the class prior"):
        make_loss("logit-adjusted")[0](torch.zeros(1, 2), torch.tensor([0]), None)
