"""How tests of studies get at what they test: scripts, which import each other by the name of the file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

STUDIES = Path(__file__).parents[2] / "studies"


@pytest.fixture(scope="session")
def script() -> Callable[..., ModuleType]:
    """``script(name, folder)`` imports a file of ``studies``, or of a folder in it."""

    def load(name: str, folder: str = "") -> ModuleType:
        sys.path.insert(0, str(STUDIES / folder))
        try:
            return import_module(name)
        finally:
            sys.path.remove(str(STUDIES / folder))

    return load
