import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.cli.runner import RUNNER

from astraea.cli.app import app


def test_a_run_becomes_a_page_and_what_is_none_is_named(tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert RUNNER.invoke(app, ["run", "--set", "rounds=2", "--out", str(out)]).exit_code == 0
    told = RUNNER.invoke(app, ["report", str(out)])
    assert (told.exit_code, told.stdout) == (0, f"written to {out}/report.html\n")
    assert "<h1>astraea on digits</h1>" in (out / "report.html").read_text()
    refused = RUNNER.invoke(app, ["report", str(tmp_path)])
    assert refused.exit_code == 1
    assert "holds no run" in refused.stderr


def test_a_watcher_serves_the_folder_and_ends_with_its_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "astraea", "watch", str(tmp_path), "--parent", str(os.getpid())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
        assert address is not None
        with urllib.request.urlopen(address[0]) as answer:
            assert b"Nothing to show yet" in answer.read()
        process.terminate()
    # A watcher whose parent is another process ends by itself.
    command[-1] = "1" if os.getppid() != 1 else "2"
    assert subprocess.run(command, stdout=subprocess.PIPE, timeout=300).returncode == 0
