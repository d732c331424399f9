"""What the documentation promises to keep: every public name is there, described, and has a page."""

from __future__ import annotations

import re
import runpy
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from astraea.experiment.arms import VARIATIONS

DOCS = Path(__file__).parents[2] / "docs"
HOOKS: dict[str, Any] = runpy.run_path(str(DOCS / "hooks.py"))


@pytest.mark.parametrize("package", HOOKS["PUBLIC"])
def test_every_public_name_is_there_and_described(package: str) -> None:
    if package.startswith("astraea.flower"):
        pytest.importorskip("flwr", reason="needs astraea[flower]")
    names = HOOKS["public_names"](package)
    assert "" not in names
    for name, home in names.items():
        value = getattr(import_module(package), name)
        assert not home or value.__doc__, f"{package}.{name} has no docstring"
        assert f"::: {home or f'{package}.{name}'}\n" in HOOKS["on_page_markdown"](f"<!-- api {package} -->")


def test_every_package_has_a_page() -> None:
    pages = {path.stem for path in (DOCS / "reference" / "api").glob("*.md")}
    assert pages == {package.removeprefix("astraea.") for package in HOOKS["PUBLIC"]}
    table = HOOKS["on_page_markdown"]("<!-- public -->")
    assert "| [`astraea.balance`](api/balance.md) | `kl_to_uniform`, `Rebalancing`, `rebalancing`" in table


def test_references_in_docstrings_are_shown_as_code() -> None:
    griffe = pytest.importorskip("griffe", reason="needs astraea[docs]")
    roles = runpy.run_path(str(DOCS / "roles.py"))["Roles"]()
    function = griffe.Function(
        "f", docstring=griffe.Docstring("Raises :class:`~a.B` for ``x``, such as::\n\n    f(1)\n\nEnd.")
    )
    roles.on_object(obj=function)
    assert function.docstring.value == "Raises `a.B` for `x`, such as:\n\n    f(1)\n\nEnd."


def test_tables_of_settings_come_from_the_settings() -> None:
    def lines(mark: str) -> list[str]:
        table: str = HOOKS["on_page_markdown"](f"<!-- {mark} -->")
        return table.splitlines()

    loss = lines("settings train.loss")
    assert loss[0] == "| key | default | range | of | meaning |"
    assert loss[2].startswith('| `train.loss` | `"auto"` |')
    assert all(line.startswith("| `train.loss") for line in loss[2:])
    assert "| `train.loss.tau` | `1.5` | ≥ 0 | running-prior | Strength of the correction. |" in loss
    transforms = lines("settings balance.transforms")
    assert any(line.startswith("| `balance.transforms.zoom` | `0.1` | 0 to < 1 |") for line in transforms)
    assert any(
        line.startswith('| `balance.transforms.fill` | `"border"` | border, zeros, reflection |') for line in transforms
    )
    score = lines("model astraea.congestion.metrics.score:ScoreSettings")
    assert "| `hold_s` | `5.0` | > 0 |  | how long it must stay there |" in score


def test_every_variation_is_listed_with_what_it_changes() -> None:
    table = HOOKS["on_page_markdown"]("<!-- variations -->")
    assert (
        '| `papers-optimizer` | `train.optimizer = "Adam"`, `train.lr = 0.001`, `train.schedule = "constant"` |'
        in table
    )
    assert [line.split("`")[1] for line in table.splitlines()[2:]] == list(VARIATIONS)


def test_formulas_are_drawn_without_a_script() -> None:
    pytest.importorskip("latex2mathml", reason="needs astraea[docs]")
    html = HOOKS["on_page_content"](r'<p>at <span class="arithmatex">\(a &lt; \frac{1}{2}\)</span>.</p>')
    assert html.startswith('<p>at <span class="arithmatex"><math')
    assert "<mfrac>" in html
    assert "\\frac" not in html


def test_arguments_of_the_strategy_are_all_explained() -> None:
    pytest.importorskip("flwr", reason="needs the extra astraea[flower]")
    page = HOOKS["on_page_markdown"]("<!-- arguments astraea.flower:AstraeaStrategy -->")
    names = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert names[:5] == ["algorithm", "balance", "train", "server", "privacy"]
    assert "| `patience` | `600.0` | Seconds to wait for `min_available_nodes`" in page
