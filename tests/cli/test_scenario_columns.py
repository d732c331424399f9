"""``astraea scenario`` shows the columns of a table: few unasked, many with --columns."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

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
