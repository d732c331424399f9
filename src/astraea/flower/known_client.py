"""One client of a server's list: what it told, what follows from that, and where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Client"]


@dataclass
class Client:
    """One client: ``own`` ``(N,)`` counts its samples, ``trained`` those that it trains on, copies included.

    ``said`` ``(N,)`` is what it told, which noise may have changed; ``counted`` and ``met`` what of ``said`` and
    ``trained`` is in what all clients are told, ``None`` for a newcomer.

    ``samples`` and ``drawn`` are how many samples it has and trains on, where they have several labels, so that their
    counts do not say it. ``node`` is where it answered this server, ``None`` until it has; ``home`` where it last did,
    in an earlier process perhaps. ``augments`` says that it follows a rebalancing; ``told`` is the weight that it last
    told.
    """

    name: int
    own: NDArray[np.int64]
    trained: NDArray[np.int64]
    augments: bool
    said: NDArray[np.int64]
    counted: NDArray[np.int64] | None = None
    met: NDArray[np.int64] | None = None
    node: int | None = None
    home: int | None = None
    told: float | None = None
    samples: int | None = None
    drawn: int | None = None

    @property
    def new(self) -> bool:
        """Whether what it told is not yet in what all clients are told."""
        return self.counted is None or not np.array_equal(self.counted, self.said)

    @property
    def sizes(self) -> tuple[int, int]:
        """How many samples it has, and trains on."""
        own = int(self.own.sum()) if self.samples is None else self.samples
        trained = int(self.trained.sum()) if self.samples is None else self.drawn or self.samples
        return own, trained

    def dump(self) -> dict[str, Any]:
        """Return what a resumed server must know of it, as JSON has it."""
        arrays = {name: getattr(self, name) for name in ("own", "trained", "said", "counted", "met")}
        counts = {name: None if one is None else one.tolist() for name, one in arrays.items()}
        sizes = {} if self.samples is None else {"samples": self.samples, "drawn": self.drawn}
        return {"name": self.name, **counts, **sizes, "augments": self.augments, "node": self.home}

    @classmethod
    def load(cls, dumped: Mapping[str, Any]) -> Client:
        """Return what :meth:`dump` gave, in this version or an earlier one."""

        def counts(name: str, otherwise: str) -> NDArray[np.int64] | None:
            found = dumped.get(name, dumped[otherwise])
            return None if found is None else np.array(found, np.int64)

        own, trained = np.array(dumped["own"], np.int64), np.array(dumped["trained"], np.int64)
        said = np.array(dumped.get("said", dumped["own"]), np.int64)
        counted, met = counts("counted", "own"), counts("met", "trained")
        sizes = {name: dumped.get(name) for name in ("samples", "drawn")}
        home = dumped.get("node")
        return cls(dumped["name"], own, trained, dumped["augments"], said, counted, met, home=home, **sizes)
