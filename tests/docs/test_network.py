"""What the pages about networks show runs, and says what comes out."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from astraea.network import load_network

DOCS = Path(__file__).parents[2] / "docs"


def blocks(language: str, page: str = "network") -> list[str]:
    text = (DOCS / "tutorial" / f"{page}.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def test_the_tutorials_round_takes_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shared: dict[str, Any] = {}
    for block in blocks("python"):
        exec(block, shared)

    printed = capsys.readouterr().out.strip()
    assert f"It prints `{printed}`" in (DOCS / "tutorial" / "network.md").read_text()
    assert (tmp_path / "round.png").read_bytes().startswith(b"\x89PNG")


def test_the_tutorials_plans_are_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = blocks("python", "plan")
    shared: dict[str, Any] = {}

    exec(first, shared)
    assert capsys.readouterr().out == blocks("text", "plan")[0]
    exec(second, shared)

    fedavg, astraea = shared["reached"].rows[-1], shared["reached"].rows[0]
    assert fedavg.plan.algorithm == "fedavg"
    assert astraea.final > fedavg.final + 0.03
    assert astraea.rounds < fedavg.rounds


def test_the_tutorials_file_is_a_network(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(blocks("toml")[0])

    assert load_network(file).sites[0].delay_ms == 20


def test_the_reference_lists_every_key() -> None:
    hooks = runpy.run_path(str(DOCS / "hooks.py"))
    page = hooks["on_page_markdown"]((DOCS / "reference" / "networks.md").read_text())

    assert "| `buffer_bdp` | `1.0` |" in page
    assert page.count("`half_duplex`") == 1
    listed = page.split("## What is modelled")[0]
    assert "None" not in listed
    assert "The built site" not in listed  # which is for readers of the sources
