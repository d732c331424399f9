"""``astraea scenario`` shows the columns of a table: few unasked, many with --columns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("pandas", reason="needs the extra astraea[tables]")

from astraea.cli.app import app


def shown(path: Path, *options: str) -> str:
    changes = {"data.name": "table", "data.path": str(path), "data.label_column": "y", "data.missing": "mean"}
    changes |= {"scenario.clients": "2"}
    arguments = [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]
    result = CliRunner().invoke(app, ["scenario", *arguments, *options])
    return result.output if result.exit_code == 0 else f"failed: {result.output}"


def test_columns_are_shown(tmp_path: Path) -> None:
    rows = [f"{k / 8 if k else ''},{40 + k % 5},{'uvw'[k % 3]},{'ab'[k // 5 % 2]}" for k in range(40)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["dose,age,drug,y", *rows]))
    lines = [line.split() for line in shown(path).splitlines()]
    assert ["dose", "numbers", "39", "1", "0.125", "jittered"] in lines
    assert ["age", "whole", "numbers", "5", "0", "40", "unchanged"] in lines
    assert ["drug", "codes", "3", "0", "u", "unchanged"] in lines
    many = ",".join(f"c{k}" for k in range(21))
    path.write_text(
        "\n".join([f"{many},y", *(",".join([*[str(k + j / 8) for j in range(21)], "ab"[k % 2]]) for k in range(12))])
    )
    assert "jittered\n" not in shown(path)
    assert " c20 " in shown(path, "--columns")


def test_a_folder_of_one_file_a_site_needs_no_configuration(tmp_path: Path) -> None:
    for site in ("Nord", "Ost", "St. Marien"):
        rows = [f"{k / 8},{'ab'[k // 5 % 2]}" for k in range(20)]
        (tmp_path / f"{site}.csv").write_text("\n".join(["dose,y", *rows]))
    changes = {"data.name": "table", "data.path": str(tmp_path), "data.label_column": "y"}
    arguments = [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]
    result = CliRunner().invoke(app, ["scenario", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [client["name"] for client in found["clients"]] == ["Nord", "Ost", "St. Marien"]
