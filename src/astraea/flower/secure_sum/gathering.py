"""Secure sums of all nodes on a grid, and what a server then takes each node's histogram for."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.serverapp import Grid

from astraea.balance.privacy.estimate import estimated_histograms
from astraea.federation.walk import VisitError
from astraea.flower.messages import BYTES, HISTOGRAM_QUERY, KEY, Question, SumStage
from astraea.flower.post import Post
from astraea.flower.questions import Answers, read_answer
from astraea.flower.secure_sum.protocol import ProtocolError
from astraea.flower.secure_sum.server import groups_of, secure_sum

__all__ = ["gathered"]

_log = logging.getLogger("flwr")

_PATIENCE = 120.0  # seconds that an exchange may take: who needs more has dropped out


def gathered(
    nodes: Sequence[int],
    epsilon: float,
    grid: Grid,
    timeout: float,
    config: ConfigRecord,
    config_key: str,
    rng: np.random.Generator,
) -> tuple[Answers, dict[int, str]]:
    """Return the histogram and the remarks of each of ``nodes`` that is in a sum, and of the others why they are not.

    Histograms add up to the exact sums; who holds what of them is estimated from noisy ones of ``epsilon``. ``rng``
    divides many nodes into several sums.
    """
    answers: Answers = {}
    refused = dict.fromkeys(nodes, "it dropped out of the secure sum")

    def ask(stages: Mapping[int, tuple[SumStage, bytes]]) -> dict[int, Message]:
        post, good = Post[int](grid), {}
        for node, (stage, beside) in stages.items():
            own = ConfigRecord({**config, KEY: Question(sum=stage).model_dump_json(), BYTES: beside})
            message = Message(RecordDict({config_key: own}), node, HISTOGRAM_QUERY, group_id=str(node), ttl=timeout)
            post.send(node, message, min(timeout, _PATIENCE))
        for node, reply, _ in post.fetch():
            if reply is not None and reply.has_error():
                refused[node] = " ".join((reply.error.reason or "").split())[-300:]
            elif reply is not None:
                good[node] = reply
        return good

    for group in groups_of(nodes, rng):
        try:
            summed = secure_sum(group, None, epsilon, ask)
            noisy = {node: read_answer(reply, epsilon) for node, reply in summed.replies.items()}
            if {len(one) for one, _ in noisy.values()} != {len(summed.total)}:
                raise ProtocolError("the noisy histograms of clients have other classes than their sum")
        except (ProtocolError, VisitError) as error:
            _log.warning("a secure sum of %d nodes failed: %s", len(group), error)
            refused |= {node: str(error) for node in group if refused[node].startswith("it dropped out")}
            continue
        rows = estimated_histograms(np.stack([one for one, _ in noisy.values()]), epsilon, summed.total)
        answers |= {node: (row, noisy[node][1]) for node, row in zip(noisy, rows, strict=True)}
    return answers, {node: why for node, why in refused.items() if node not in answers}
