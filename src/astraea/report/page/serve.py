"""A page that grows while its run trains, served to this machine alone and read-only."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

from astraea.errors import AstraeaError, InputError
from astraea.report.page.html import Page, to_html
from astraea.report.page.write import page_of

__all__ = ["served"]

_WATCHED = ("metrics.jsonl", "summary.json", "comparison.json", "evaluation.json", "race.json")
_SHARE = 0.01  # of the time at most is spent on making pages anew
_HOST = "127.0.0.1"


@contextmanager
def served(folder: Path, port: int = 0, parent: int | None = None) -> Iterator[ThreadingHTTPServer]:
    """Lend a server of the page of ``folder`` on the loopback address; port 0 takes one that is free.

    It answers ``/`` with the page and ``/stamp`` with what tells a newer one; several viewers share one page. It stops
    serving once the process that started this one is no longer ``parent``. Raises :class:`InputError` if the port
    cannot be had.
    """
    latest = _Latest(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = (self.headers.get("Host") or "").rpartition(":")[0]
            if name not in (_HOST, "localhost"):  # another site's name that leads here may not read the page
                self.send_error(403)
            elif self.path == "/":
                self._answer(latest.page(), "text/html; charset=utf-8")
            elif self.path == "/stamp":
                self._answer(latest.stamp(), "text/plain; charset=utf-8")
            else:
                self.send_error(404)

        def _answer(self, text: str, kind: str) -> None:
            body = text.encode()
            self.send_response(200)
            for key, value in (
                ("Content-Type", kind),
                ("Content-Length", str(len(body))),
                ("Cache-Control", "no-store"),
            ):
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def service_actions(self) -> None:
            if parent is not None and os.getppid() != parent:
                raise SystemExit(0)

    try:
        server = Server((_HOST, port), Handler)
    except OSError as error:
        raise InputError(f"port {port} cannot be served on ({error.strerror}): choose another --port") from error
    with server:
        yield server


class _Latest:
    """The page as it was made last, and made anew when its folder has changed and the last making is paid for."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, Lock()
        self._stamp, self._text, self._rested = "", "", 0.0

    def stamp(self) -> str:
        """Return what changes whenever there is a newer page to be had."""
        with self._lock:
            return self._seen() if time.monotonic() >= self._rested else self._stamp

    def page(self) -> str:
        """Return the page."""
        with self._lock:
            begun, stamp = time.monotonic(), self._seen()
            if stamp != self._stamp and begun >= self._rested:
                self._text, self._stamp = to_html(self._made(), live=stamp), stamp
                ended = time.monotonic()
                self._rested = ended + (ended - begun) / _SHARE
            return self._text

    def _seen(self) -> str:
        states = [path.stat() for name in _WATCHED if (path := self._folder / name).is_file()]
        return "-".join(f"{state.st_mtime_ns}.{state.st_size}" for state in states) or "nothing"

    def _made(self) -> Page:
        try:
            return page_of(self._folder)
        except AstraeaError as error:
            return Page("Nothing to show yet", str(error), [])
