"""Where a dataset's files lie: the user's data folder, else the cache, else the publisher's site.

A loader asks its :class:`Finder` for files by name and never deals with folders or the network itself.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from astraea.errors import DataError, InputError
from astraea.progress import Bar

__all__ = ["Finder", "Remote", "corrupt", "data_root"]

_SECONDS_WITHOUT_ANSWER = 30.0
_MOST_WORDS = 400


@dataclass(frozen=True)
class Remote:
    """A published file: its name on disk, where it is fetched, and its checksum.

    ``checksum`` reads ``"md5:..."`` or ``"sha256:..."`` as published. It is ``None`` where none is known;
    then the file is judged by its format alone when it is read.
    """

    file: str
    url: str
    checksum: str | None = None


def corrupt(path: object, reason: object) -> DataError:
    """Return the error for a file at ``path`` that is not what its name promises, or holds what cannot be taken."""
    words = (str(reason).splitlines() or [type(reason).__name__])[0]
    words = words if len(words) <= _MOST_WORDS else f"{words[:_MOST_WORDS]}..."
    if isinstance(reason, InputError):  # the file is whole: the reason says what to do about its contents
        return DataError(f"{path} cannot be used ({words})")
    return DataError(f"{path} cannot be used ({words}): replace it with a good copy")


def data_root(folder: Path | None) -> Path:
    """Return the data folder: ``folder`` if given, else ``$ASTRAEA_DATA``, else the user's cache."""
    if folder is not None:
        return folder.expanduser()
    if named := os.environ.get("ASTRAEA_DATA"):
        return Path(named).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("astraea") / "data"


@dataclass(frozen=True)
class Finder:
    """Finds the files of one dataset under ``root``, and fetches them if ``download`` allows it.

    A file may lie at ``root/dataset/file`` or at ``root/file``; a fetched one is put at the first.
    """

    dataset: str
    root: Path
    download: bool = True

    @property
    def home(self) -> Path:
        """Folder of this dataset, where fetched files are put."""
        return self.root / self.dataset

    def find(self, *names: str) -> Path | None:
        """Return the first of ``names`` (files or folders) that exists, or ``None``."""
        for name in names:
            for folder in (self.home, self.root):
                if (folder / name).exists():
                    return folder / name
        return None

    def get(self, remote: Remote, *other_names: str) -> Path:
        """Return where ``remote`` lies, under its own name or one of ``other_names``; fetch it if nowhere.

        Raises :class:`DataError` if it is absent and cannot be fetched.
        """
        return self.find(remote.file, *other_names) or self._fetch(remote)

    def given(self, path: str | Path) -> Path:
        """Return where a ``path`` that the user named lies: as it reads, else under the data folder.

        Raises :class:`DataError` if it is at neither.
        """
        named = Path(path).expanduser()
        if named.exists():
            return named
        if (found := self.find(str(path))) is not None:
            return found
        raise DataError(f"'{path}' is neither here nor in {self.root}: correct the path or the data folder")

    def missing(self, wanted: str, source: str) -> DataError:
        """Return the error for absent files: ``wanted`` names them in words, ``source`` where to get them."""
        return DataError(f"{self.dataset} is not in {self.root}: put {wanted} into {self.home} ({source})")

    def _fetch(self, remote: Remote) -> Path:
        """Download ``remote``: whole and with the right checksum, or not at all."""
        mend = f"put the file from {remote.url} there yourself"
        target = self.home / remote.file
        if not self.download:
            raise DataError(f"{target} is missing and downloading is off: {mend}, or allow the download")

        import pooch
        import requests

        pooch.get_logger().setLevel(logging.WARNING)  # the bar already says what happens
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            with _Download(f"Fetching {remote.file}") as bar:
                pooch.retrieve(
                    remote.url,
                    known_hash=remote.checksum,
                    fname=remote.file,
                    path=self.home,
                    downloader=pooch.HTTPDownloader(progressbar=bar, timeout=_SECONDS_WITHOUT_ANSWER),
                )
        except requests.RequestException as error:
            raise DataError(
                f"{target} is missing and cannot be fetched ({_cause(error)}): check the network, or {mend}"
            ) from error
        except ValueError as error:  # pooch's word for a wrong checksum
            raise DataError(
                f"the download of {remote.url} does not have the checksum {remote.checksum}: "
                f"try again, or put a good file at {target}"
            ) from error
        except OSError as error:
            raise DataError(
                f"cannot write {target} ({error.strerror or error}): choose a data folder that is writable and has room"
            ) from error
        return target


def _cause(error: Exception) -> str:
    """Return a few words on why a request failed; the library's own text runs over lines."""
    response = getattr(error, "response", None)
    return f"HTTP status {response.status_code}" if response is not None else type(error).__name__


class _Download(Bar):
    """The bar with the face that pooch expects of one."""

    _total: int | None = None
    _done = 0

    @property
    def total(self) -> int | None:
        """Bytes to fetch; ``None`` while unknown."""
        return self._total

    @total.setter
    def total(self, size: int) -> None:
        self._total = size or None

    def update(self, size: int) -> None:
        """Count ``size`` more bytes."""
        from rich.filesize import decimal

        self._done += size
        known = "" if self._total is None else f" of {decimal(self._total)}"
        self.show(self._done, self._total, f"{decimal(self._done)}{known}")

    def reset(self) -> None:
        """Start counting again: pooch does so before it fills the bar."""
        self._done = 0

    def close(self) -> None:
        """Do nothing: leaving the context ends the bar, whatever happened."""
