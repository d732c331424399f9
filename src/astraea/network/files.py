"""Networks from files: those that ship by name, and a user's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from astraea.congestion.settings import MisplacedError
from astraea.errors import InputError, nearest
from astraea.network.settings import Network
from astraea.reading import read_toml

__all__ = ["EXAMPLE", "NetworkLike", "load_network", "shipped_networks", "whole_name"]

EXAMPLE = Path(__file__).parent / "example.toml"
"""What ``astraea network init`` writes."""

_FOLDER = Path(__file__).parent / "networks"

NetworkLike = Network | str | Path | Mapping[str, Any]
"""A network, the name of one that ships, a file, or its tables."""


def shipped_networks() -> tuple[str, ...]:
    """Return the names of the networks that come with the package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def whole_name(source: str | Path) -> str:
    """Return ``source`` as it can be found from any folder: the name of a network that ships, or a file's whole path.

    A run's settings hold it, and so does a plan's.
    """
    return str(source) if str(source) in shipped_networks() else str(Path(source).absolute())


def load_network(source: NetworkLike) -> Network:
    """Return the network that ``source`` names, holds or is; relative traces lie beside the file.

    Raises :class:`InputError` in one sentence for an unknown name, a file that is not TOML or a value out of range.
    """
    if isinstance(source, Network):
        return source
    if isinstance(source, Mapping):
        return _named(source, "", Path.cwd(), "network")
    path = Path(source)
    if path.suffix != ".toml":
        shipped = shipped_networks()
        if str(source) not in shipped:
            raise InputError(
                f"there is no network '{source}'{nearest(str(source), shipped)} (by name: {', '.join(shipped)}; "
                "a network of your own is a file that ends in .toml)"
            )
        path = _FOLDER / f"{source}.toml"
    try:
        tables = read_toml(path)
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror}): give the path of a TOML file") from None
    except ValueError as error:
        raise InputError(f"{path} is not TOML: {error}") from None
    return _named(tables, path.stem, path.parent.absolute(), str(path))


def _named(tables: Mapping[str, Any], name: str, folder: Path, source: str) -> Network:
    try:
        return Network(**{"name": name, **_beside(tables, folder)})
    except InputError as error:
        told = f"{_place(error.place, tables)}{error.complaint}" if isinstance(error, MisplacedError) else str(error)
        raise InputError(f"{source}: {told}") from None


def _place(place: tuple[str, ...], tables: Mapping[str, Any]) -> str:
    """Return where a mistake is, a site or a link by its name."""
    if len(place) > 1 and place[0] in ("sites", "links") and place[1].isdecimal():
        entry = tables[place[0]][int(place[1])]
        if isinstance(entry, Mapping) and isinstance(entry.get("name"), str) and entry["name"]:
            place = (f"{place[0][:-1]} '{entry['name']}'", *place[2:])
    return f"{'.'.join(place)}: " if place else ""


def _beside(value: Any, folder: Path) -> Any:
    """Return tables in which every trace is a path from ``folder``."""
    if isinstance(value, Mapping):
        return {
            key: str(folder / inner) if key.endswith("_trace") and isinstance(inner, str) else _beside(inner, folder)
            for key, inner in value.items()
        }
    return [_beside(inner, folder) for inner in value] if isinstance(value, list) else value
