"""A round as transfers: who sends a model to whom, after which other transfer, and how long after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from astraea.errors import InputError
from astraea.federation.plan import SERVER, Chain, RoundPlan
from astraea.network.layout import Layout, mediator_at
from astraea.network.settings import CORE
from astraea.seeding import Purpose, stream

__all__ = ["Steps", "Transfers", "check", "depth_order", "placed", "strands", "transfers_of", "visit_seconds"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Steps = int | Mapping[int, int] | Callable[[int], int]
"""Optimiser steps of one visit: the same for all, or by client."""


class Transfers(NamedTuple):
    """``n`` transfers, each starting ``delay`` seconds after transfer ``after`` has arrived (-1: the round's start).

    ``source`` and ``target`` are ends as :mod:`astraea.network.layout` numbers them. ``compute`` is the part of
    ``delay`` in which ``source`` trains.
    """

    chain: Ints
    source: Ints
    target: Ints
    bytes: Ints
    after: Ints
    delay: Floats
    compute: Floats


def transfers_of(plan: RoundPlan, layout: Layout, steps: Steps) -> Transfers:
    """Return the hops of ``plan`` with its mediators where the network places them, as transfers.

    ``steps`` says how many optimiser steps a visit takes; a step's time is the client's, times a draw for each visit.
    """
    hops = placed(plan, layout).hops()
    seconds = _plan_seconds(plan, layout, steps)
    n = len(hops)
    chain, source, target, size, after = (
        np.fromiter((hop[column] for hop in hops), np.int64, n) for column in range(5)
    )
    compute = np.fromiter((sum(seconds[visit] for visit in hop.trained) for hop in hops), np.float64, n)
    serving = np.where(source == SERVER, layout.network.server.seconds_per_transfer, 0.0)
    return Transfers(chain, source, target, size, after, compute + serving, compute)


def placed(plan: RoundPlan, layout: Layout) -> RoundPlan:
    """Return ``plan`` with its mediators where the network of ``layout`` places them."""
    if layout.network.placement == "server":
        return plan
    return plan.placed(lambda chain: _mediator(chain, layout))


def check(transfers: Transfers) -> None:
    """Raise :class:`InputError` if transfers name one that is not there, wait for each other, or take no time."""
    n = len(transfers.after)
    if ((transfers.after < -1) | (transfers.after >= n)).any():
        bad = int(np.argmax((transfers.after < -1) | (transfers.after >= n)))
        raise InputError(f"transfer {bad} starts after transfer {transfers.after[bad]}, but there are {n}")
    if (transfers.bytes < 1).any() or (transfers.delay < 0).any() or not np.isfinite(transfers.delay).all():
        bad = int(np.argmax((transfers.bytes < 1) | ~(transfers.delay >= 0) | ~np.isfinite(transfers.delay)))
        raise InputError(f"transfer {bad} needs at least a byte and a finite delay from 0 s")
    depth_order(transfers.after)


def depth_order(after: Ints) -> Ints:
    """Return the transfers in an order in which each comes after the one it waits for, shape ``(n,)``.

    Raises :class:`InputError` if some wait for each other in a circle.
    """
    order: Ints = np.argsort(_climb(after)[1], kind="stable")
    return order


def strands(after: Ints) -> Ints:
    """Return a number for each transfer, shape ``(n,)``; of two with one number, one waits for the other.

    Raises :class:`InputError` as :func:`depth_order` does.
    """
    followers = np.bincount(after[after >= 0], minlength=len(after))
    alone = (after >= 0) & (followers[after] == 1)
    _climb(after)
    return _climb(np.where(alone, after, -1))[0]


def _climb(after: Ints) -> tuple[Ints, Ints]:
    """Return the first transfer that each one waits for in the end (or itself), and how many are on the way."""
    n = len(after)
    top = np.where(after < 0, np.arange(n), after)
    steps = (after >= 0).astype(np.int64)
    for _ in range(n.bit_length() + 1):  # each turn looks twice as far
        if (after[top] < 0).all():
            return top, steps
        steps = steps + steps[top]
        top = top[top]
    circle = [int(np.argmax(after[top] >= 0))]
    while (following := int(after[circle[-1]])) not in circle:
        circle.append(following)
    names = " after ".join(map(str, [*circle[circle.index(following) :], following]))
    raise InputError(f"the transfers wait for each other in a circle: {names}")


def visit_seconds(clients: Ints, steps: Ints, layout: Layout, round_: int) -> Floats:
    """Return how long visits of ``clients`` ``(n,)`` with ``steps`` ``(n,)`` train in a round, shape ``(n,)``."""
    where = layout.index(clients)
    spread = np.array([site.visit_spread for site in layout.network.sites])[layout.site_of[where]]
    drawn = stream(layout.network.seed, Purpose.NETWORK, 3, round_).standard_normal(len(clients))
    seconds: Floats = steps * layout.step_seconds[where] * np.exp(spread * drawn)
    return seconds


def _plan_seconds(plan: RoundPlan, layout: Layout, steps: Steps) -> list[float]:
    """Return how long each visit trains, in plan order."""
    clients = np.array([visit.client for chain in plan.chains for visit in chain.visits], np.int64)
    if isinstance(steps, int):
        counts = np.full(len(clients), steps)
    else:
        missing = set(clients.tolist()) - steps.keys() if isinstance(steps, Mapping) else ()
        if missing:
            raise InputError(f"steps say nothing of client {min(missing)}: give those of every client in the plan")
        count = steps.__getitem__ if isinstance(steps, Mapping) else steps
        counts = np.array([count(client) for client in clients.tolist()], np.int64)
    found: list[float] = visit_seconds(clients, counts, layout, plan.round).tolist()
    return found


def _mediator(chain: Chain, layout: Layout) -> int | None:
    """Return where a chain's mediator is: at the link that most of its clients are behind, or at the server."""
    if layout.network.placement == "clients":
        return None
    votes = Counter(layout.site(client).link for client in chain.clients)
    chosen = max(votes, key=lambda name: votes[name])
    ends = [link.name for link in layout.network.links]
    return SERVER if chosen == CORE else mediator_at(ends.index(chosen))
