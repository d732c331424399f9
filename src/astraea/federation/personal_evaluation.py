"""How good clients' own models are, where each client keeps layers of its own.

A test sample of a client's is answered by that client's model. One that belongs to nobody is answered by the model of
every client, so that rates over such samples are means over clients.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from astraea.data.dataset import Samples
from astraea.federation.evaluation import Answers, Evaluation
from astraea.federation.loop import Kept
from astraea.federation.personal import Personal

__all__ = ["evaluate_clients"]


def evaluate_clients(
    personal: Personal,
    model: tuple[Tensor, Tensor],
    kept: Kept,
    clients: int,
    samples: Samples,
    owners: NDArray[np.int64] | None,
    measure: Callable[[Tensor, Tensor, Samples], Evaluation],
) -> Evaluation:
    """Return the answers of all ``clients`` as one evaluation, which says whose each is.

    ``model`` is the server's ``(params, counters)``, ``kept`` what clients keep; a client that never trained has the
    server's model. ``owners`` ``(n,)`` are the clients of the samples, -1 for none. ``measure`` evaluates one model.
    """
    owners = np.full(len(samples), -1) if owners is None else owners
    nobody, common = np.flatnonzero(owners < 0), None
    parts: list[tuple[Evaluation, NDArray[np.int64], int]] = []
    for client in range(clients):
        rows = np.concatenate([np.flatnonzero(owners == client), nobody])
        if not len(rows):
            continue
        fresh, pooled = client not in kept, len(rows) == len(nobody)
        if fresh and pooled and common is not None:  # all who never trained have one model
            parts.append((common, rows, client))
            continue
        found = measure(*personal.with_part(*model, kept.get(client, {})), samples.take(rows))
        common = found if fresh and pooled else common
        parts.append((found, rows, client))
    return _joined(parts, samples)


def _joined(parts: list[tuple[Evaluation, NDArray[np.int64], int]], samples: Samples) -> Evaluation:
    every = [one for one, _, _ in parts]
    rows = np.concatenate([rows for _, rows, _ in parts])
    answers = Answers(rows, np.concatenate([np.full(len(rows), client) for _, rows, client in parts]))
    errors = [one.errors for one in every if one.errors is not None]
    scores = [one.scores for one in every if one.scores is not None]
    return Evaluation(
        np.concatenate([one.predictions for one in every]),
        (samples.y if samples.sets is None else samples.sets)[rows],
        every[0].classes,
        float(np.average([one.loss for one in every], weights=[len(one.labels) for one in every])),
        np.concatenate(errors) if errors else None,
        1.0 if samples.targets is None else float(np.var(samples.targets[rows])),
        np.concatenate(scores) if scores else None,
        answers,
    )
