"""How the room compiles and loads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from astraea.congestion import compiled


def test_importing_the_room_compiles_nothing() -> None:
    code = "import sys, astraea.congestion; print('numba' in sys.modules, 'torch' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["False", "False"]


def test_an_unknown_name_is_not_there() -> None:
    import astraea.congestion as room

    with pytest.raises(AttributeError, match="has no attribute 'simulat'"):
        _ = room.simulat  # type: ignore[attr-defined]
    assert "simulate" in dir(room)


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="interpreted code has no cache")
def test_cached_code_depends_on_all_files_it_is_made_of() -> None:
    from astraea.congestion.simulator.loop import advance

    dispatcher: Any = advance
    assert {"loop.py", "cubic.py", "window.py", "rng.py", "compiled.py"} <= {path.name for path in compiled._SIMULATOR}
    assert dispatcher._cache._cache_file._source_stamp == compiled._stamp(compiled._SIMULATOR)


def test_a_stamp_is_of_the_content_of_files(tmp_path: Path) -> None:
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text("x = 1")
    two.write_text("y = 2")
    before = compiled._stamp([one, two])
    one.touch()
    assert compiled._stamp([two, one]) == before
    two.write_text("y = 3")
    assert compiled._stamp([one, two]) != before


def test_a_digest_is_of_code_and_of_what_it_refers_to() -> None:
    def made(text: str) -> str:
        space: dict[str, object] = {}
        exec(text, space)
        return compiled.digest_of(space["f"])

    text = "def g(x):\n    return x + 1\nK = 2\ndef f(x):\n    return g(x) * K\n"
    assert made(text) == made("# a comment\n" + text)
    for old, new in (("x + 1", "x + 3"), ("K = 2", "K = 4"), ("* K", "- K")):
        assert made(text) != made(text.replace(old, new))


def test_a_digest_of_a_set_is_the_same_in_every_process() -> None:
    assert compiled.digest_of(frozenset("abcdefgh")) == "de6d770b2655222e"


@pytest.mark.compiled
def test_where_nothing_can_be_kept_it_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def double(x: int) -> int:
        return 2 * x

    monkeypatch.setattr("numba.core.caching.CacheImpl._locator_classes", [])  # read-only, and no home
    code = double.__code__.replace(co_filename=str(Path(compiled.__file__).with_name("play.py")))
    double.__code__ = code
    assert compiled.compiled(double)(3) == 6
