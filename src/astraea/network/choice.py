"""Which network the rounds of a run are timed on, as a section of its settings."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from astraea.errors import unknown_name
from astraea.network.files import load_network, shipped_networks
from astraea.network.settings import Network
from astraea.network.sharing import SHARINGS

__all__ = ["NetworkSettings"]


class NetworkSettings(BaseModel):
    """On which network rounds are timed; without a name they take no simulated time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = Field(
        None, description="Network on which rounds are timed: cross-device, cross-silo, edge, or a TOML file."
    )
    congestion: str = Field("cubic", description="Congestion controller of every transfer.")
    fidelity: Literal["fluid", "packets", "auto"] = Field(
        "fluid", description="How a round is simulated: as fluids that share links, or packet by packet."
    )
    sharing: str = Field("fair", description=f"How a round shares the network: {', '.join(SHARINGS)}.")
    digest: str = Field("", description="Digest of the network, which tells whether its file has changed; filled in.")

    def decided(self) -> NetworkSettings:
        """Return the settings with a file's whole path and the network's digest.

        Raises :class:`astraea.errors.InputError` for a network that cannot be read and an unknown sharing.
        """
        from astraea.network.profiles import profile_of

        if self.name is None:
            return self
        profile_of(self.congestion)
        if self.sharing not in SHARINGS:
            raise unknown_name("network.sharing", self.sharing, SHARINGS)
        text = self.load().model_dump_json(exclude={"name"})
        name = self.name if self.name in shipped_networks() else str(Path(self.name).absolute())
        return self.model_copy(update={"name": name, "digest": hashlib.sha256(text.encode()).hexdigest()[:16]})

    def load(self) -> Network:
        """Return the network; there must be a name."""
        assert self.name is not None
        return load_network(self.name)
