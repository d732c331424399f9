"""Rounds of known shape as transfers, without a plan: for closed forms, benchmarks and what-if questions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from astraea.federation.plan import SERVER
from astraea.network.transfers import Transfers

__all__ = ["chains", "star"]


def star(training: Sequence[float], sizes: int | Sequence[int] = 1_000_000) -> Transfers:
    """Return a round of one visit a client: ``i`` trains ``training[i]`` seconds, both ways ``sizes[i]`` bytes."""
    return chains([[seconds] for seconds in training], sizes)


def chains(training: Sequence[Sequence[float]], sizes: int | Sequence[int] = 1_000_000) -> Transfers:
    """Return chains around a mediator at the server; visit ``k`` of chain ``j`` trains ``training[j][k]`` seconds.

    Clients count through the chains. ``sizes`` are the bytes of a model, for all or for each chain.
    """
    rows: list[tuple[int, int, int, int, int, float]] = []
    client = 0
    for chain, visits in enumerate(training):
        size = sizes if isinstance(sizes, int) else sizes[chain]
        last = -1
        for seconds in visits:
            rows.append((chain, SERVER, client, size, last, 0.0))
            rows.append((chain, client, SERVER, size, len(rows) - 1, seconds))
            last = len(rows) - 1
            client += 1
    table = np.array(rows, np.float64).reshape(-1, 6)
    chain_, source, target, size_, after = table[:, :5].astype(np.int64).T
    return Transfers(chain_, source, target, size_, after, table[:, 5], table[:, 5])
