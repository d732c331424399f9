"""What plans cost on a network, and their table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from astraea.experiment.settings import RunSettings
from astraea.network.settings import Network
from astraea.tables import Table, short

__all__ = ["COSTS", "PlanTime", "Plans"]

COSTS = ("samples", "bytes", "seconds", "compute", "transfer", "waiting", "bound")


@dataclass(frozen=True)
class PlanTime:
    """What one plan costs until the samples are processed: ``seconds`` on the network, over all ``rounds``.

    ``compute``, ``transfer`` and ``waiting`` are the parts of its critical paths, ``bound`` what no sharing can beat.
    The first ``timed`` rounds were timed; further ones count as their mean. ``settings`` are those of a run.
    """

    arm: str
    placement: str
    rounds: int
    timed: int
    samples: float
    bytes: float
    seconds: float
    compute: float
    transfer: float
    waiting: float
    bound: float
    settings: RunSettings = field(repr=False)

    @property
    def shape(self) -> dict[str, int]:
        """Clients of a round, capacity, epochs of a visit and passes."""
        algorithm = self.settings.algorithm
        return {
            "clients": algorithm.clients_per_round,
            "capacity": getattr(algorithm, "capacity", 1),
            "epochs": algorithm.local_epochs,
            "passes": algorithm.passes,
        }

    def plain(self) -> dict[str, Any]:
        """Return all as plain values, ready for JSON."""
        kept = (
            "placement",
            "rounds",
            "timed",
            "samples",
            "bytes",
            "seconds",
            "compute",
            "transfer",
            "waiting",
            "bound",
        )
        return {"arm": self.arm, **self.shape, **{name: getattr(self, name) for name in kept}}


@dataclass(frozen=True)
class Plans:
    """Plans on a network, the one that ends soonest first. Printed, it is its table."""

    network: Network
    congestion: str
    sharing: str
    samples: int
    rows: tuple[PlanTime, ...]

    @property
    def best(self) -> PlanTime:
        """The plan that ends soonest."""
        return self.rows[0]

    def best_of(self) -> dict[str, PlanTime]:
        """Return the plan of each arm that ends soonest, the soonest first."""
        found: dict[str, PlanTime] = {}
        for row in self.rows:
            found.setdefault(row.arm, row)
        return found

    def table(self, most: int | None = None) -> Table:
        """Return the first ``most`` plans, and the best of each arm."""
        leading = set(map(id, self.best_of().values()))
        shown = [row for i, row in enumerate(self.rows) if most is None or i < most or id(row) in leading]
        return Table(
            ["arm", "c", "γ", "E", "E_m", "at", "rounds", "MB", "seconds", "compute", "transfer", "waiting"],
            [
                (
                    row.arm,
                    *map(str, row.shape.values()),
                    row.placement,
                    str(row.rounds),
                    short(row.bytes * 1e-6),
                    *map(short, (row.seconds, row.compute, row.transfer, row.waiting)),
                )
                for row in shown
            ],
            title=f"until {self.samples:,} samples are processed on {self.network.name or 'the network'}, "
            f"{self.congestion}, sharing {self.sharing}\n"
            "c clients a round, chains of γ, E epochs, E_m passes, mediators at",
        )

    def plain(self) -> dict[str, Any]:
        """Return all as plain values, ready for JSON."""
        told = {name: getattr(self, name) for name in ("congestion", "sharing", "samples")}
        return {"network": self.network.name, **told, "plans": [row.plain() for row in self.rows]}

    def __str__(self) -> str:
        return self.table(20).text()
