"""Noise that a scenario adds to what clients hold, so that they differ in more than their classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from astraea.data.dataset import Samples
from astraea.errors import InputError
from astraea.seeding import Purpose, stream

__all__ = ["noisy_features", "noisy_labels"]

_FEATURES, _LABELS = 3, 4  # streams of Purpose.SCENARIO

Rows = Sequence[NDArray[np.int64]]


def noisy_features(samples: Samples, clients: Rows, level: float, seed: int) -> tuple[Samples, str]:
    """Return samples to which client k of K, from 1, adds normal noise of ``level * k / K`` deviations, and a note.

    The deviation is that of the feature over all samples, of images and sequences that of the channel; features of
    whole numbers stay as they are. The "feature distribution skew" of NIID-Bench (Li et al., ICDE 2022). Raises
    :class:`InputError` for codes, to which nothing can be added.
    """
    if samples.form.kind in ("codes", "inputs"):
        raise InputError(
            f"scenario.feature_noise adds to numbers, but the samples are {samples.form.kind}: leave it out"
        )
    axes = (0, *range(2, samples.x.ndim))
    deviation = np.nanstd(samples.x.astype(np.float64), axis=axes, keepdims=True)[0]
    if samples.form.kind == "vector":
        deviation = np.where(samples.form.steady, 0.0, deviation)
    x = samples.x.copy()
    for client, rows in enumerate(clients):
        draws = stream(seed, Purpose.SCENARIO, _FEATURES, client).standard_normal((len(rows), *x.shape[1:]))
        values = x[rows] + draws * deviation * (level * (client + 1) / len(clients))
        if x.dtype.kind in "iu":
            limits = np.iinfo(str(x.dtype))
            values = np.clip(np.rint(values), limits.min, limits.max)
        x[rows] = values.astype(x.dtype)
    note = f"Noise of up to {level:g} standard deviations is added to the clients' samples, the most for the last."
    return samples.holding(x), note


def noisy_labels(samples: Samples, clients: Rows, share: float, seed: int) -> tuple[Samples, str]:
    """Return samples of which each client has ``share`` under another label that somebody holds, and a note.

    Which samples and which labels is drawn evenly ("symmetric" label noise). Raises :class:`InputError` for a
    regression and for a single class.
    """
    held = np.unique(samples.y)
    if samples.targets is not None or len(held) < 2:
        raise InputError("scenario.label_noise swaps classes, of which these data have not two: leave it out")
    y = samples.y.copy()
    for client, rows in enumerate(clients):
        rng = stream(seed, Purpose.SCENARIO, _LABELS, client)
        wrong = rng.permutation(rows)[: round(share * len(rows))]
        place = np.searchsorted(held, y[wrong])
        y[wrong] = held[(place + rng.integers(1, len(held), len(wrong))) % len(held)]
    changed = int((y != samples.y).sum())
    note = (
        f"{changed:,} of {len(y):,} training labels are replaced by another class; test and validation labels are not."
    )
    return Samples(samples.x, y, samples.columns, samples.described), note
