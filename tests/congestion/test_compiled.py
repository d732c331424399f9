"""How the room compiles and loads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from astraea.congestion import compiled, simulator


def test_importing_the_room_compiles_nothing() -> None:
    code = "import sys, astraea.congestion; print('numba' in sys.modules, 'torch' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["False", "False"]


def test_an_unknown_name_is_not_there() -> None:
    import astraea.congestion as room

    with pytest.raises(AttributeError, match="has no attribute 'simulat'"):
        _ = room.simulat
    assert "simulate" in dir(room)


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="interpreted code has no cache")
def test_cached_code_depends_on_all_files_it_is_made_of() -> None:
    from astraea.congestion.simulator.loop import advance

    stamp = advance._cache._cache_file._source_stamp[1]  # type: ignore[attr-defined]
    files = {name for name, _, _ in stamp}
    assert {"loop.py", "cubic.py", "rng.py", "compiled.py"} <= files
    assert simulator.__doc__
    assert compiled.__doc__
