"""The fluid model of one round: which way of sharing fits its links, and when each flow begins, ends and arrives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from astraea.network.flows import Flows
from astraea.network.fluid.heaps import heaps, push
from astraea.network.fluid.loop import TIMER, run
from astraea.network.fluid.state import FLOW, GROUP, HEAD, LINK, ROOT, ROW, State, rows

__all__ = ["Moments", "Sharing", "gates", "share"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Sharing:
    """How flows share links: in proportion to ``weight``, or with ``strict`` one after the other by ``priority``.

    With ``few`` above 0, flows wait before the narrowest link of their path and are let in by ``priority``, the
    highest first, while fewer than that are on it or those on it could not fill it.
    """

    weight: Floats | None = None  # (n,) above 0; all 1 by default
    priority: Floats | None = None  # (n,) all 0 by default
    strict: bool = False
    few: int = 0


class Moments(NamedTuple):
    """When each flow could have sent its first byte, did, sent its last, and had it arrive; inf: not in time."""

    ready: Floats
    begun: Floats
    sent: Floats
    arrived: Floats


class _Tree(NamedTuple):
    group: Ints
    group_link: Ints
    above: Ints
    others: Ints
    root_link: Ints


def share(
    flows: Flows,
    sharing: Sharing | None = None,
    growth: float = 2.0,
    until: float = np.inf,
    recovery: float = np.inf,
    settling: float = 0.0,
) -> Moments:
    """Return when each flow begins, ends and arrives; what has not by ``until`` seconds has infinity.

    Flows share links max-min fairly unless ``sharing`` says otherwise; ``growth`` is that of a window in a round trip
    of slow start, ``recovery`` that of one that others have held back, and ``settling`` what the end of slow start
    costs, in control intervals; the last two count unless priority is strict. An event costs O(log n) where links form
    a tree of two levels, and O(flows affected) elsewhere.
    """
    sharing = sharing or Sharing()
    held = (np.inf, 0.0) if sharing.strict else (recovery, settling)
    state = _state(flows, sharing, growth, *held)
    if len(flows.after):
        run(state, until)
    return Moments(*(np.array(state.flow[name]) for name in Moments._fields))


def _tree(flows: Flows) -> _Tree | None:
    """Return the groups if the shared links are a forest of two levels in which every flow begins at the bottom."""
    width = flows.shared.shape[1]
    if (flows.shared[:, 2:] >= 0).any():
        return None
    first = flows.shared[:, 0]
    second = flows.shared[:, 1] if width > 1 else np.full(len(first), -1)
    pairs = np.unique(np.sort(np.stack([first, second], axis=1)[second >= 0], axis=1), axis=0)
    links = len(flows.background)
    degree = np.bincount(pairs.ravel(), minlength=links)
    parent = np.full(links, -1)
    for a, b in pairs.tolist():
        below, over = (a, b) if degree[a] <= degree[b] else (b, a)
        if degree[below] > 1:
            return None
        parent[below] = over
    roots = np.unique(parent[parent >= 0])
    below_only = first[(second < 0) & (first >= 0)]
    if (parent[below_only] >= 0).any() or flows.background[parent >= 0].any():
        return None
    lower = np.where(second < 0, first, np.where(parent[first] == second, first, second))
    used, group = np.unique(np.concatenate([lower, roots]), return_inverse=True)
    is_root = np.isin(used, roots)
    number = np.full(links + 1, -1)
    number[roots] = np.arange(len(roots))
    over = np.append(parent, -1)[used]
    return _Tree(
        group=group[: len(lower)],
        group_link=np.where(is_root, -1, used),
        above=np.where(is_root, number[used], np.where(over >= 0, number[over], -1)),
        others=np.where(used >= 0, flows.background[used], 0),
        root_link=roots,
    )


def _state(flows: Flows, sharing: Sharing, growth: float, recovery: float, settling: float) -> State:
    n, links = len(flows.after), len(flows.background)
    tree = None if sharing.strict else _tree(flows)
    hops = flows.shared.shape[1]
    seats = np.bincount(flows.shared[flows.shared >= 0], minlength=links)
    gate = gates(flows)
    mine = [n] if tree is None else np.bincount(tree.group, minlength=len(tree.above))
    kinds = [mine] * 4 + [[n + links], np.bincount(gate[gate >= 0], minlength=links)]
    capacities = flows.capacities
    position = np.where(np.isfinite(capacities.period), capacities.offset, 0.0)
    row = capacities.first.copy()
    varies = np.flatnonzero(capacities.last - capacities.first > 1)
    for j in varies:
        starts = capacities.start[capacities.first[j] : capacities.last[j]]
        row[j] += np.searchsorted(starts, position[j], "right") - 1
    state = State(
        head=rows(1, HEAD),
        flow=rows(n, FLOW),
        link=rows(links, LINK),
        group=rows(1 if tree is None else len(tree.above), GROUP),
        roots=rows(0 if tree is None else len(tree.root_link), ROOT),
        rows=rows(len(capacities.start), ROW),
        private=flows.private,
        routes=flows.shared,
        seat=np.zeros((n, hops), np.int64),
        guests=np.zeros(max(int(seats.sum()), 1), np.int64),
        gates=np.unique(gate[gate >= 0]) if sharing.few else np.zeros(0, np.int64),
        flows=np.zeros(n, np.int64),
        links=np.zeros(links, np.int64),
        heaps=heaps(kinds, n + links),
    )
    _assign(
        state.head,
        growth=growth,
        recovery=recovery,
        settling=settling,
        by_tree=tree is not None,
        strict=sharing.strict,
        few=sharing.few,
    )
    _assign(state.rows, start=capacities.start, rate=capacities.rate)
    child, sibling = np.full(n, -1), np.full(n, -1)
    for i in np.flatnonzero(flows.after >= 0)[::-1].tolist():
        sibling[i] = child[flows.after[i]]
        child[flows.after[i]] = i
    never = dict.fromkeys(Moments._fields, np.inf)
    timing = {name: getattr(flows, name) for name in ("wait", "flight", "window", "opening", "rtt")}
    _assign(state.flow, left=flows.size, gate=gate, child=child, sibling=sibling, **timing, **never)
    _assign(state.flow, weight=1.0 if sharing.weight is None else sharing.weight)
    _assign(state.flow, priority=0.0 if sharing.priority is None else sharing.priority)
    over_time = {name: getattr(capacities, name) for name in ("first", "last", "period", "offset", "scale")}
    _assign(state.link, capacity=capacities.scale * capacities.rate[row], row=row, user=-1, **over_time)
    _assign(state.link, others=flows.background, room=np.cumsum(seats) - seats)
    if tree is not None:
        _assign(state.flow, group=tree.group)
        _assign(state.group, link=tree.group_link, above=tree.above, others=tree.others, floating=tree.others)
        _assign(state.roots, link=tree.root_link)
    for i in np.flatnonzero(flows.after < 0).tolist():
        push(state.heaps, TIMER, 0, i, float(flows.wait[i]))
    for k in varies.tolist():
        ends = row[k] + 1 == capacities.last[k]
        following = capacities.period[k] if ends else capacities.start[row[k] + 1]
        push(state.heaps, TIMER, 0, n + k, float(following - position[k]))
    return state


def _assign(table: Any, **values: Any) -> None:
    for field, value in values.items():
        table[field] = value


def gates(flows: Flows) -> Ints:
    """Return the shared link of each flow that most is asked of for its capacity, or -1."""
    links = len(flows.background)
    asked = np.zeros(links + 1)
    for column in flows.shared.T:
        np.add.at(asked, column, flows.size)
    with np.errstate(divide="ignore"):
        pressure = asked[:links] / flows.capacities.peak
    chosen = np.argmax(np.append(pressure, -1.0)[flows.shared], axis=1)
    narrowest: Ints = np.take_along_axis(flows.shared, chosen[:, None], axis=1)[:, 0]
    return narrowest
