"""The clients' samples as tensors: one shared array, and for each client the rows that it trains on."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from astraea.balance.augmentation import ClientSamples, augmented_rows
from astraea.balance.histograms import client_histograms
from astraea.balance.rebalancing import Rebalancing
from astraea.balance.sampling import balanced_histogram, balanced_order
from astraea.balance.settings import TransformSettings
from astraea.balance.transforms import FIXED_KINDS, feature_spread, transform
from astraea.data.dataset import Samples
from astraea.data.form import Form, conventional
from astraea.errors import InputError
from astraea.federation.offline_copies import OfflineCopies
from astraea.seeding import CopyStreams, Purpose, stream, torch_seeds

__all__ = ["ClientData", "Population", "as_input"]


def as_input(x: Tensor, form: Form) -> Tensor:
    """Return samples as a model takes them: ``uint8`` images scaled to [0, 1], codes as int32 or int64, else float32.

    Rows of bytes stay as they are, for the model to take its inputs out of them. Codes of fewer bits become int64,
    since embeddings take none of them.
    """
    if form.kind == "inputs":
        return x
    if form.kind == "codes":
        return x if x.dtype in (torch.int32, torch.int64) else x.to(torch.int64)
    return x.to(torch.float32).div_(255.0) if x.dtype == torch.uint8 else x.to(torch.float32)


@dataclass(frozen=True)
class ClientData:
    """What one visit trains on: ``x`` of shape ``(n, *sample)``, ``y`` of shape ``(n,)``.

    ``fresh`` marks samples that are to be transformed anew in every epoch (``None``: there are none).
    ``histogram`` ``(N,)`` counts the labels of an epoch, where they are counted; ``balanced`` says that an epoch
    is drawn to that histogram, repeated samples being transformed like copies, instead of going through all.
    ``form`` says what the samples are; without it, their dtype and shape do. ``targets`` ``(n,)`` are the numbers to
    be predicted in a regression.
    """

    x: Tensor
    y: Tensor
    fresh: Tensor | None
    transforms: TransformSettings
    histogram: Tensor | None = None
    balanced: bool = False
    form: Form | None = None
    targets: Tensor | None = None

    def __len__(self) -> int:
        return len(self.y)

    def epoch(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the samples in a new random order, ready for the model, and their labels or targets."""
        order, fresh = self._draw(generator)
        here = order.to(self.x.device)
        form = self.form or conventional(self.x.dtype, self.x.shape)
        x = as_input(self.x.index_select(0, here), form)
        if fresh is not None and bool(fresh.any()):
            rows = fresh.nonzero().squeeze(1)
            x[rows] = transform(x[rows], self.transforms, generator, feature_spread(x, form=form), form)
        return x, (self.y if self.targets is None else self.targets).index_select(0, here)

    def plain(self, size: int, device: torch.device) -> Iterator[Tensor]:
        """Yield all samples as they are, in their order, ready for the model, ``size`` at once."""
        form = self.form or conventional(self.x.dtype, self.x.shape)
        for start in range(0, len(self.y), size):
            yield as_input(self.x[start : start + size], form).to(device)

    def varied(self, samples: Tensor, strength: float, generator: torch.Generator) -> Tensor:
        """Return a random variation of each of some samples as a model takes them, ``strength`` times a copy's.

        Raises :class:`InputError` for samples that have no variations.
        """
        form = self.form or conventional(samples.dtype, samples.shape)
        if form.kind in FIXED_KINDS:
            raise InputError(f"{form.kind} have no variations: choose a train.rule that needs none, such as plain")
        transforms = self.transforms.times(strength)
        return transform(samples, transforms, generator, feature_spread(samples, form=form), form)

    def _draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """Return the places of an epoch's samples, and which of them are to be transformed."""
        if not self.balanced or self.histogram is None:
            order = torch.randperm(len(self.y), generator=generator)
            return order, None if self.fresh is None else self.fresh[order]
        order, repeated = balanced_order(self.y.cpu(), self.histogram, generator)
        return order, repeated if self.fresh is None else repeated | self.fresh[order]


