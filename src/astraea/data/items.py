"""Items of an indexed dataset, as ``torch.utils.data`` has them: pairs of a sample and its label, or mappings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astraea.data.several import as_sample, by_place
from astraea.errors import InputError

__all__ = ["Items", "items_of"]

_LABELS = ("label", "labels", "target", "targets", "y", "class")
_PAIR = "give pairs (sample, label), of several inputs ((a, b), label), or mappings {'a': a, 'b': b, 'label': label}"


class Items(NamedTuple):
    """All items: samples ``x``, of several inputs by name; labels; further facts of each sample; and what to note."""

    x: Any
    labels: list[Any]
    columns: dict[str, NDArray[np.generic]]
    notes: tuple[str, ...] = ()


def items_of(dataset: Any) -> Items:
    """Return the samples and labels of an indexed ``dataset``.

    The sample of a pair may be a mapping, or a tuple or list of arrays, which are several inputs. In an item that is a
    mapping, arrays and pictures are inputs, and single numbers and text are facts beside the samples, columns. Raises
    :class:`InputError` for anything else, and for samples that differ in shape.
    """
    inputs: dict[str, list[Any]] = {}
    facts: dict[str, list[Any]] = {}
    labels: list[Any] = []
    if not len(dataset):
        raise InputError("the dataset is empty: give at least one sample")
    for number in range(len(dataset)):
        found, label, beside = _divided(dataset[number], number)
        if number and (found.keys() != inputs.keys() or beside.keys() != facts.keys()):
            raise InputError(f"item {number} of the dataset has other parts than those before it: make all alike")
        for name, value in found.items():
            inputs.setdefault(name, []).append(as_sample(value))
        for name, value in beside.items():
            facts.setdefault(name, []).append(_plain(value))
        labels.append(_plain(label))
    stacked = {name: _stacked(samples, name) for name, samples in inputs.items()}
    told = f"Kept beside the samples, and not given to the model: {', '.join(facts)}." if facts else ""
    x = next(iter(stacked.values())) if len(stacked) == 1 else stacked
    return Items(x, labels, {name: np.asarray(values) for name, values in facts.items()}, (told,) if told else ())


def _divided(item: Any, number: int) -> tuple[dict[str, Any], Any, dict[str, Any]]:
    """Return the inputs of an item by name, "" where there is one; its label; and what else is told of it."""
    if isinstance(item, Mapping):
        return _of_mapping(item, number)
    if not isinstance(item, (tuple, list)) or len(item) != 2:
        size = f" of {len(item)}" if isinstance(item, (tuple, list)) else ""
        raise InputError(
            f"item {number} of the dataset is a {type(item).__name__}{size}, not a pair of a sample and its label: "
            f"{_PAIR}"
        )
    sample, label = item
    return _inputs_of(sample), label, {}


def _of_mapping(item: Mapping[Any, Any], number: int) -> tuple[dict[str, Any], Any, dict[str, Any]]:
    known = [name for name in item if str(name).lower() in _LABELS]
    if len(known) != 1:
        found = f"{' and '.join(map(str, known))} for its label" if known else "no label"
        raise InputError(
            f"item {number} of the dataset is a mapping of {', '.join(map(str, item))} with {found}: "
            "call one of its parts 'label'"
        )
    rest = {str(name): value for name, value in item.items() if name != known[0] and value is not None}
    inputs = {name: value for name, value in rest.items() if _is_sample(value)}
    if not inputs:
        raise InputError(
            f"item {number} of the dataset holds no array beside its label '{known[0]}': give the sample as numbers, "
            "text by the numbers of its words"
        )
    return inputs, item[known[0]], {name: value for name, value in rest.items() if name not in inputs}


def _inputs_of(sample: Any) -> dict[str, Any]:
    if isinstance(sample, Mapping):
        return {str(name): value for name, value in sample.items()}
    if isinstance(sample, tuple) and hasattr(sample, "_asdict"):
        return dict(sample._asdict())
    if isinstance(sample, (tuple, list)) and any(_is_array(part) for part in sample):
        return by_place(sample)
    return {"": sample}


def _is_array(value: Any) -> bool:
    """Whether a value is an array of one axis or more, or a picture."""
    return bool(getattr(value, "ndim", 0)) or hasattr(value, "getexif")


def _is_sample(value: Any) -> bool:
    return _is_array(value) or (isinstance(value, (list, tuple)) and not any(isinstance(one, str) for one in value))


def _plain(value: Any) -> Any:
    """Return a number without its tensor; a tensor of several ones and zeros, of several labels, as a list."""
    if not hasattr(value, "item"):
        return value
    return value.item() if np.size(value) == 1 else np.asarray(value).tolist()


def _stacked(samples: list[NDArray[np.generic]], name: str) -> ArrayLike | list[NDArray[np.generic]]:
    """Return samples as one array; sequences of integers of different lengths as they are, to be padded."""
    shapes = {sample.shape for sample in samples}
    if len(shapes) == 1:
        return np.stack(samples)
    if all(sample.ndim == 1 and (sample.dtype.kind in "iub" or not sample.size) for sample in samples):
        return samples
    if len(shapes) == 2 and len({shape[:2] for shape in shapes}) == 1 and {len(shape) for shape in shapes} == {2, 3}:
        return np.stack([np.stack([sample] * 3, axis=-1) if sample.ndim == 2 else sample for sample in samples])
    odd = next(place for place, sample in enumerate(samples) if sample.shape != samples[0].shape)
    called = f"'{name}' of sample {odd}" if name else f"sample {odd}"
    raise InputError(
        f"{called} of the dataset has shape {samples[odd].shape}, those before it {samples[0].shape}: "
        "make them alike in its transform, by resizing pictures or padding sequences"
    )
