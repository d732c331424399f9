"""The package from outside: what it exports, and that importing it costs next to nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import astraea


def imported_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("name", astraea.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(astraea, name).__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'astraea' has no attribute 'nothing'"):
        _ = astraea.nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import astraea", {"torch", "numpy", "pydantic", "matplotlib"}),
        ("from astraea.balance import kl_to_uniform, rebalancing, schedule_mediators, Rebalancing", {"torch", "numba"}),
        ("import astraea.congestion", {"torch", "numba", "pettingzoo"}),
        ("import astraea.cli.app", {"torch", "numba", "matplotlib", "sklearn"}),
    ],
)
def test_imports_stay_light(statement: str, absent: set[str]) -> None:
    assert not imported_by(statement) & absent


def test_runs_as_a_module() -> None:
    shown = subprocess.run([sys.executable, "-m", "astraea", "--version"], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == astraea.__version__
