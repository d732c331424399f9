"""What the how-to shows is what works."""

import re
import shlex
import time
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from astraea.cli.congestion import app

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "emulate.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_commands_are_understood() -> None:
    group: Any = get_command(app)
    command = group.commands["emulate"]
    lines = [line for block in blocks("console") for line in block.splitlines()]
    assert len(lines) >= 7
    for line in lines:
        words = shlex.split(line.removeprefix("# "), comments=True)
        assert words[:3] == ["astraea", "congestion", "emulate"]
        command.make_context("emulate", words[3:])


@pytest.mark.compiled
@pytest.mark.usefixtures("privileged")
@pytest.mark.parametrize("block", blocks("python"))
def test_examples_run(block: str, capfd: pytest.CaptureFixture[str]) -> None:
    from astraea.congestion.emulation import EmulationSettings, emulate

    text = block.replace("duration_s=20", "duration_s=1").replace("import emulate,", "import")
    late = EmulationSettings(late_ms=1e6)
    names = {"emulate": lambda world, controllers: emulate(world, controllers, late)}
    exec(text, names)
    for _ in range(100):
        if said := capfd.readouterr().out:
            break
        time.sleep(0.1)
    assert re.search(r"\d", said)
