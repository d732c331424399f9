"""The errors a user can meet: each message is one sentence that says what is wrong and how to mend it.

The command line prints the sentence and exits non-zero; a traceback is for mistakes of ours.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

__all__ = ["AstraeaError", "DataError", "InputError", "RunError", "StorageError", "nearest", "unknown_name"]


_MOST_WORDS = 1_500


class AstraeaError(Exception):
    """Base of every error whose message is meant for the user.

    It is one line, whatever a library or a file contributed to it: line ends are spaces, and the middle of what is far
    too long is left out, since the end says how to mend it.
    """

    def __init__(self, *arguments: object) -> None:
        super().__init__(*(_line(one) if isinstance(one, str) else one for one in arguments))


def _line(text: str) -> str:
    if "\n" in text or "\r" in text:
        text = " ".join(text.split())
    if len(text) > _MOST_WORDS:
        text = re.sub(r"(\S{60})\S{100,}", r"\1…", text)
    return text if len(text) <= _MOST_WORDS else f"{text[:1_000]} … {text[-400:]}"


class InputError(AstraeaError, ValueError):
    """A value the caller passed cannot be used: a setting, a shape, a count, a name."""


class DataError(AstraeaError):
    """A data file is missing, corrupt or not what its name promises."""


class RunError(AstraeaError):
    """A run cannot go on: its folder, its checkpoint or its model is unusable."""


class StorageError(RunError):
    """A file cannot be written: the disk is full, or it is not to be written to."""


_SHORT = 3  # letters, of which one in two may differ


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest of ``known``, or an empty string if none is close."""
    spellings = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), spellings, n=1, cutoff=0.6 if len(name) > _SHORT else 0.5)
    return f"; did you mean '{spellings[close[0]]}'?" if close else ""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> InputError:
    """Return the error for a ``name`` that no ``kind`` is registered under, naming the nearest and all known."""
    names = sorted(set(known))
    return InputError(f"unknown {kind} '{name}'{nearest(name, names)} (known: {', '.join(names)})")
