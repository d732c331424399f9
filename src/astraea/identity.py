"""What is run, and how it is run. The first is fixed for a folder, the second may change at every resumption.

Every kind of work that is kept in a folder (a run, a comparison's runs, a Flower strategy's checkpoint, a policy's
training) names the settings that say *how*; all others say *what*, and :func:`check_same` compares those.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from astraea.errors import RunError

__all__ = ["check_same", "identity"]


def identity(settings: Mapping[str, Any], execution: Collection[str]) -> dict[str, Any]:
    """Return those of ``settings``, by dotted key, that are not in ``execution``, which names keys and sections."""
    return {
        key: value
        for key, value in settings.items()
        if not any(key == how or key.startswith(f"{how}.") for how in execution)
    }


def check_same(
    now: Mapping[str, Any],
    before: Mapping[str, Any],
    what: str,
    *,
    execution: Collection[str] = (),
    mend: str = "resume it without changes, or choose another folder",
) -> None:
    """Raise :class:`RunError` if ``what`` was begun with another identity, naming the first setting that differs.

    ``now`` and ``before`` are settings by dotted key.
    """
    now, before = identity(now, execution), identity(before, execution)
    for key in before | now:
        if before.get(key) != now.get(key):
            raise RunError(f"{what} has {key} = {before.get(key)!r}, not {now.get(key)!r}: {mend}")
