"""The tutorials on own data run, and print what they say they print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from astraea.cli.app import app

PAGES = Path(__file__).parents[2] / "docs" / "tutorial"
POINTS = 5.0  # what another processor may round to in the end, in percent; MB and counts are the same


def blocks(page: str) -> list[tuple[str, str]]:
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(r"^```(\w+)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def agree(printed: str, said: str) -> bool:
    """Whether two texts have the same words, and numbers that are close."""
    number = r"\d+(?:\.\d+)?"
    if re.sub(number, "#", printed) != re.sub(number, "#", said):
        return False
    pairs = zip(re.findall(number, printed), re.findall(number, said), strict=True)
    return all(abs(float(one) - float(other)) <= POINTS for one, other in pairs)


@pytest.mark.parametrize("page", ["hospitals", "sensors", "phone-pictures", "messages"])
@pytest.mark.filterwarnings("default")
def test_a_tutorial_prints_what_it_says(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shared: dict[str, Any] = {"__name__": page}
    for language, block in blocks(page):
        if language == "python":
            exec(compile(block, f"{page}.md", "exec"), shared)
        elif language == "toml":
            Path(f"{page}.toml").write_text(block)
        elif language == "bash":
            for line in block.strip().splitlines():
                program, *arguments = shlex.split(line)
                assert program == "astraea"
                result = CliRunner().invoke(app, arguments)
                assert result.exit_code == 0, result.output
        else:
            said = block.strip().splitlines()
            printed = capsys.readouterr().out.strip().splitlines()[-len(said) :]
            assert agree("\n".join(printed), "\n".join(said)), printed
    summaries = shared["found"].summaries
    right = {arm: min(run["balanced_accuracy_final"] for run in runs) for arm, runs in summaries.items()}
    best = max(run["balanced_accuracy_final"] for run in summaries["fedavg"])
    assert right["astraea"] > best, "balancing helps, as each page says"
