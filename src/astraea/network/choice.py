"""Which network the rounds of a run are timed on, as a section of its settings."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from astraea.errors import InputError, unknown_name
from astraea.network.files import load_network, whole_name
from astraea.network.settings import Network
from astraea.parts import Settings
from astraea.reading import read_bytes

__all__ = ["SHARINGS", "NetworkSettings"]


SHARINGS = {
    "fair": "every transfer gets its max-min share, as under any controller that is fair",
    "weighted": "shares in proportion to a weight from 1 to 8, the largest for the longest remaining path",
    "admission": "a few transfers at a time, those with the longest remaining path first",
    "longest-path": "strictly by the longest remaining path",
    "shortest-path": "strictly by the shortest remaining path, the wrong way round for a round's end",
    "planned": "strictly by an order that random insertions into the longest-path order have improved",
}
"""Ways of sharing by name; all of it follows from the plan, which is known when the round begins."""


class NetworkSettings(Settings):
    """On which network rounds are timed; without a name they take no simulated time."""

    name: str | None = Field(
        None, description="Network on which rounds are timed: cross-device, cross-silo, edge, or a TOML file."
    )
    congestion: str = Field("cubic", description="Congestion controller of every transfer.")
    fidelity: Literal["fluid", "packets", "auto"] = Field(
        "fluid", description="How a round is simulated: as fluids that share links, or packet by packet."
    )
    sharing: str = Field("fair", description=f"How a round shares the network: {', '.join(SHARINGS)}.")
    placement: Literal["server", "sites", "clients"] | None = Field(
        None, description="Where mediators are, in place of what the network says; clients hand models to each other."
    )
    seconds: float | None = Field(
        None,
        gt=0,
        description="Budget instead of rounds: the run ends with the round that reaches this simulated time.",
    )
    digest: str = Field("", description="Digest of the network, which tells whether its file has changed; filled in.")

    def decided(self) -> NetworkSettings:
        """Return the settings with a file's whole path and the network's digest.

        Raises :class:`astraea.errors.InputError` for a network that cannot be read or has changed since, an unknown
        controller or sharing, and settings that need a network without one.
        """
        from astraea.network.profiles import profile_of  # knows the controllers, which load the compiler

        if self.name is None:
            self._refuse_without()
            return self
        profile_of(self.congestion)
        if self.sharing not in SHARINGS:
            raise unknown_name("network.sharing", self.sharing, SHARINGS)
        network = self.load()
        network.check_fidelity(self.fidelity)
        digest = _digest(network)
        if self.digest not in ("", digest):
            raise InputError(self._changed("the run began"))
        return self.model_copy(update={"name": whole_name(self.name), "digest": digest})

    def check(self, network: Network) -> None:
        """Raise :class:`InputError` if a trace of ``network`` is no longer what it was when settings were decided."""
        if self.digest and self.digest != _digest(network):
            raise InputError(self._changed("the last round"))

    def _changed(self, when: str) -> str:
        return f"network '{self.name}' or a trace that it names has changed since {when}: bring it back as it was"

    def _refuse_without(self) -> None:
        for field in ("congestion", "fidelity", "sharing", "placement", "seconds"):
            if getattr(self, field) != type(self).model_fields[field].default:
                raise InputError(f"network.{field} needs a network: set network.name, or --network")

    def load(self) -> Network:
        """Return the network with its mediators where they are to be; there must be a name."""
        assert self.name is not None
        network = load_network(self.name)
        return network if self.placement is None else network.model_copy(update={"placement": self.placement})


def _digest(network: Network) -> str:
    """Return what tells ``network`` from others: what it sets but for its name, and the content of its traces."""
    tables = network.model_dump(mode="json", exclude={"name"}, exclude_defaults=True)
    text = json.dumps(_with_traces(tables), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _with_traces(value: Any) -> Any:
    """Return tables with the digest of every trace's content in place of where it lies."""
    if isinstance(value, list):
        return [_with_traces(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {key: _content(inner) if key.endswith("_trace") else _with_traces(inner) for key, inner in value.items()}


def _content(path: str) -> str:
    try:
        return hashlib.sha256(read_bytes(Path(path))).hexdigest()
    except OSError as error:
        raise InputError(f"the trace {path} cannot be read: {error.strerror}") from None
