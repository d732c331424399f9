"""What the page about the kernel shows runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from astraea.cli.app import app
from astraea.congestion.connection.settings import RangeSettings

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "kernel.md").read_text(encoding="utf-8")


def test_the_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL):
        exec(block, {})
    assert capsys.readouterr().out in ("", "astraea_try 0\n")


def test_its_commands_and_options_are_there() -> None:
    root: Any = typer.main.get_command(app)
    kernel = root.commands["congestion"].commands["kernel"].commands
    shown = re.findall(r"astraea congestion kernel (\w+)(.*)$", PAGE, flags=re.MULTILINE)
    assert {name for name, _ in shown} == set(kernel)
    known = [*kernel.values(), root.commands["congestion"].commands["policy"]]
    options = {option for command in known for one in command.params for option in one.opts}
    ours = re.sub(r"`python benchmarks/[^`]*`", "", PAGE)
    assert set(re.findall(r"(?<=[` ])--(?!check|help)[a-z-]+", ours)) <= options


def test_the_ranges_are_those_of_the_settings() -> None:
    ranges = RangeSettings()
    assert f"{ranges.rtt_ms_least:g} to {ranges.rtt_ms_most:g} ms, windows up to {ranges.window_most:,} packets" in PAGE
    assert f"not idle for {ranges.limited_s_most:g} s" in PAGE
