"""Other people's libraries take the environment as the how-to shows; one that is not installed is skipped."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "other-libraries.md"

# what libraries warn of is theirs
pytestmark = [pytest.mark.compiled, pytest.mark.filterwarnings("ignore")]


def run(title: str) -> None:
    """Run the code under a heading of the page."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    (block,) = re.findall(r"^```python\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    exec(compile(block, title, "exec"), {"__name__": title})


def test_torchrl(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torchrl", reason="TorchRL is not installed: pip install torchrl")
    run("TorchRL")
    assert capsys.readouterr().out == "torch.Size([50, 2, 25]) torch.Size([50, 16])\n"


def test_stable_baselines(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("stable_baselines3", reason="not installed: pip install stable-baselines3")
    pytest.importorskip("supersuit", reason="SuperSuit is not installed: pip install supersuit")
    run("Stable-Baselines3")
    assert capsys.readouterr().out.endswith("(4, 1)\n")


@pytest.mark.slow
def test_rllib(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ray.rllib", reason="RLlib is not installed: pip install 'ray[rllib]'")
    run("RLlib")
    assert float(capsys.readouterr().out.split()[-1]) >= 64
