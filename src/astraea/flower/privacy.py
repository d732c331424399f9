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
from astraea.federation.defences import Finite
from astraea.federation.plan import RoundPlan
from astraea.federation.server import SampleMean
from astraea.flower.options import Options

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


def refuse_false_privacy(wrapper: Strategy, options: Options, plan: RoundPlan | None = None) -> None:
    """Raise :class:`InputError` if the guarantee of ``wrapper`` does not hold, as far as that is known.

    Central differential privacy bounds what one client can change, and adds noise for a mean of ``num_sampled_clients``
    equal parts. That bound holds here if each part is a chain, no client is in two, chains are formed without a look at
    data, every chain counts alike, and one that is missing counts as unchanged: so they are added up within a wrapper.
    It is false if histograms decide who trains after whom, and with how many copies; if a round has fewer chains than
    the noise is for; if visits that clients have clipped add up along a chain; or if the server makes anything but
    their mean of them.
    """
    name = type(wrapper).__name__
    if options.reads_histograms:
        raise InputError(
            f"{name} cannot vouch for rounds that are planned from raw label histograms, its ε would be false: "
            "give AstraeaStrategy algorithm={'mediators': 'random'}, balance={'rebalancing': 'none'} and "
            "train={'loss': 'cross-entropy'}, without rare-first participation, or do without the wrapper"
        )
    if options.algorithm.bits != 32:
        raise InputError(
            f"{name} reads whole models in replies, and with algorithm.bits = {options.algorithm.bits} they hold "
            "changes in few bits: leave bits out, or do without the wrapper"
        )
    if not isinstance(options.server.aggregation, SampleMean) or not options.server.optimizer.keeps_average:
        raise InputError(
            f"{name} adds noise for the mean of a round's models, its ε would be false for what server= makes of them: "
            "leave server= out"
        )
    if not isinstance(options.server.defence, Finite):
        raise InputError(
            f"{name} bounds what one client can change, its ε would be false where server.defence measures clients by "
            "others: leave that out"
        )
    if plan is None:
        return
    if plan.returns != "last":
        raise InputError(
            f"{name} bounds each chain's last model, its ε would be false for algorithm.returns = '{plan.returns}': "
            "leave that out"
        )
    longest = max(len(chain.visits) for chain in plan.chains)
    if longest > 1 and isinstance(wrapper, _CLIENT_SIDE):
        raise InputError(
            f"{name} clips each visit, but {longest} visits of a chain add up, its ε would be false: use the "
            "server-side wrapper, or chains of one visit"
        )
    expected = getattr(wrapper, "num_sampled_clients", len(plan.chains))
    if expected != len(plan.chains):
        raise InputError(
            f"{name} adds noise for num_sampled_clients = {expected}, but round {plan.round + 1} has "
            f"{len(plan.chains)} chains, each of which counts as one, its ε would be false: give it "
            f"num_sampled_clients={len(plan.chains)}"
        )
