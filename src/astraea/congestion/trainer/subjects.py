"""What a search may look for: where it begins, how far a first step goes, and the policy that numbers stand for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astraea.congestion.connection.fixed_point import ONE
from astraea.congestion.connection.settings import PolicySettings
from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.policy.law import LAW
from astraea.congestion.policy.policy import Policy, PolicyHeader
from astraea.congestion.policy.residual import HIDDEN, SEEN, TURNED

__all__ = ["Subject", "law_policy", "law_subject", "network_subject", "residual_subject"]

Numbers = NDArray[np.float64]
Make = Callable[[Numbers, dict[str, str]], Policy]

_FIRST = 0.3  # deviation of what a unit of a first layer sums up, all its features within their ranges
_LAST = 0.3  # first step of what an output sums up


@dataclass(frozen=True)
class Subject:
    """Numbers to search over; ``policy`` turns them and a card into a policy."""

    start: Numbers
    spread: Numbers
    policy: Make
    bounds: Numbers | None = None  # (n, 2), if it has any


def law_subject(control: PolicySettings) -> Subject:
    """Return the numbers of :data:`astraea.congestion.policy.law.LAW`."""
    return Subject(
        np.array([n.start for n in LAW]),
        np.array([n.spread for n in LAW]),
        lambda numbers, card: law_policy(numbers, control, card),
        np.array([(n.low, n.high) for n in LAW]),
    )


def network_subject(control: PolicySettings, rng: np.random.Generator, hidden: tuple[int, ...] = HIDDEN) -> Subject:
    """Return the weights of a network that does nothing at first: its last layer is zero."""
    widths = (ObservationSettings().size, *hidden, 1)
    header = PolicyHeader(kind="network", control=control, widths=widths)
    start, spread = _layers(widths, [field.name for field in ObservationSettings().fields], rng)
    return Subject(start, spread, lambda numbers, card: Policy(header, numbers.astype(np.float32), card))


def residual_subject(
    law: Sequence[int], control: PolicySettings, rng: np.random.Generator, hidden: tuple[int, ...] = HIDDEN
) -> Subject:
    """Return the weights of a network that turns numbers of ``law`` (in 1/1024); at first it says nothing."""
    widths = (len(SEEN), *hidden, len(TURNED))
    header = PolicyHeader(kind="residual", control=control, widths=widths)
    start, spread = _layers(widths, SEEN, rng)
    base = np.array(law, np.int32)

    def policy(numbers: Numbers, card: dict[str, str]) -> Policy:
        held = np.clip(np.rint(numbers * ONE), -(1 << 30), 1 << 30).astype(np.int32)
        return Policy(header, np.concatenate([base, held]), card)

    return Subject(start, spread, policy)


def law_policy(numbers: Any, control: PolicySettings, card: dict[str, str] | None = None) -> Policy:
    """Return the law of ``numbers``, in the order of LAW, rounded to 1/1024 and held within its bounds."""
    held = np.clip(np.asarray(numbers, np.float64), [n.low for n in LAW], [n.high for n in LAW])
    header = PolicyHeader(kind="law", control=control)
    return Policy(header, np.rint(held * ONE).astype(np.int32), card or {})


def _layers(widths: Sequence[int], seen: Sequence[str], rng: np.random.Generator) -> tuple[Numbers, Numbers]:
    """Return first weights and spreads of layers: random but for the last, which is zero; features by their ranges."""
    limits = {field.name: max(abs(field.low), abs(field.high)) for field in ObservationSettings().fields}
    ranges = np.array([limits[name] for name in seen])
    starts, spreads = [], []
    for layer, (into, out) in enumerate(pairwise(widths)):
        last = layer == len(widths) - 2
        scale = (_LAST if last else _FIRST) / np.sqrt(into) / (ranges if layer == 0 else np.ones(into))
        matrix = np.tile(scale, (out, 1))
        biases = np.full(out, _LAST if last else _FIRST)
        spread = np.concatenate([matrix.ravel(), biases])
        draws = rng.standard_normal(len(spread))
        starts.append(np.zeros(len(spread)) if last else 3 * spread * draws)
        spreads.append(spread)
    return np.concatenate(starts), np.concatenate(spreads)
