"""The page of a run, in a real browser, while the run trains."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from driven import browser

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
ROUNDS = "return document.querySelector('header p').textContent"
POINTS = "return document.querySelectorAll('#chart-0 svg path').length"


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None or DRIVER is None, reason="needs Chromium and chromedriver")
def test_the_page_grows_with_the_run(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "astraea",
        "run",
        "--live",
        "--set",
        "rounds=99999",
        "--out",
        str(tmp_path / "run"),
    ]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert run.stdout is not None
    address = next(found[0] for line in run.stdout if (found := re.search(r"http://127\.0\.0\.1:\d+/", line)))
    seen: list[int] = []
    with browser(str(DRIVER), str(BROWSER), tmp_path / "profile") as page:
        page.show(address)
        until = time.monotonic() + 900
        while time.monotonic() < until and len(seen) < 4:
            told = re.search(r"([\d,]+) rounds", page.value(ROUNDS) or "")
            if told and int(told[1]) not in seen:
                seen.append(int(told[1]))
            time.sleep(0.5)
        drawn, said = page.value(POINTS), page.console()
    run.send_signal(signal.SIGINT)  # however slow the machine is, the run is as long as the page takes to grow
    run.communicate(timeout=900)

    assert run.returncode == 130
    assert seen == sorted(seen), "it never goes back"
    assert len(seen) == 4, "it grew while the run trained"
    assert drawn > 0
    assert [line for line in said if "favicon" not in line and "/stamp" not in line] == []
