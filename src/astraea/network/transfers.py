"""A round as transfers: who sends a model to whom, after which other transfer, and how long after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from astraea.errors import InputError
from astraea.federation.plan import Chain, RoundPlan
from astraea.network.layout import SERVER, Layout, mediator_at
from astraea.network.settings import CORE
from astraea.seeding import Purpose, stream

__all__ = ["Steps", "Transfers", "check", "depth_order", "strands", "transfers_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Steps = int | Mapping[int, int] | Callable[[int], int]
"""Optimiser steps of one visit: the same for all, or by client."""


class Transfers(NamedTuple):
    """``n`` transfers, each starting ``delay`` seconds after transfer ``after`` has arrived (-1: the round's start).

    ``source`` and ``target`` are ends as :mod:`astraea.network.layout` numbers them. ``compute`` is the part of
    ``delay`` in which a client trains; ``client`` is who trains after the transfer has arrived, or -1.
    """

    chain: Ints
    source: Ints
    target: Ints
    bytes: Ints
    after: Ints
    delay: Floats
    compute: Floats
    client: Ints


def transfers_of(plan: RoundPlan, layout: Layout, steps: Steps) -> Transfers:
    """Return the transfers of ``plan`` with its mediators where the network places them.

    At the server a visit is a transfer there and one back; at a site the same, with one more to the mediator and one
    from it; with clients, one to the first, one from each to the next, and one back: γ + 1 for γ visits. ``steps``
    says how many optimiser steps a visit takes, whose time is the client's, times a draw for each visit.
    """
    seconds = _visit_seconds(plan, layout, steps)
    server = layout.network.server.seconds_per_transfer
    rows: list[tuple[int, int, int, int, float, float, int]] = []
    visit = 0
    for chain in plan.chains:
        here = _mediator(chain, layout)
        between = layout.network.placement == "clients"
        last = -1
        at = SERVER
        if here not in (at, None):
            rows.append((chain.id, at, here or 0, last, server, 0.0, -1))
            last, at = len(rows) - 1, here or 0
        trained = 0.0
        for number, step in enumerate(chain.visits):
            if at == step.client:  # the model is already there
                trained += seconds[visit]
            else:
                wait = trained + (server if at == SERVER else 0.0)
                rows.append((chain.id, at, step.client, last, wait, trained, step.client))
                last, at, trained = len(rows) - 1, step.client, seconds[visit]
            visit += 1
            if not between or number + 1 == len(chain.visits):
                home = SERVER if here is None else here
                rows.append((chain.id, at, home, last, trained, trained, -1))
                last, at, trained = len(rows) - 1, home, 0.0
        if at != SERVER:
            rows.append((chain.id, at, SERVER, last, trained, trained, -1))
    columns = list(zip(*rows, strict=True)) or [()] * 7
    kinds = (np.int64, np.int64, np.int64, np.int64, np.float64, np.float64, np.int64)
    chain_, source, target, after, delay, compute, client = (
        np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)
    )
    size = np.full(len(rows), plan.bytes_per_hop, np.int64)
    return Transfers(chain_, source, target, size, after, delay, compute, client)


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


def _visit_seconds(plan: RoundPlan, layout: Layout, steps: Steps) -> list[float]:
    """Return how long each visit trains, in plan order."""
    clients = np.array([visit.client for chain in plan.chains for visit in chain.visits], np.int64)
    if isinstance(steps, int):
        counts = np.full(len(clients), steps)
    else:
        count = steps.__getitem__ if isinstance(steps, Mapping) else steps
        counts = np.array([count(client) for client in clients.tolist()])
    where = layout.index(clients)
    spread = np.array([site.visit_spread for site in layout.network.sites])[layout.site_of[where]]
    drawn = stream(layout.network.seed, Purpose.NETWORK, 3, plan.round).standard_normal(len(clients))
    seconds: list[float] = (counts * layout.step_seconds[where] * np.exp(spread * drawn)).tolist()
    return seconds


def _mediator(chain: Chain, layout: Layout) -> int | None:
    """Return where a chain's mediator is: the site's link that most of its clients are behind, or the server."""
    placement = layout.network.placement
    if placement == "clients":
        return None
    if placement == "server":
        return SERVER
    ends = [link.name for link in layout.network.links]
    votes: dict[str, int] = {}
    for client in chain.clients:
        link = layout.site(client).link
        votes[link] = votes.get(link, 0) + 1
    chosen = max(votes, key=lambda name: votes[name])
    return SERVER if chosen == CORE else mediator_at(ends.index(chosen))
