"""The notebook runs from its first cell to its last, and is stored without outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib
import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "federation.ipynb"


@pytest.mark.filterwarnings("default")
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from matplotlib import pyplot

    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    shared: dict[str, Any] = {"__name__": "notebook"}
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(cells):
        assert cell["outputs"] == [], "stored without outputs"
        exec(compile("".join(cell["source"]), f"cell {number}", "exec"), shared)
    assert len(pyplot.get_fignums()) == 2
    pyplot.close("all")
    assert "astraea: " in capsys.readouterr().out
    assert (tmp_path / "runs/notebook/comparison.json").is_file()
