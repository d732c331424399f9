from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from astraea import doctor
from astraea.cli.app import app


def test_what_is_here_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cifar10").mkdir()
    monkeypatch.setenv("ASTRAEA_DATA", str(tmp_path))
    found = {one.what: one for one in doctor.examine()}
    assert found["astraea"].detail == metadata.version("astraea")
    assert found["PyTorch"].state == "works"
    assert found["data"].detail == f"{tmp_path}: cifar10"
    assert {"astraea[flower]", "astraea[tables]"} <= set(found)


def test_a_missing_extra_comes_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["numpy>=2", 'nowhere[x]<3,>=2; extra == "far"', "numpy>=2; extra == 'far'", "pytest; extra == 'dev'"]
    monkeypatch.setattr("astraea.doctor.metadata.requires", lambda _: wanted)
    (extra,) = [one for one in doctor.examine() if one.what.startswith("astraea[")]
    assert (extra.what, extra.state, extra.mend) == ("astraea[far]", "missing", "pip install nowhere numpy")
    assert extra.detail == f"nowhere is not installed, numpy {metadata.version('numpy')}"


def test_what_does_not_work_ends_with_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASTRAEA_DATA", str(tmp_path / "gone"))
    told = CliRunner().invoke(app, ["doctor", "--json"])
    assert told.exit_code == 1
    (data,) = [one for one in json.loads(told.stdout) if one["what"] == "data"]
    assert data["state"] == "broken"
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 1
