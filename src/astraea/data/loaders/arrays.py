"""Arrays in memory as a dataset: the way in for a notebook, and the last step of every other loader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astraea.data.classes import flat, number_classes
from astraea.data.dataset import Dataset, Samples
from astraea.data.form import alike, recognise
from astraea.data.inputs import ArrayReader
from astraea.data.label_sets import are_sets, rarest, sets_with_note
from astraea.data.layout import layout_doubt
from astraea.data.packing import Collate
from astraea.data.regression import BINS, Regression, Task, regression_of
from astraea.data.scales import scale_notes
from astraea.data.several import as_array, collated, further_inputs, named_inputs
from astraea.errors import InputError

__all__ = ["as_images", "concatenate", "fixed_split", "from_arrays", "together"]


def as_images(images: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return ``uint8`` images channel first, ``(n, C, H, W)``.

    Takes ``(n, H, W)``, ``(n, C, H, W)`` and ``(n, H, W, C)`` with 1 or 3 channels; where both of the last
    two fit, the first is meant. Raises :class:`InputError` for any other shape.
    """
    if images.ndim not in (3, 4):
        raise InputError(f"images of shape {images.shape}: give (n, H, W), (n, C, H, W) or (n, H, W, C)")
    return recognise(images, kind="image")[0]


def from_arrays(
    x: ArrayLike | Mapping[str, ArrayLike] | tuple[ArrayLike, ...],
    y: ArrayLike,
    test_x: ArrayLike | Mapping[str, ArrayLike] | tuple[ArrayLike, ...] | None = None,
    test_y: ArrayLike | None = None,
    *,
    columns: Mapping[str, ArrayLike] | None = None,
    test_columns: Mapping[str, ArrayLike] | None = None,
    class_names: Sequence[str] | None = None,
    layout: str | None = None,
    scale: float | None = None,
    kind: str | None = None,
    noise: bool | None = None,
    several: bool | None = None,
    task: Task = "auto",
    bins: int = BINS,
    pad: int = 0,
    collate: Collate | None = None,
    name: str = "arrays",
) -> Dataset:
    """Return a dataset of arrays.

    ``x`` has one row per sample. What it is (images, sequences, vectors, codes) is recognised by shape and values,
    alike for every dtype, see :func:`~astraea.data.form.recognise`; ``layout``, ``scale``, ``kind`` and ``noise``
    say it instead. A mapping of arrays gives a model several inputs by name, such as ``input_ids`` and
    ``attention_mask``, and a tuple of arrays in their order. Lists of sequences of integers of different lengths, also
    among several inputs, are padded with ``pad`` to one length; models whose ``forward`` takes ``attention_mask`` (or
    ``mask``) or ``lengths`` get these too. ``collate(samples)`` may make one array, or a mapping of them, of samples of
    any other kind.

    ``y`` holds integers, class names (strings) or one-hot rows, see :func:`~astraea.data.classes.number_classes`.
    Rows of 0 and 1 of which some have two ones or more, and a set, list or tuple of names for each sample, are
    several labels a sample; ``several`` says it of others. ``task`` says whether numbers are classes or to be
    predicted ("regression"); by default, numbers with a point of more than 20 different values are. Of a
    regression, ``bins`` quantile bins are what is balanced. ``columns`` holds further facts of each training
    sample, such as its writer, and ``test_columns`` those of the test samples.

    Raises :class:`InputError` if lengths or shapes differ, a label has no class, or a value is not finite.
    """
    if (test_x is None) != (test_y is None):
        raise InputError("test_x and test_y go together: give both or neither")
    y, test_y = _without_gradient(y), _without_gradient(test_y)
    given = [part for part in (y, test_y) if part is not None]
    sets: list[NDArray[np.bool_]] = []
    targets: list[NDArray[np.float64] | None] = [None, None]
    regression: Regression | None = None
    labels: list[NDArray[Any]]
    numbered: list[NDArray[Any]]
    if several or (several is None and are_sets(y)):
        sets, names, outputs, notes = sets_with_note(given, class_names)
        labels = numbered = [rarest(part, sets[0].sum(axis=0)) for part in sets]
    else:
        labels, outputs = [flat(part, "labels") for part in given], None
        if not labels[0].size:
            raise InputError("there are no training samples: give at least one")
        regression = _regression(labels[0], task, bins, class_names)
        if regression is None:
            numbered, names, notes = number_classes(labels, class_names)
        else:
            numbered, names = [regression.bins(part.astype(np.float64)) for part in labels], regression.names
            targets = [*(part.astype(np.float64) for part in labels), None]
            notes = (f"Regression: the model predicts the labels; {len(names)} quantile bins of them are balanced.",)
    values: NDArray[np.generic]
    x, test_x, own, pads = collated(x, test_x, pad, collate, [len(part) for part in numbered])
    if isinstance(x, Mapping):
        if any(said is not None for said in (layout, scale, kind, noise)):
            raise InputError("layout, scale, kind and noise are of samples of one input: leave them out")
        values, form = named_inputs(x, own, pads)
        doubts: tuple[str, ...] = ()
    else:
        array = as_array(x, "training")
        values, form = recognise(array, layout=layout, scale=scale, kind=kind, noise=noise)
        doubts = layout_doubt(array, form.layout) if layout is None and kind is None else ()
    train = Samples(values, _integers(numbered[0]), _columns(columns), form, targets[0], sets=sets[0] if sets else None)
    counted = class_names is not None and numbered[0] is labels[0]
    reader = ArrayReader(form=form, class_names=names, counted=counted, several=bool(sets), regression=regression)
    test = None
    if test_x is not None:
        values = further_inputs(test_x, form) if form.inputs else alike(as_array(test_x, "test"), form)
        test = Samples(
            values, _integers(numbered[1]), _columns(test_columns), form, targets[1], sets=sets[1] if sets else None
        )
    notes = (*notes, *doubts, *scale_notes(train, said=scale is not None))
    return Dataset(name, train, test, names, notes, regression=regression, reader=reader, outputs=outputs)


