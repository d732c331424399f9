from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from astraea.lazy import lazy_names


def test_names_are_those_of_the_stub_and_imported_when_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "idle"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from astraea.lazy import lazy_names\n__getattr__, __dir__, __all__ = lazy_names(__name__)\n"
    )
    (package / "__init__.pyi").write_text("from idle.work import do as do, done as finished\nx: int\n")
    (package / "work.py").write_text("do, done = 1, 2\n")
    monkeypatch.syspath_prepend(tmp_path)

    idle = importlib.import_module("idle")

    assert idle.__all__ == ["do", "finished"]
    assert "idle.work" not in sys.modules
    assert (idle.do, idle.finished) == (1, 2)
    assert {"do", "finished", "work", "__name__"} <= set(dir(idle))
    with pytest.raises(AttributeError, match="module 'idle' has no attribute 'done'"):
        _ = idle.done


def test_a_package_without_a_stub_cannot_be_lazy() -> None:
    with pytest.raises(FileNotFoundError):
        lazy_names("astraea.lazy")
