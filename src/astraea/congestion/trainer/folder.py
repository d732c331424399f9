"""Whose folder it is: a training goes on with what it was begun with, however it is executed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from astraea.congestion.settings import Settings
from astraea.errors import InputError, RunError
from astraea.files import write_json
from astraea.identity import check_same
from astraea.reading import read_json

__all__ = ["SETTINGS", "claim"]

SETTINGS = "settings.json"


def claim(out: Path, trainer: str, settings: Settings, *, resume: bool, execution: Collection[str]) -> None:
    """Make ``out`` the folder of a training by ``trainer`` under ``settings``, or find that it is.

    ``execution`` are the settings that say how it is trained or for how long, and may change at every resumption.
    Raises :class:`InputError` if there is a training and ``resume`` is not set, and :class:`RunError` if it was begun
    with anything else, naming the key, or if its settings cannot be read.
    """
    out.mkdir(parents=True, exist_ok=True)
    file = out / SETTINGS
    wanted = {"trainer": trainer, **settings.model_dump(mode="json")}
    if file.is_file():
        if not resume:
            raise InputError(f"{out} holds a training already: add --resume to go on with it, or choose another folder")
        try:
            known = dict(read_json(file))
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"{file} cannot be read ({error}): choose another folder") from error
        what = f"the training in {out}"
        check_same(_dotted(wanted), _dotted({"trainer": trainer, **known}), what, execution=execution)
    write_json(file, wanted, indent=2)


def _dotted(tables: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in tables.items():
        found |= _dotted(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found
