"""How long a round takes on a network, and where its time goes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from astraea.errors import unknown_name
from astraea.federation.plan import RoundPlan
from astraea.network.bound import Alone, alone, lower_bound
from astraea.network.files import NetworkLike, load_network
from astraea.network.flows import Flows, flows_of
from astraea.network.fluid.model import Moments, Sharing, share
from astraea.network.layout import Layout, lay_out
from astraea.network.profiles import Profile, profile_of
from astraea.network.settings import Network
from astraea.network.sharing import sharing_of
from astraea.network.transfers import Steps, Transfers, check, transfers_of

__all__ = ["Fidelity", "Round", "RoundTime", "lay_round", "round_time", "time_of"]

Fidelity = Literal["fluid", "packets", "auto"]

_FEW_PACKETS = 2_000_000  # so many, counted on every link, take some seconds


@dataclass(frozen=True)
class Round:
    """A round's transfers on a network, ready to be timed."""

    layout: Layout
    transfers: Transfers
    flows: Flows
    times: Alone
    profile: Profile

    @property
    def at_once(self) -> Round:
        """The round on links that are filled to the whole, as packets find them."""
        layout = lay_out(self.layout.network, self.layout.clients, begins=self.layout.begins)
        return replace(self, layout=layout, flows=flows_of(self.transfers, layout))


@dataclass(frozen=True)
class RoundTime:
    """What a round takes, in seconds: ``seconds = compute + transfer + waiting`` along the critical path.

    ``compute`` is training, ``transfer`` what the path's transfers take with the network to themselves (handshakes,
    slow start and the server's time included) at the best their links ever carry, ``waiting`` all that sharing and
    slower links add; ``away`` is the part of it in which a link of the path carried nothing. No sharing can bring a
    round's end below ``bound``. ``critical`` lists the path's transfers in order; ``late`` the chains that the
    deadline cut off. ``why`` says why ``fidelity`` was chosen, where it was ``"auto"``.
    """

    seconds: float
    compute: float
    transfer: float
    waiting: float
    bound: float
    critical: tuple[int, ...]
    late: tuple[int, ...]
    fidelity: str
    congestion: str
    round: Round
    moments: Moments
    away: float = 0.0
    why: str = ""

    def __float__(self) -> float:
        return self.seconds

    @property
    def over_bound(self) -> float:
        """``seconds / bound``; 1 is the best that can be."""
        return self.seconds / self.bound if self.bound > 0 else 1.0

    @cached_property
    def fair_seconds(self) -> float:
        """What the round takes under fair sharing: in the fluid model, or in packets where links lose some."""
        return time_of(self.round, self.congestion, self.round.layout.network.followed_by).seconds

    @property
    def share_of_gain(self) -> float:
        """Of what could be gained over fair sharing, the share that was; 1 where nothing could be."""
        possible = self.fair_seconds - self.bound
        return (self.fair_seconds - self.seconds) / possible if possible > 1e-9 * self.fair_seconds else 1.0

    @property
    def straggler(self) -> int:
        """The client that trained longest on the critical path, or -1."""
        transfers = self.round.transfers
        trained = [(transfers.compute[i], int(transfers.source[i])) for i in self.critical if transfers.compute[i] > 0]
        return max(trained)[1] if trained else -1

    @property
    def metrics(self) -> dict[str, Any]:
        """The round as a line of ``metrics.jsonl`` has it."""
        found: dict[str, Any] = {
            "round_seconds": self.seconds,
            "round_compute_seconds": self.compute,
            "round_transfer_seconds": self.transfer,
            "round_waiting_seconds": self.waiting,
            "round_away_seconds": self.away,
            "round_bound_seconds": self.bound,
            "straggler": None if self.straggler < 0 else self.straggler,
            "link_utilisation": self.utilisation,
        }
        return found | ({"round_fidelity": self.fidelity, "round_fidelity_why": self.why} if self.why else {})

    @cached_property
    def utilisation(self) -> dict[str, float]:
        """Share of each shared link's capacity that the round's bytes took until its end, by the link's name."""
        flows, layout = self.round.flows, self.round.layout
        sent = np.isfinite(self.moments.sent)
        shared = len(layout.names)
        carried = np.zeros(shared + 1)
        for columns in (flows.shared, flows.private):
            for column in columns.T:
                on = sent & (column >= 0) & (column < shared)
                np.add.at(carried, column[on], flows.size[on])
        could = layout.capacities.carried_by(self.seconds)[:shared] if self.seconds > 0 else np.ones(shared)
        return {name: float(carried[j] / could[j]) for j, name in enumerate(layout.names) if name}


def round_time(
    plan: RoundPlan | Transfers,
    network: NetworkLike,
    congestion: str = "cubic",
    fidelity: Fidelity = "fluid",
    *,
    steps: Steps | None = None,
    sharing: str = "fair",
    begins: float = 0.0,
) -> RoundTime:
    """Return how long ``plan`` takes on ``network``, all transfers under the controller called ``congestion``.

    ``plan`` is a round's plan or its transfers; ``network`` a :class:`Network`, the name of one that ships, or a TOML
    file. ``steps`` are the optimiser steps of a visit, by client or for all; by default the epochs of the plan, each
    counted as one step. ``fidelity`` is ``"fluid"``, ``"packets"`` or ``"auto"``; ``sharing`` a name of
    :data:`astraea.network.choice.SHARINGS`. ``begins`` seconds of a run are over: traces, absences and outages go on
    from there. Raises :class:`InputError` for a client without a site, transfers that wait for each other in a circle
    and unknown names.
    """
    found = load_network(network)
    return time_of(lay_round(plan, found, congestion, steps, begins), congestion, fidelity, sharing)


