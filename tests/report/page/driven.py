"""A headless Chromium that stays open, driven over WebDriver (W3C) with the standard library alone."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Browser:
    """An open page."""

    def __init__(self, session: str) -> None:
        self._session = session

    def show(self, address: str) -> None:
        """Open ``address`` and wait until it is loaded."""
        _ask("POST", f"{self._session}/url", {"url": address})

    def value(self, script: str) -> Any:
        """Return what ``script`` returns in the page."""
        return _ask("POST", f"{self._session}/execute/sync", {"script": script, "args": []})

    def console(self) -> list[str]:
        """Return what the console has said since the last call."""
        return [line["message"] for line in _ask("POST", f"{self._session}/se/log", {"type": "browser"})]


@contextmanager
def browser(driver: str, binary: str, profile: Path) -> Iterator[Browser]:
    """Lend a browser; ``driver`` and ``binary`` are the programs chromedriver and chromium."""
    process = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port = next(line.rsplit(" ", 1)[1].strip(" .\n") for line in process.stdout if "successfully on port" in line)
        chrome = {
            "binary": binary,
            "args": ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"],
        }
        wanted = {"browserName": "chrome", "goog:chromeOptions": chrome, "goog:loggingPrefs": {"browser": "ALL"}}
        server = f"http://127.0.0.1:{port}/session"
        found = _ask("POST", server, {"capabilities": {"alwaysMatch": wanted}})
        session = f"{server}/{found['sessionId']}"
        try:
            yield Browser(session)
        finally:
            _ask("DELETE", session)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def _ask(method: str, address: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.load(answer)["value"]
