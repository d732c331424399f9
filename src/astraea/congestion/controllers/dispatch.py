"""Which controller answers: a flow's number picks the function, all of them compiled into the loop.

To add a controller, write its file, enter it in the catalogue, in ``STATES`` and ``Controls`` here, and in each
function below whose event it answers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from astraea.congestion.compiled import inlined
from astraea.congestion.controllers import aurora, bbr, bbr3, copa, cubic, fixed, newreno, policy, vegas
from astraea.congestion.controllers.catalogue import (
    AURORA,
    BBR,
    BBR3,
    COPA,
    CUBIC,
    FIXED,
    NEWRENO,
    POLICY,
    VEGAS,
)

__all__ = [
    "STATES",
    "Controls",
    "act",
    "on_ack",
    "on_loss",
    "on_mark",
    "on_packet_lost",
    "on_recovered",
    "on_restart",
    "on_timeout",
    "on_undo",
    "pick_controls",
    "start",
]

STATES: dict[str, np.dtype[Any]] = {
    "fixed": fixed.STATE,
    "newreno": newreno.STATE,
    "cubic": cubic.STATE,
    "vegas": vegas.STATE,
    "copa": copa.STATE,
    "bbr": bbr.STATE,
    "bbr3": bbr3.STATE,
    "aurora": aurora.STATE,
    "policy": policy.STATE,
}


class Controls(NamedTuple):
    """A row of state per flow for each kind of controller."""

    fixed: Any
    newreno: Any
    cubic: Any
    vegas: Any
    copa: Any
    bbr: Any
    bbr3: Any
    aurora: Any
    policy: Any


@inlined
def pick_controls(c: Controls, k: int) -> Controls:
    """Return the rows of world ``k`` of many."""
    return Controls(
        c.fixed[k], c.newreno[k], c.cubic[k], c.vegas[k], c.copa[k], c.bbr[k], c.bbr3[k], c.aurora[k], c.policy[k]
    )


@inlined
def start(c: Any, i: int, f: Any, now: int) -> None:
    """The flow begins."""
    kind = f.controller
    if kind == CUBIC:
        cubic.start(f, c.cubic[i], now)
    elif kind == POLICY:
        policy.start(f, c.policy[i], now)
    elif kind == NEWRENO:
        newreno.start(f, c.newreno[i], now)
    elif kind == BBR:
        bbr.start(f, c.bbr[i], now)
    elif kind == BBR3:
        bbr3.start(f, c.bbr3[i], now)
    elif kind == VEGAS:
        vegas.start(f, c.vegas[i], now)
    elif kind == COPA:
        copa.start(f, c.copa[i], now)
    elif kind == AURORA:
        aurora.start(f, c.aurora[i], now)
    elif kind == FIXED:
        fixed.start(f, c.fixed[i], now)


@inlined
def on_ack(c: Any, i: int, f: Any, now: int) -> None:
    """An acknowledgement came; ``f`` describes it."""
    kind = f.controller
    if kind == CUBIC:
        cubic.on_ack(f, c.cubic[i], now)
    elif kind == POLICY:
        policy.on_ack(f, c.policy[i], now)
    elif kind == NEWRENO:
        newreno.on_ack(f, c.newreno[i], now)
    elif kind == BBR:
        bbr.on_ack(f, c.bbr[i], now)
    elif kind == BBR3:
        bbr3.on_ack(f, c.bbr3[i], now)
    elif kind == VEGAS:
        vegas.on_ack(f, c.vegas[i], now)
    elif kind == COPA:
        copa.on_ack(f, c.copa[i], now)
    elif kind == AURORA:
        aurora.on_ack(f, c.aurora[i], now)


@inlined
def on_packet_lost(c: Any, i: int, f: Any, packet: Any, now: int) -> None:
    """A packet is declared lost."""
    if f.controller == BBR3:
        bbr3.on_packet_lost(f, c.bbr3[i], packet, now)


@inlined
def on_mark(c: Any, i: int, f: Any, now: int) -> None:
    """Packets of this window carry congestion marks; BBR and Copa do not answer them."""
    kind = f.controller
    if kind == CUBIC:
        cubic.on_loss(f, c.cubic[i], now)
    elif kind == POLICY:
        policy.on_mark(f, c.policy[i], now)
    elif kind == NEWRENO:
        newreno.on_loss(f, c.newreno[i], now)
    elif kind == VEGAS:
        vegas.on_loss(f, c.vegas[i], now)
    elif kind == AURORA:
        aurora.on_loss(f, c.aurora[i], now)


@inlined
def on_loss(c: Any, i: int, f: Any, now: int) -> None:
    """A new episode of losses begins."""
    kind = f.controller
    if kind == CUBIC:
        cubic.on_loss(f, c.cubic[i], now)
    elif kind == POLICY:
        policy.on_loss(f, c.policy[i], now)
    elif kind == NEWRENO:
        newreno.on_loss(f, c.newreno[i], now)
    elif kind == BBR:
        bbr.on_loss(f, c.bbr[i], now)
    elif kind == BBR3:
        bbr3.on_loss(f, c.bbr3[i], now)
    elif kind == VEGAS:
        vegas.on_loss(f, c.vegas[i], now)
    elif kind == COPA:
        copa.on_loss(f, c.copa[i], now)
    elif kind == AURORA:
        aurora.on_loss(f, c.aurora[i], now)


@inlined
def on_recovered(c: Any, i: int, f: Any, now: int) -> None:
    """All that was out when the episode began has arrived."""
    if f.controller == POLICY:
        policy.on_recovered(f, c.policy[i], now)
    elif f.controller == BBR:
        bbr.on_recovered(f, c.bbr[i], now)
    elif f.controller == BBR3:
        bbr3.on_recovered(f, c.bbr3[i], now)


@inlined
def on_timeout(c: Any, i: int, f: Any, now: int) -> None:
    """The retransmission timer went off."""
    kind = f.controller
    if kind == CUBIC:
        cubic.on_timeout(f, c.cubic[i], now)
    elif kind == POLICY:
        policy.on_timeout(f, c.policy[i], now)
    elif kind == NEWRENO:
        newreno.on_timeout(f, c.newreno[i], now)
    elif kind == BBR:
        bbr.on_timeout(f, c.bbr[i], now)
    elif kind == BBR3:
        bbr3.on_timeout(f, c.bbr3[i], now)
    elif kind == VEGAS:
        vegas.on_timeout(f, c.vegas[i], now)
    elif kind == COPA:
        copa.on_timeout(f, c.copa[i], now)
    elif kind == AURORA:
        aurora.on_timeout(f, c.aurora[i], now)


@inlined
def on_undo(c: Any, i: int, f: Any, now: int) -> None:
    """The timeout was spurious; the window has been restored."""
    if f.controller == CUBIC:
        cubic.on_undo(f, c.cubic[i], now)
    elif f.controller == POLICY:
        policy.on_undo(f, c.policy[i], now)
    elif f.controller == BBR3:
        bbr3.on_undo(f, c.bbr3[i], now)


@inlined
def on_restart(c: Any, i: int, f: Any, now: int) -> None:
    """There is data again, and nothing in flight."""
    if f.controller == BBR:
        bbr.on_restart(f, c.bbr[i], now)
    elif f.controller == BBR3:
        bbr3.on_restart(f, c.bbr3[i], now)


@inlined
def act(c: Any, i: int, f: Any, action: float) -> None:
    """An action from outside."""
    if f.controller == POLICY:
        policy.act(f, c.policy[i], action)
    elif f.controller == AURORA:
        aurora.act(f, c.aurora[i], action)
