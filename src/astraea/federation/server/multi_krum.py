"""Multi-Krum: the mean of the models that lie closest to others (Blanchard et al., NeurIPS 2017)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from astraea.federation.server.gathered import RobustAggregator, largest_minority

__all__ = ["MultiKrum"]


class MultiKrum(RobustAggregator, name="multi-krum"):
    """The mean of the models nearest to their neighbours (Blanchard et al., NeurIPS 2017).

    It drops whole chains, and with them honest clients that are unlike most.
    """

    hostile: float = Field(0.2, ge=0, lt=0.5, description="Share of the chains that may be hostile (f of n).")

    @property
    def fewest(self) -> int:
        """Fewest chains ``n`` with ``n >= 2 f + 3``, as the paper asks for; with ``hostile`` 0 none is left out."""
        counts = range(3, 1000)
        held = ((count, largest_minority(count, self.hostile)) for count in counts)
        return next((count for count, hostile in held if hostile and count >= 2 * hostile + 3), 3)

    def combined(self, models: Tensor, start: Tensor) -> Tensor:
        """Return the mean of the ``n - f`` models with the smallest sum of squared distances to ``n - f - 2``."""
        count = len(models)
        hostile = largest_minority(count, self.hostile)
        away = (models - start).to(torch.float64)
        distances = torch.stack([(away - one).square().sum(dim=1) for one in away]).sort(dim=1).values
        near = max(count - hostile - 2, 1)
        scores = distances[:, 1 : near + 1].sum(dim=1)
        chosen = scores.sort(stable=True).indices[: count - hostile].sort().values
        return models[chosen].mean(dim=0)