class Population(Sequence[ClientData]):
    """All clients of a federation.

    ``x`` ``(n, *sample)`` and ``y`` ``(n,)`` hold every sample once; ``clients`` says which rows each client
    trains on, repeated rows being copies; ``sets`` ``(n, N)`` are the classes in which each counts, if they are
    several. ``histograms`` ``(K, N)`` counts what each client trains on in an epoch, copies included; ``stored`` is the
    number of samples that all clients together keep.

    Arrays that are mapped from a file stay there: a client's samples are read when it is visited, so a round
    costs what its clients hold, however many others there are. ``told`` is what the server takes ``histograms`` for,
    ``None`` where it knows them. ``copies`` says from which streams offline copies
    are made, when their client is visited; without it, copies are transformed anew in each epoch.
    """

    def __init__(
        self,
        x: Tensor | NDArray[Any],
        y: Tensor | NDArray[Any],
        clients: Sequence[ClientSamples],
        classes: int,
        transforms: TransformSettings | None = None,
        stored: int | None = None,
        copies: OfflineCopies | None = None,
        form: Form | None = None,
        targets: Tensor | None = None,
        sets: NDArray[np.bool_] | None = None,
    ) -> None:
        empty = [client for client, samples in enumerate(clients) if len(samples.rows) == 0]
        if empty:
            raise InputError(
                f"client {empty[0]} has no sample to train on ({len(empty)} such clients): "
                "use fewer clients, or a milder skew or down-sampling"
            )
        self._sources = {name: array for name, array in (("x", x), ("y", y)) if _is_file(array)}
        self.x, self.y, self.classes = _as_tensor(x), _as_tensor(y), classes
        self.targets = targets
        self.form = form or conventional(self.x.dtype, self.x.shape)
        self.transforms = transforms or TransformSettings()
        # One array for all clients: a list of a hundred thousand would take longer to send than to train.
        self.rows = np.concatenate([samples.rows for samples in clients])
        fresh = np.concatenate([samples.fresh for samples in clients])
        self._fresh = fresh if fresh.any() else None
        self._copies = copies
        self._bounds = np.concatenate(([0], np.cumsum([len(samples.rows) for samples in clients])))
        self.stored = len(self.rows) if stored is None else stored
        owned = np.split(self.rows, self._bounds[1:-1])
        self.histograms = _fixed(client_histograms(self.y.numpy() if sets is None else sets, owned, classes))
        self._balanced = False
        self.told: NDArray[np.int64] | None = None

    @classmethod
    def from_samples(
        cls,
        samples: Samples,
        clients: Sequence[NDArray[np.int64]],
        classes: int,
        rebalancing: Rebalancing | None = None,
        *,
        on_the_fly: bool = False,
        transform_all: bool = False,
        transforms: TransformSettings | None = None,
        seed: int = 0,
        streams: Sequence[CopyStreams] | None = None,
    ) -> Population:
        """Build a population, augmenting each client's rare classes as ``rebalancing`` says.

        Offline (the papers' way), a client's copies are the same in every epoch; they are made when it is visited,
        and kept while there is room. On the fly, copies are transformed anew each time one is due; both train on
        equally many samples. With ``transform_all`` so is every other sample.
        Each client draws from its own stream, so its copies do not depend on the others; ``streams`` takes the place of
        ``seed`` where the clients are part of a larger federation.
        """
        transforms = transforms or TransformSettings()
        if rebalancing is None:
            plain = [ClientSamples(np.asarray(rows), np.full(len(rows), transform_all)) for rows in clients]
            return cls(samples.x, samples.y, plain, classes, transforms, form=samples.form, sets=samples.sets)
        drawn = [
            augmented_rows(
                samples.y if samples.sets is None else samples.sets,
                np.asarray(rows),
                rebalancing,
                stream(seed, Purpose.AUGMENT, number) if streams is None else streams[number].generator,
            )
            for number, rows in enumerate(clients)
        ]
        if on_the_fly or transform_all:
            kept = sum(int((~part.fresh).sum()) for part in drawn)
            if transform_all:
                drawn = [ClientSamples(part.rows, np.ones_like(part.fresh)) for part in drawn]
            return cls(
                samples.x, samples.y, drawn, classes, transforms, stored=kept, form=samples.form, sets=samples.sets
            )
        if streams is None:
            seeds = torch_seeds(seed, Purpose.AUGMENT, np.arange(len(clients), dtype=np.uint64), 1)
        else:
            seeds = [one.transforms for one in streams]
        copies = OfflineCopies(seeds, transforms)
        return cls(
            samples.x, samples.y, drawn, classes, transforms, copies=copies, form=samples.form, sets=samples.sets
        )

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def __getitem__(self, client: int) -> ClientData:  # type: ignore[override]  # slices make no sense here
        start, stop = self._bounds[client], self._bounds[client + 1]
        rows = torch.from_numpy(self.rows[start:stop]).to(self.x.device)
        x = self.x.index_select(0, rows)
        fresh = None if self._fresh is None else torch.from_numpy(self._fresh[start:stop])
        if fresh is not None and not fresh.any():
            fresh = None
        if fresh is not None and self._copies is not None:
            x[fresh.to(x.device)] = self._copies.of(client, x, fresh, self.form)
            fresh = None
        histogram = torch.from_numpy(self.histograms[client].copy())
        y = self.y.index_select(0, rows)
        targets = None if self.targets is None else self.targets.index_select(0, rows)
        return ClientData(x, y, fresh, self.transforms, histogram, self._balanced, self.form, targets)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Samples that each client trains on in an epoch, copies included, shape ``(K,)``."""
        return np.diff(self._bounds)

    @property
    def input_dtype(self) -> torch.dtype:
        """The dtype in which a model gets the samples."""
        return as_input(self.x[:1], self.form).dtype

    def regressing(self, targets: NDArray[np.float32]) -> Population:
        """Return the population with numbers to be predicted, ``(n,)``, or with several labels a sample, ``(n, N)``.

        ``y`` then holds their bins, or the rarest label of each.
        """
        changed = copy.copy(self)
        changed.targets = torch.from_numpy(targets)
        return changed

    def telling(self, told: NDArray[np.int64]) -> Population:
        """Return the population of which the server knows histograms ``(K, N)`` that are not the true ones."""
        changed = copy.copy(self)
        changed.told = _fixed(told)
        return changed

    def class_balanced(self) -> Population:
        """Return the population with epochs in which each client's classes occur equally often.

        Epochs keep their length; ``histograms`` are those of the balanced epochs.
        """
        changed = copy.copy(self)
        changed._balanced, changed.histograms = True, _fixed(balanced_histogram(self.histograms))
        return changed

    def to(self, device: torch.device | str) -> Population:
        """Return the population with its samples on ``device``."""
        moved = copy.copy(self)
        moved._sources, moved.x, moved.y = {}, self.x.to(device), self.y.to(device)
        moved.targets = None if self.targets is None else self.targets.to(device)
        return moved

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | self._sources

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.x, self.y = _as_tensor(self.x), _as_tensor(self.y)


def _fixed(histograms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return histograms that nobody can change, so that what follows from them may be remembered."""
    histograms.flags.writeable = False
    return histograms


def _is_file(array: Tensor | NDArray[Any]) -> bool:
    """Whether ``array`` is a whole mapping of a file, not a part of one."""
    return isinstance(array, np.memmap) and not isinstance(array.base, np.ndarray)


def _as_tensor(array: Tensor | NDArray[Any]) -> Tensor:
    # A tensor over read-only memory would be a way to write into it: PyTorch warns, so a file is mapped anew
    # such that nothing is ever written back, and other read-only arrays are copied.
    if isinstance(array, Tensor):
        return array
    if isinstance(array, np.memmap) and _is_file(array) and array.filename is not None:
        array = np.memmap(array.filename, array.dtype, "c", array.offset, array.shape)
    return torch.from_numpy(np.asarray(array) if array.flags.writeable else array.copy())
