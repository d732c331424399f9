"""The clients' samples as tensors: one shared array, and for each client the rows that it trains on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from astraea.balance.augmentation import ClientSamples, augmented_rows
from astraea.balance.histograms import client_histograms
from astraea.balance.rebalancing import Rebalancing
from astraea.balance.settings import TransformSettings
from astraea.balance.transforms import feature_spread, transform
from astraea.data.dataset import Samples
from astraea.errors import InputError
from astraea.seeding import Purpose, stream, torch_seed

__all__ = ["ClientData", "Population", "as_input"]


def as_input(x: Tensor) -> Tensor:
    """Return samples as a model takes them: ``uint8`` images scaled to [0, 1], anything else as float32."""
    return x.to(torch.float32).div_(255.0) if x.dtype == torch.uint8 else x.to(torch.float32)


@dataclass(frozen=True)
class ClientData:
    """What one visit trains on: ``x`` of shape ``(n, *sample)``, ``y`` of shape ``(n,)``.

    ``fresh`` marks copies that are to be transformed anew in every epoch (``None``: there are none).
    """

    x: Tensor
    y: Tensor
    fresh: Tensor | None
    transforms: TransformSettings

    def __len__(self) -> int:
        return len(self.y)

    def epoch(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the samples in a new random order, ready for the model."""
        order = torch.randperm(len(self.y), generator=generator)
        x = as_input(self.x[order])
        if self.fresh is not None:
            fresh = self.fresh[order].nonzero().squeeze(1)
            if len(fresh):
                x[fresh] = transform(x[fresh], self.transforms, generator, feature_spread(x))
        return x, self.y[order]


class Population(Sequence[ClientData]):
    """All clients of a federation.

    ``x`` ``(n, *sample)`` and ``y`` ``(n,)`` hold every sample once; ``clients`` says which rows each client
    trains on, repeated rows being copies. ``histograms`` ``(K, N)`` counts what each client trains on, copies
    included; ``stored`` is the number of samples that all clients together keep.
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        clients: Sequence[ClientSamples],
        classes: int,
        transforms: TransformSettings | None = None,
        stored: int | None = None,
    ) -> None:
        empty = [client for client, samples in enumerate(clients) if len(samples.rows) == 0]
        if empty:
            raise InputError(
                f"client {empty[0]} has no sample to train on ({len(empty)} such clients): "
                "use fewer clients, or a milder skew or down-sampling"
            )
        self.x, self.y, self.clients, self.classes = x, y, list(clients), classes
        self.transforms = transforms or TransformSettings()
        self.stored = sum(len(samples.rows) for samples in clients) if stored is None else stored
        self.histograms = client_histograms(y.numpy(), [samples.rows for samples in clients], classes)

    @classmethod
    def from_samples(
        cls,
        samples: Samples,
        clients: Sequence[NDArray[np.int64]],
        classes: int,
        rebalancing: Rebalancing | None = None,
        *,
        on_the_fly: bool = False,
        transforms: TransformSettings | None = None,
        seed: int = 0,
        numbers: Sequence[int] | None = None,
    ) -> Population:
        """Build a population, augmenting each client's rare classes as ``rebalancing`` says.

        Offline (the papers' way), copies are made once and stored with the client. On the fly, a client stores
        its originals only and transforms them anew each time a copy is due; both train on equally many samples.
        Each client draws from its own stream, so its copies do not depend on the others; ``numbers`` names the
        streams where the clients are part of a larger federation, and is otherwise 0, 1, 2 and so on.
        """
        transforms = transforms or TransformSettings()
        x, y = _shared(samples.x), _shared(samples.y)
        if rebalancing is None:
            plain = [ClientSamples(np.asarray(rows), np.zeros(len(rows), np.bool_)) for rows in clients]
            return cls(x, y, plain, classes, transforms)
        numbers = range(len(clients)) if numbers is None else numbers
        drawn = [
            augmented_rows(samples.y, np.asarray(rows), rebalancing, stream(seed, Purpose.AUGMENT, number))
            for number, rows in zip(numbers, clients, strict=True)
        ]
        if on_the_fly:
            kept = sum(int((~part.fresh).sum()) for part in drawn)
            return cls(x, y, drawn, classes, transforms, stored=kept)
        copies, stored, next_row = [x], [], len(x)
        for number, part in zip(numbers, drawn, strict=True):
            rows = part.rows.copy()
            made = int(part.fresh.sum())
            if made:
                generator = torch.Generator().manual_seed(torch_seed(seed, Purpose.AUGMENT, number, 1))
                originals, own = torch.from_numpy(rows[part.fresh]), torch.from_numpy(part.rows)
                copies.append(transform(x[originals], transforms, generator, feature_spread(x, own)))
                rows[part.fresh] = np.arange(next_row, next_row + made)
                next_row += made
            stored.append(ClientSamples(rows, np.zeros(len(rows), np.bool_)))
        labels = torch.cat([y, *(y[torch.from_numpy(part.rows[part.fresh])] for part in drawn)])
        return cls(torch.cat(copies), labels, stored, classes, transforms)

    def __len__(self) -> int:
        return len(self.clients)

    def __getitem__(self, client: int) -> ClientData:  # type: ignore[override]  # slices make no sense here
        samples = self.clients[client]
        rows = torch.from_numpy(samples.rows)
        fresh = torch.from_numpy(samples.fresh) if samples.fresh.any() else None
        return ClientData(self.x[rows], self.y[rows], fresh, self.transforms)


def _shared(array: NDArray[Any]) -> Tensor:
    # A tensor over read-only memory would be a way to write into it: PyTorch warns, so such arrays are copied.
    return torch.from_numpy(array if array.flags.writeable else array.copy())
