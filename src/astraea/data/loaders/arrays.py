"""Arrays in memory as a dataset: the way in for a notebook, and the last step of every other loader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astraea.data.dataset import Dataset, Samples
from astraea.errors import InputError

__all__ = ["as_images", "concatenate", "fixed_split", "from_arrays"]

_CHANNELS = (1, 3)


def as_images(images: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return ``uint8`` images channel first, ``(n, C, H, W)``.

    Takes ``(n, H, W)``, ``(n, C, H, W)`` and ``(n, H, W, C)`` with 1 or 3 channels; where both of the last
    two fit, the first is meant. Raises :class:`InputError` for any other shape.
    """
    if images.ndim == 3:
        return images[:, None]
    if images.ndim == 4 and images.shape[1] in _CHANNELS:
        return images
    if images.ndim == 4 and images.shape[3] in _CHANNELS:
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    raise InputError(
        f"images of shape {images.shape}: give (n, H, W), (n, C, H, W) or (n, H, W, C) with 1 or 3 channels"
    )


def from_arrays(
    x: ArrayLike,
    y: ArrayLike,
    test_x: ArrayLike | None = None,
    test_y: ArrayLike | None = None,
    *,
    columns: Mapping[str, ArrayLike] | None = None,
    test_columns: Mapping[str, ArrayLike] | None = None,
    class_names: Sequence[str] | None = None,
    name: str = "arrays",
) -> Dataset:
    """Return a dataset of arrays.

    ``x`` has one row per sample. ``uint8`` of three or four dimensions is taken for images (see
    :func:`as_images`); anything else becomes ``float32`` and keeps its shape. ``y`` holds integers from 0, or
    class names (strings), which are numbered in the order of ``class_names``, else alphabetically.
    ``columns`` holds further facts of each training sample, such as its writer, and ``test_columns`` those of
    the test samples.

    Raises :class:`InputError` if lengths or shapes differ, a label has no class, or a value is not finite.
    """
    if (test_x is None) != (test_y is None):
        raise InputError("test_x and test_y go together: give both or neither")
    labels = [_flat(part) for part in (y, test_y) if part is not None]
    if not labels[0].size:
        raise InputError("there are no training samples: give at least one")
    names = _class_names(labels, class_names)
    numbered = [_numbered(part, names) for part in labels]
    train = Samples(_values(x, "training"), numbered[0], _columns(columns))
    test = None if test_x is None else Samples(_values(test_x, "test"), numbered[1], _columns(test_columns))
    return Dataset(name, train, test, names)


def concatenate(first: Samples, second: Samples) -> Samples:
    """Return the samples of ``first``, then those of ``second``, with the columns that both have."""
    shared = first.columns.keys() & second.columns.keys()
    columns = {name: np.concatenate([first.columns[name], second.columns[name]]) for name in sorted(shared)}
    return Samples(np.concatenate([first.x, second.x]), np.concatenate([first.y, second.y]), columns)


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


def _values(x: ArrayLike, part: str) -> NDArray[np.generic]:
    values = np.asarray(x)
    if values.dtype == np.uint8 and values.ndim > 2:
        return as_images(values)
    if values.dtype.kind not in "biuf" or values.ndim < 2:
        raise InputError(
            f"{part} samples of type {values.dtype} and shape {values.shape}: give numbers, one row a sample"
        )
    floats = values.astype(np.float32, copy=False)
    if not np.isfinite(floats).all():
        raise InputError(f"{part} samples hold NaN or infinite values: replace or drop them")
    return floats


def _columns(columns: Mapping[str, ArrayLike] | None) -> dict[str, NDArray[np.generic]]:
    return {name: _flat(column) for name, column in (columns or {}).items()}


def _flat(values: ArrayLike) -> NDArray[np.generic]:
    """Return one value a sample: (n, 1) becomes (n,), and Python strings become NumPy's."""
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype.kind in "OT" and all(isinstance(value, str) for value in array.flat):
        array = array.astype(np.str_)
    return array


def _class_names(labels: list[NDArray[np.generic]], names: Sequence[str] | None) -> tuple[str, ...]:
    """Return ``names``, else the labels themselves if they are strings, else "0", "1", ... to the largest."""
    if names is not None:
        return tuple(str(name) for name in names)
    if labels[0].dtype.kind == "U":
        return tuple(str(name) for name in np.unique(np.concatenate(labels)))
    if not all(part.dtype.kind in "iu" for part in labels):
        return ()  # Samples says what is wrong with such labels
    return tuple(str(label) for label in range(1 + max((int(part.max()) for part in labels if part.size), default=-1)))


def _numbered(labels: NDArray[np.generic], names: tuple[str, ...]) -> NDArray[np.int64]:
    """Return labels as integers; strings are replaced by their place among ``names``."""
    if labels.dtype.kind != "U":
        return labels  # type: ignore[return-value]  # Samples checks that they are integers
    found, inverse = np.unique(labels, return_inverse=True)
    if unknown := sorted(set(found.tolist()) - set(names)):
        raise InputError(f"label '{unknown[0]}' is not among the class names: {', '.join(names)}")
    return np.array([names.index(str(name)) for name in found], np.int64)[inverse]
