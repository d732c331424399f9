"""The code of a part of one's own belongs to what is run: a folder refuses it when it has changed."""

from __future__ import annotations

from collections.abc import Callable as Function
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor, nn
from torch.nn import functional

import astraea
from astraea import Callback
from astraea.errors import RunError
from astraea.federation.loop import Run
from astraea.parts.functions import code_digest

Y = np.arange(60) % 2
X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32) + Y[:, None].astype(np.float32)


def mine(logits: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(logits, targets)


first = mine


def mine(logits: Tensor, targets: Tensor) -> Tensor:  # type: ignore[no-redef]
    return 2 * functional.cross_entropy(logits, targets)


class Stop(Callback):
    def after_round(self, run: Run) -> None:
        raise KeyboardInterrupt


def train(out: Path, loss: Any, **more: Any) -> astraea.Result:
    return astraea.run(
        dataset=(X, Y), scenario={"clients": 3}, model=nn.Linear(3, 2), rounds=2, out=out, train={"loss": loss},
        algorithm={"clients_per_round": 3}, **more,
    )  # fmt: skip


def test_a_run_goes_on_with_the_code_that_began_it_and_no_other(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, first, callbacks=[Stop()])
    with pytest.raises(
        RunError, match=r"made with other code of train\.loss, which has changed since: bring that code"
    ):
        train(tmp_path, mine, resume=True)
    assert train(tmp_path, first, resume=True).summary["rounds"] == 2


def test_what_a_function_encloses_and_defaults_to_is_part_of_its_code() -> None:
    def scaled(by: float) -> Function[[Tensor], Tensor]:
        return lambda x: x * by

    def default(x: Tensor, by: float = 1.0) -> Tensor:
        return x * by

    first, same, other = (code_digest(scaled(by)) for by in (1.0, 1.0, 2.0))  # type: ignore[arg-type]
    assert first == same != other
    before = code_digest(default)  # type: ignore[arg-type]
    default.__defaults__ = (2.0,)
    assert code_digest(default) != before  # type: ignore[arg-type]
