"""What a strategy's rounds would take on a network, from the bytes of their messages and the steps of their visits."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from astraea.errors import InputError
from astraea.federation.round import Simulated
from astraea.network.choice import NetworkSettings
from astraea.network.exchanges import time_exchanges
from astraea.network.layout import lay_out
from astraea.network.settings import Network

if TYPE_CHECKING:
    from astraea.flower.chain_walks import ChainWalks

__all__ = ["Accounting"]

_log = logging.getLogger("flwr")


@dataclass(frozen=True)
class Accounting:
    """Times rounds on ``network`` as ``settings`` say. Mediators are at the server, since Flower's nodes talk to it."""

    settings: NetworkSettings
    network: Network

    @classmethod
    def of(cls, settings: NetworkSettings) -> Accounting | None:
        """Return what times the rounds of a strategy, ``None`` if ``settings`` name no network.

        Raises :class:`InputError` for a network that cannot be used, and for what only a simulated round can do.
        """
        settings = settings.decided()
        if settings.name is None:
            return None
        if settings.seconds is not None:
            raise InputError(
                "network.seconds is no budget of a strategy's: say how many rounds in start(num_rounds=...)"
            )
        if settings.placement not in (None, "server"):
            raise InputError(
                f"network.placement = '{settings.placement}' needs clients or sites that pass models on, and Flower's "
                "nodes talk to the server only: leave it out"
            )
        network = settings.load()
        if network.deadline_s is not None:
            raise InputError(
                f"{network.called} has a deadline_s, and Flower waits for every message: leave it out of the file, and "
                "bound messages by start(timeout=...)"
            )
        if network.placement != "server":
            _log.info("%s has mediators at %s; Flower's are at the server", network.called, network.placement)
        return cls(settings, network)

    def check(self, clients: int) -> None:
        """Raise :class:`InputError` if one of so many ``clients`` has no site."""
        lay_out(self._at_server, range(clients))

    def time(self, walks: ChainWalks, begins: float = 0.0) -> Simulated:
        """Return what the round of ``walks`` would have taken, ``begins`` simulated seconds being over.

        Visits without a reply take no time. Raises :class:`InputError` if a trace has changed since the run began.
        """
        self.settings.check(self.network)
        cost = time_exchanges(walks.exchanges.values(), self._at_server, self.settings, walks.plan.round, begins)
        return Simulated(walks.plan, cost.seconds, cost.metrics)

    @property
    def _at_server(self) -> Network:
        return self.network.model_copy(update={"placement": "server"})
