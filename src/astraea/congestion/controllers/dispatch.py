"""Which controller answers: a flow's number picks the function, all of them compiled into the loop.

To add a controller, write its file and give it a line in each function below whose event it answers,
one in ``Controls`` and one in the catalogue.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from astraea.congestion.compiled import inlined
from astraea.congestion.controllers import fixed, newreno, policy
from astraea.congestion.controllers.catalogue import FIXED, NEWRENO, POLICY

__all__ = ["STATES", "Controls", "on_ack", "on_interval", "on_loss", "on_recovered", "on_timeout", "start"]

STATES: dict[str, np.dtype[Any]] = {
    "fixed": fixed.STATE,
    "newreno": newreno.STATE,
    "policy": policy.STATE,
}


class Controls(NamedTuple):
    """Rows of private state, one array per kind of controller."""

    fixed: Any
    newreno: Any
    policy: Any


@inlined
def start(c: Any, i: int, f: Any, now: int) -> None:
    """The flow begins."""
    if f.controller == NEWRENO:
        newreno.start(f, c.newreno[i], now)
    elif f.controller == POLICY:
        policy.start(f, c.policy[i], now)
    elif f.controller == FIXED:
        fixed.start(f, c.fixed[i], now)


@inlined
def on_ack(c: Any, i: int, f: Any, now: int) -> None:
    """An acknowledgement came; ``f`` describes it."""
    if f.controller == NEWRENO:
        newreno.on_ack(f, c.newreno[i], now)
    elif f.controller == POLICY:
        policy.on_ack(f, c.policy[i], now)


@inlined
def on_loss(c: Any, i: int, f: Any, now: int) -> None:
    """A new episode of losses or congestion marks begins."""
    if f.controller == NEWRENO:
        newreno.on_loss(f, c.newreno[i], now)
    elif f.controller == POLICY:
        policy.on_loss(f, c.policy[i], now)


@inlined
def on_recovered(c: Any, i: int, f: Any, now: int) -> None:
    """All that was lost in the episode has arrived."""


@inlined
def on_timeout(c: Any, i: int, f: Any, now: int) -> None:
    """The retransmission timer went off."""
    if f.controller == NEWRENO:
        newreno.on_timeout(f, c.newreno[i], now)
    elif f.controller == POLICY:
        policy.on_timeout(f, c.policy[i], now)


@inlined
def on_interval(c: Any, i: int, f: Any, interval: Any, now: int) -> None:
    """A control interval ended; ``interval`` holds its statistics."""
