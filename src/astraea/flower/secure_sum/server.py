"""The server's side of a secure sum over messages: four questions to all, and the sum of those that stayed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from flwr.app import Message
from numpy.typing import NDArray

from astraea.flower.messages import BYTES, SumStage, remarks
from astraea.flower.secure_sum.protocol import (
    KEYS,
    LEAST,
    SEALED,
    SHARE,
    ProtocolError,
    threshold,
    unmasked,
)

__all__ = ["MOST_TOGETHER", "Summed", "groups_of", "secure_sum"]

_log = logging.getLogger("flwr")

MOST_TOGETHER = 100
"""Clients of one sum at most: each talks to each, so what one sends and works out grows with their number."""

Ask = Callable[[Mapping[int, tuple[SumStage, bytes]]], Mapping[int, Message]]
"""Sends each node its question, with bytes beside it, and returns the replies that came, errors left out."""


class Summed(NamedTuple):
    """The ``total`` ``(N,)`` of the counts of some nodes, and their replies to the first question."""

    total: NDArray[np.int64]
    replies: dict[int, Message]


def groups_of(nodes: Sequence[int], rng: np.random.Generator) -> list[list[int]]:
    """Return ``nodes`` in random groups of nearly equal size, as few as possible."""
    number = -(-len(nodes) // MOST_TOGETHER)
    return [[nodes[place] for place in part] for part in np.array_split(rng.permutation(len(nodes)), number)]


def secure_sum(nodes: Sequence[int], classes: int | None, epsilon: float, ask: Ask) -> Summed:
    """Return the sum of the counts of those ``nodes`` that stay to the end.

    ``classes`` is their number if it is known, ``epsilon`` that of the noisy histograms beside the sum. Raises
    :class:`ProtocolError` if fewer stay than two thirds of those that began.
    """
    told = _answers(ask({node: (SumStage(name="keys", epsilon=epsilon), b"") for node in nodes}), KEYS)
    began = [node for node in nodes if node in told]
    if len(began) < LEAST:
        raise ProtocolError(f"{len(began)} of {len(nodes)} nodes began the secure sum, it needs {LEAST}")
    place = {node: number for number, node in enumerate(began)}
    needed, keys = threshold(len(began)), [told[node][1] for node in began]
    questions = {node: (SumStage(name="shares", place=place[node]), b"".join(keys)) for node in began}
    sealed = _answers(ask(questions), SEALED * (len(began) - 1))
    _enough(sealed, needed)
    places = tuple(place[node] for node in began if node in sealed)

    def to(node: int) -> bytes:
        """Return what the others sealed for ``node``."""
        found = []
        for sender in (began[one] for one in places):
            if sender != node:
                at = SEALED * (place[node] - (place[node] > place[sender]))
                found.append(sealed[sender][1][at : at + SEALED])
        return b"".join(found)

    questions = {node: (SumStage(name="masked", places=places), to(node)) for node in sealed}
    inputs = _answers(ask(questions), None if classes is None else 8 * classes)
    lengths = {len(one) for _, one in inputs.values()}
    if len(lengths) > 1:
        raise ProtocolError("clients differ in their number of classes")
    _enough(inputs, needed)
    there = tuple(sorted(place[node] for node in inputs))
    shares = _answers(ask({node: (SumStage(name="reveal", places=there), b"") for node in inputs}), SHARE * len(places))
    total = unmasked(
        {place[node]: one for node, (_, one) in inputs.items()},
        {place[node]: one for node, (_, one) in shares.items()},
        {one: keys[one] for one in places},
        needed,
    )
    gone = [str(node) for node in nodes if node not in inputs]
    if gone:
        _log.warning("the secure sum is without node %s, which did not stay", ", ".join(gone))
    return Summed(total, {node: told[node][0] for node in inputs})


def _answers(replies: Mapping[int, Message], size: int | None) -> dict[int, tuple[Message, bytes]]:
    """Return the replies with bytes of the ``size`` that they must have; whoever sends others has dropped out."""
    found = {}
    for node, reply in replies.items():
        sent = remarks(reply).get(BYTES, b"")
        if isinstance(sent, bytes) and (len(sent) == size or (size is None and sent)):
            found[node] = (reply, sent)
    return found


def _enough(there: Mapping[int, object], needed: int) -> None:
    if len(there) < needed:
        raise ProtocolError(f"{len(there)} nodes stayed in the secure sum, it needs {needed}")
