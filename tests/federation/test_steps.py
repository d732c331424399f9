import pytest

from astraea.federation.steps import effective_steps


def test_steps_with_momentum_worked_out_by_hand() -> None:
    assert effective_steps(3) == 3.0
    # Heavy ball 1/2 under gradients of 1: velocities 1, 3/2, 7/4, which move by 17/4 in all.
    assert effective_steps(3, 0.5) == pytest.approx(1 + 1.5 + 1.75)
    assert effective_steps(0, 0.9) == 0.0
