"""What the documentation promises to keep: every public name is there, described, and has a page."""

from __future__ import annotations

import runpy
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
HOOKS: dict[str, Any] = runpy.run_path(str(DOCS / "hooks.py"))


@pytest.mark.parametrize("package", HOOKS["PUBLIC"])
def test_every_public_name_is_there_and_described(package: str) -> None:
    if package == "astraea.flower":
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
