"""Samples as they come: one array, or several by name, of which some may be of different lengths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astraea.data.form import Form, recognise
from astraea.data.packing import Collate, Input, is_ragged, pack, padded
from astraea.data.pictures import seen
from astraea.errors import InputError

__all__ = ["as_array", "as_sample", "collated", "further_inputs", "named_inputs"]


def collated(x: Any, test_x: Any, pad: int, collate: Collate | None) -> tuple[Any, Any, tuple[str, ...]]:
    """Return samples of different shapes as arrays, and which of the inputs are for models that ask for them."""
    if collate is not None:
        return collate(list(x)), None if test_x is None else collate(list(test_x)), ()
    if not is_ragged(x) and not is_ragged(test_x):
        return x, test_x, ()
    longest = max((len(sample) for part in (x, test_x) if part is not None for sample in part), default=0)
    test = None if test_x is None else padded(list(test_x), pad, longest)
    return padded(list(x), pad, longest), test, ("attention_mask", "lengths")


def named_inputs(
    x: Mapping[str, ArrayLike], optional: tuple[str, ...] = (), pad: int | None = None
) -> tuple[NDArray[np.uint8], Form]:
    """Return several inputs as rows of bytes, and their form; sequences in the first were padded with ``pad``."""
    arrays: dict[str, NDArray[np.generic]] = {}
    inputs: list[Input] = []
    for name, given in x.items():
        array = as_sample(given)
        kind = "vector"
        if array.ndim == 1 and array.dtype.kind in "biuf":
            kind = "codes" if array.dtype.kind in "biu" else "vector"
        else:
            array, form = recognise(array, part=f"'{name}' of the training")
            kind = form.kind
        arrays[name] = array.astype(_packed_dtype(array.dtype, kind), copy=False)
        inputs.append(
            Input(name, kind, str(arrays[name].dtype), array.shape[1:], name in optional, None if inputs else pad)
        )
    lengths = {name: len(array) for name, array in arrays.items()}
    if not inputs or len(set(lengths.values())) > 1:
        raise InputError(f"the inputs have different numbers of samples ({lengths}): each must have one row a sample")
    rows = pack(arrays, inputs)
    return rows, Form("inputs", "uint8", "", rows.shape[1:], inputs=tuple(inputs))


def further_inputs(x: Any, form: Form, part: str = "test") -> NDArray[np.uint8]:
    """Return further samples of the inputs of ``form`` as rows of bytes; sequences are padded to the length of those.

    Raises :class:`InputError` if they are not of these inputs.
    """
    first = form.inputs[0]
    if not isinstance(x, Mapping):
        if first.pad is None:
            raise InputError(f"{part} samples need the inputs {', '.join(one.name for one in form.inputs)}, by name")
        x = padded(list(x), first.pad, first.shape[0])
    rows, found = named_inputs(x, tuple(one.name for one in form.inputs if one.optional), first.pad)
    if found.inputs != form.inputs:
        ours, theirs = (", ".join(map(str, one.inputs)) for one in (form, found))
        raise InputError(f"training samples have the inputs {ours}, {part} samples {theirs}: both must be the same")
    return rows


def _packed_dtype(dtype: np.dtype[Any], kind: str) -> str:
    """Return the dtype in which an input is kept: flags, pictures of 8 bits, and what models compute with."""
    if dtype.kind == "f":
        return "float32"
    if dtype.kind == "b" or (kind == "image" and dtype == np.uint8):
        return str(dtype)
    return "int32" if dtype == np.int32 else "int64"


def as_array(x: Any, part: str) -> NDArray[np.generic]:
    """Return samples as an array, also such that lie on another device or require gradients.

    Raises :class:`InputError` if they are not alike in shape.
    """
    if np.ma.is_masked(x):
        raise InputError(f"{part} samples are masked in part: fill the values in, as in x.filled(0), or leave them out")
    if hasattr(x, "toarray"):
        raise InputError(f"{part} samples are a sparse matrix: give x.toarray()")
    if isinstance(x, list | tuple) or str(getattr(x, "dtype", "")) == "object":
        x = [as_sample(sample) for sample in x]
        shapes = list(dict.fromkeys(sample.shape for sample in x))
        if len(shapes) > 1:
            raise InputError(
                f"{part} samples differ in shape, such as {shapes[0]} and {shapes[1]}: make them alike, by padding "
                "sequences or resizing pictures"
            )
        array = np.stack(x) if x else np.zeros((0,))
    else:
        array = as_sample(x)
    if array.ndim == 1 and array.dtype.kind in "biuf":
        raise InputError(
            f"{part} samples of type {array.dtype} and shape {array.shape}: give numbers, one row a sample (x[:, None])"
        )
    return array


def as_sample(sample: Any) -> NDArray[np.generic]:
    """Return one sample, or many, as an array: tensors also of a device or with gradients, pictures as they are seen.

    Raises :class:`InputError` for rows of unlike length.
    """
    if hasattr(sample, "detach"):
        sample = sample.detach().cpu()
        sample = sample.float() if str(sample.dtype) == "torch.bfloat16" else sample
    if hasattr(sample, "getexif"):
        pixels = seen(sample)
        return pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    try:
        array = np.asarray(sample)
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"a sample holds rows of unlike length: pad them ({str(error)[:60]}...)") from error
    if array.dtype == object:
        try:
            array = np.array(array.tolist())
        except ValueError as error:
            raise InputError("samples hold rows of unlike length: make them alike, by padding") from error
    return array