def lay_round(
    plan: RoundPlan | Transfers, network: Network, congestion: str, steps: Steps | None = None, begins: float = 0.0
) -> Round:
    """Return the transfers of ``plan`` on ``network``, with what each takes alone."""
    profile = profile_of(congestion) if network.transport.efficiency else Profile()
    if isinstance(plan, Transfers):
        ends = np.concatenate([plan.source, plan.target])
        layout = lay_out(network, ends[ends >= 0], profile.efficiency, begins, profile.own)
        transfers = plan
    else:
        clients = [visit.client for chain in plan.chains for visit in chain.visits]
        layout = lay_out(network, clients, profile.efficiency, begins, profile.own)
        transfers = transfers_of(plan, layout, plan.training.epochs if steps is None else steps)
    check(transfers)
    flows = flows_of(transfers, layout)
    return Round(layout, transfers, flows, alone(flows, profile.growth), profile)


def time_of(
    laid: Round, congestion: str = "cubic", fidelity: Fidelity = "fluid", sharing: str | Sharing = "fair"
) -> RoundTime:
    """Return how long a round that is laid out takes."""
    if fidelity not in get_args(Fidelity):
        raise unknown_name("fidelity", fidelity, get_args(Fidelity))
    deadline = laid.layout.network.deadline_s
    way = sharing if isinstance(sharing, Sharing) else sharing_of(sharing, laid.flows, laid.times, laid.profile.growth)
    until = np.inf if deadline is None else deadline
    why = ""
    if fidelity == "auto":
        fidelity, why = _fitting(laid, congestion, way)
    laid.layout.network.check_fidelity(fidelity)
    moments = share(laid.flows, way, laid.profile.growth, until, laid.profile.recovery, laid.profile.settling)
    if fidelity == "packets" and len(laid.flows.after):
        from astraea.network.packets import send

        whole = laid.at_once
        ended = moments.arrived[np.isfinite(moments.arrived)]
        moments = send(whole.flows, whole.layout, congestion, way, float(ended.max(initial=1e-3)), until)
    return replace(_told(laid, moments, congestion, fidelity), why=why)


def _fitting(laid: Round, congestion: str, way: Sharing) -> tuple[Fidelity, str]:
    """Return packets for a round that they can run in a few seconds or that loses some, and else the fluid model.

    The reason comes with it.
    """
    from astraea.network.packets import packets_of, unable

    transfers, packets = len(laid.flows.after), packets_of(laid.flows, laid.layout)
    if (lack := unable(laid.flows, laid.layout, congestion, way)) is not None:
        return "fluid", lack.reason
    if laid.layout.network.lossy:
        return "packets", "links lose packets at random"
    sent = f"{transfers:,} transfers of {packets:,} packets on all links"
    return ("fluid", f"{sent} would take long") if packets > _FEW_PACKETS else ("packets", f"{sent} take some seconds")


def _told(laid: Round, moments: Moments, congestion: str, fidelity: str) -> RoundTime:
    transfers, deadline = laid.transfers, laid.layout.network.deadline_s
    bound = _bound(laid, fidelity)
    if not len(transfers.after):
        return RoundTime(0.0, 0.0, 0.0, 0.0, 0.0, (), (), fidelity, congestion, laid, moments)
    cut = np.inf if deadline is None else deadline
    missed = moments.arrived > cut
    late = tuple(dict.fromkeys(transfers.chain[missed].tolist()))
    if not missed.any():
        last = int(np.argmax(moments.arrived))
        path = _path(transfers, last)
        compute = float(transfers.compute[path].sum())
        profile = laid.profile
        times = alone(laid.flows, profile.growth, profile.settling) if profile.settling else laid.times
        alone_ = times.duration[path] + laid.flows.flight[path] + laid.flows.wait[path] - transfers.compute[path]
        seconds = float(moments.arrived[last])
        transfer = min(float(alone_.sum()), seconds - compute)
        waiting = max(seconds - compute - transfer, 0.0)
        away = min(_away(laid.flows, moments, path), waiting)
    else:
        seconds, away = float(cut), 0.0
        path, compute, transfer = np.zeros(0, np.int64), 0.0, 0.0
        waiting, bound = seconds, min(bound, seconds)
    split = (compute, transfer, waiting, bound)
    return RoundTime(seconds, *split, tuple(path.tolist()), late, fidelity, congestion, laid, moments, away)


def _bound(laid: Round, fidelity: str) -> float:
    """Return a time before which the round cannot end.

    In packets a window is sent as soon as links take it, where fluids spread it over a round trip, and a controller may
    fill all of a link: there the bound is without slow start.
    """
    if fidelity == "fluid":
        return lower_bound(laid.flows, laid.times)
    flows = laid.at_once.flows
    flows = flows._replace(opening=np.full(len(flows.after), np.inf))
    return lower_bound(flows, alone(flows))


def _away(flows: Flows, moments: Moments, path: NDArray[np.int64]) -> float:
    """Return for how long transfers of ``path`` were due or under way while a link they cross carried nothing."""
    links = [flows.path[i][flows.path[i] >= 0] for i in path]
    return sum(
        flows.capacities.blocked(crossed, float(moments.ready[i]), float(moments.sent[i]))
        for i, crossed in zip(path.tolist(), links, strict=True)
    )


def _path(transfers: Transfers, last: int) -> NDArray[np.int64]:
    """Return the transfers that lead to ``last``, in order."""
    path = [last]
    while (before := int(transfers.after[path[-1]])) >= 0:
        path.append(before)
    return np.array(path[::-1], np.int64)
