"""Offline copies, the papers' way: transformed once, the same at every visit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from astraea.balance.settings import TransformSettings
from astraea.balance.transforms import feature_spread, transform
from astraea.data.form import Form

__all__ = ["OfflineCopies"]


class OfflineCopies:
    """Copies that are the same at every visit, made from a stream of each client's own.

    ``seeds`` are those of the K clients' generators. What was made is kept, up to so many bytes; beyond that the
    longest unused is made again when it is needed.
    """

    def __init__(self, seeds: Sequence[int], transforms: TransformSettings, room: int = 256 * 2**20) -> None:
        self.seeds, self.transforms, self.room = np.array(seeds, np.int64), transforms, room
        self._made: OrderedDict[tuple[int, torch.device], Tensor] = OrderedDict()
        self._bytes = 0

    def of(self, client: int, x: Tensor, fresh: Tensor, form: Form) -> Tensor:
        """Return the copies among the client's samples ``x`` ``(n, *sample)``, which ``fresh`` ``(n,)`` marks."""
        key = (client, x.device)
        if key in self._made:
            self._made.move_to_end(key)
            return self._made[key]
        generator = torch.Generator().manual_seed(int(self.seeds[client]))
        made = transform(x[fresh.to(x.device)], self.transforms, generator, feature_spread(x, form=form), form)
        self._made[key] = made
        self._bytes += made.nbytes
        while self._bytes > self.room:
            self._bytes -= self._made.popitem(last=False)[1].nbytes
        return made

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_made": OrderedDict(), "_bytes": 0}  # another process makes what it needs
