"""Values as tensors and JSON: what goes in comes out, and what cannot is refused with its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from astraea.errors import InputError
from astraea.federation.algorithms import State
from astraea.federation.values import packed, unpacked


@dataclass(frozen=True)
class Moment:
    mean: Tensor
    count: int = 0


@dataclass(frozen=True)
class MyState(State):
    drift: float = 0.0
    names: tuple[str, ...] = ()
    moments: Mapping[int, Moment] = field(default_factory=dict)


class Undeclared(State):
    pass


def there_and_back(value: object) -> object:
    plain, tensors = packed(value, "state")
    return unpacked(json.loads(json.dumps(plain)), tensors)


def test_every_field_of_a_users_own_state_comes_back() -> None:
    moments = {3: Moment(torch.ones(2), 7)}
    state = MyState(2, torch.zeros(3), torch.tensor([1]), drift=0.1 + 0.2, names=("a", "b"), moments=moments)
    back = there_and_back(state)
    assert isinstance(back, MyState)
    assert (back.round, back.drift, back.names, back.moments[3].count) == (2, 0.1 + 0.2, ("a", "b"), 7)
    assert torch.equal(back.moments[3].mean, torch.ones(2))
    assert back.counters.dtype == torch.int64
    assert back.shared == {}


def test_texts_and_integers_as_keys_stay_apart_although_their_tensors_would_share_a_name() -> None:
    back = there_and_back({1: torch.zeros(1), "1": torch.ones(1)})
    assert back == {1: torch.zeros(1), "1": torch.ones(1)}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"a": [object()]}, "state/a/0 is of type object, which no checkpoint can hold"),
        ({(1, 2): 3}, r"state has the key \(1, 2\)"),
        ({"net": torch.nn.Linear(1, 1)}, "state/net is of type Linear"),
        ({"seen": {1, 2}}, "state/seen is of type set"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_its_place(value: object, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        packed(value, "state")


def test_an_attribute_that_is_no_field_is_refused() -> None:
    state = Undeclared(0, torch.zeros(1), torch.zeros(0))
    object.__setattr__(state, "lost", 3)
    with pytest.raises(InputError, match="state/lost is no field of the data class Undeclared"):
        packed(state, "state")


def test_no_module_is_imported_for_what_a_file_names() -> None:
    with pytest.raises(InputError, match="it holds a this:Zen, which is not loaded"):
        unpacked({"dataclass": ["this:Zen", {}]}, {})
    with pytest.raises(InputError, match="it holds a os:system"):
        unpacked({"dataclass": ["os:system", {}]}, {})
