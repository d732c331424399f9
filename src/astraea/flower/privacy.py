"""Where Flower's central differential privacy would report an ε that does not hold, AstraeaStrategy refuses."""

from __future__ import annotations

import inspect

from flwr.serverapp.strategy import (
    DifferentialPrivacyClientSideAdaptiveClipping,
    DifferentialPrivacyClientSideFixedClipping,
    DifferentialPrivacyServerSideAdaptiveClipping,
    DifferentialPrivacyServerSideFixedClipping,
    Strategy,
)

from astraea.errors import InputError

__all__ = ["refuse_false_privacy", "wrapper_of"]

_CLIENT_SIDE = (DifferentialPrivacyClientSideAdaptiveClipping, DifferentialPrivacyClientSideFixedClipping)
_SERVER_SIDE = (DifferentialPrivacyServerSideAdaptiveClipping, DifferentialPrivacyServerSideFixedClipping)


def wrapper_of(strategy: Strategy) -> Strategy | None:
    """Return the differential privacy wrapper that is calling ``strategy``, or ``None``.

    A wrapper calls its strategy without a word about itself: the one trace that it leaves is the call stack.
    """
    frame = inspect.currentframe()
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, _CLIENT_SIDE + _SERVER_SIDE) and owner.strategy is strategy:
            return owner
        frame = frame.f_back
    return None


def refuse_false_privacy(wrapper: Strategy, *, reads_histograms: bool, longest: int) -> None:
    """Raise :class:`InputError` if the guarantee of ``wrapper`` does not hold for a plan.

    Central differential privacy bounds what one client can change. If the plan ``reads_histograms``, a client's
    data decide who trains after whom, and with how many copies, which no clipping of updates covers. If a chain
    has more than one visit (``longest``), updates clipped by the clients add up beyond the bound.
    """
    name = type(wrapper).__name__
    if reads_histograms:
        raise InputError(
            f"{name} cannot vouch for rounds that are planned from raw label histograms, its ε would be false: "
            "give AstraeaStrategy algorithm={'mediators': 'random'}, balance={'rebalancing': 'none'} and "
            "train={'loss': 'cross-entropy'}, without rare-first participation, or do without the wrapper"
        )
    if longest > 1 and isinstance(wrapper, _CLIENT_SIDE):
        raise InputError(
            f"{name} clips each visit, but {longest} visits of a chain add up, its ε would be false: use the "
            "server-side wrapper, or chains of one visit"
        )