def _without_gradient(labels: Any) -> Any:
    """Return labels that NumPy can read; those of a tensor may require a gradient."""
    return labels.detach().cpu() if hasattr(labels, "detach") else labels


def _regression(
    labels: NDArray[np.generic], task: Task, bins: int, class_names: Sequence[str] | None
) -> Regression | None:
    """Return how labels are cut if they are numbers to be predicted; those whose classes have names are classes."""
    if labels.ndim != 1 or (task == "auto" and class_names is not None):
        return None
    return regression_of(labels, task, bins)


def concatenate(first: Samples, second: Samples) -> Samples:
    """Return the samples of ``first``, then those of ``second``, with the columns that both have."""
    shared = first.columns.keys() & second.columns.keys()
    columns = {name: np.concatenate([first.columns[name], second.columns[name]]) for name in sorted(shared)}
    x, y = np.concatenate([first.x, second.x]), np.concatenate([first.y, second.y])
    sets = None if first.sets is None or second.sets is None else np.concatenate([first.sets, second.sets])
    return Samples(x, y, columns, first.described, sets=sets)


def together(parts: Sequence[Samples]) -> Samples:
    """Return the samples of all ``parts``, which are of one form, in their order and without columns."""
    targets = [part.targets for part in parts if part.targets is not None]
    sets = [part.sets for part in parts if part.sets is not None]
    return Samples(
        np.concatenate([part.x for part in parts]),
        np.concatenate([part.y for part in parts]),
        described=parts[0].described,
        targets=np.concatenate(targets) if targets else None,
        sets=np.concatenate(sets) if sets else None,
    )


def fixed_split(samples: Samples, share: float, by: NDArray[np.generic] | None = None) -> tuple[Samples, Samples]:
    """Split ``samples`` into (train, test), with ``share`` of each group in the test set, rounded down.

    Groups are the classes, or the values of ``by``, shape (n,). The test rows are spread evenly over each
    group in its order, so the split is stratified and fixed: it needs no randomness. With ``share`` 0.2 the
    test set is the 5th, 10th, 15th ... sample of each group.

    Raises :class:`InputError` unless ``0 < share < 1``.
    """
    if not 0 < share < 1:
        raise InputError(f"test share {share} is out of range: it lies between 0 and 1")
    _, group = np.unique(samples.y if by is None else by, return_inverse=True)
    order = np.argsort(group, kind="stable")
    begins = np.searchsorted(group[order], group)
    earlier = np.empty(len(samples), np.int64)  # how many samples of its group come before it
    earlier[order] = np.arange(len(samples))
    earlier -= begins
    tolerance = 1e-9  # 15 * 0.2 is 3.0000000000000004, and other products fall short by as much
    chosen = np.floor((earlier + 1) * share + tolerance) > np.floor(earlier * share + tolerance)
    return samples.take(np.flatnonzero(~chosen)), samples.take(np.flatnonzero(chosen))


def _integers(labels: NDArray[np.generic]) -> NDArray[np.int64]:
    return labels  # type: ignore[return-value]  # Samples checks that they are


def _columns(columns: Mapping[str, ArrayLike] | None) -> dict[str, NDArray[np.generic]]:
    return {name: flat(column, f"values of column '{name}'") for name, column in (columns or {}).items()}
