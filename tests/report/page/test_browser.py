"""Pages in a real browser: everything is drawn, choices work, and the console stays silent."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from folders import write_comparison, write_run

from astraea.report.page import write_page

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
HOSTILE = "<img src=x onerror=alert(1)>"


def opened(page: Path, chosen: str = "", *, tmp: Path) -> tuple[str, list[str]]:
    """Return the page's elements once it is drawn, and what the console said."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--virtual-time-budget=10000"]
    found = subprocess.run(
        [str(BROWSER), *flags, f"--user-data-dir={tmp / 'profile'}", "--dump-dom", f"{page.as_uri()}{chosen}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout, [line for line in found.stderr.splitlines() if "CONSOLE" in line]


def test_a_comparison_is_drawn_in_silence_with_hostile_names_as_text(tmp_path: Path) -> None:
    folder = write_comparison(
        tmp_path / "out",
        {"fedavg": [0.5, 0.6], "astraea": [0.8, 0.8]},
        classes=[HOSTILE, "dog"],
        clients=[HOSTILE, "b", "c"],
    )
    dom, console = opened(write_page(folder), tmp=tmp_path)
    assert console == []
    assert dom.count("<svg") == 4
    assert 'data-drawn="4"' in dom
    assert "<img" not in dom
    assert "accuracy, %</text>" in dom


def test_a_link_keeps_what_was_chosen(tmp_path: Path) -> None:
    page = write_page(write_run(tmp_path / "run", [0.5, 0.6]))
    dom, console = opened(page, "#0x=bytes_sent&0y=tail_recall", tmp=tmp_path)
    assert console == []
    first = re.search(r'id="chart-0".*?</svg>', dom, re.S)
    assert first is not None
    assert "sent, MB</text>" in first[0]
    assert "recall of the rarest quarter of classes, %</text>" in first[0]
