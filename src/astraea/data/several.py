"""Samples as they come: one array, or several by name, of which some may be of different lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astraea.data.form import Form, recognise
from astraea.data.packing import Collate, Input, is_ragged, numbered, pack, padded
from astraea.data.pictures import seen
from astraea.errors import InputError

__all__ = ["Collated", "as_array", "as_sample", "by_place", "collated", "further_inputs", "named_inputs"]

_ADDED = ("attention_mask", "lengths")
"""What becomes of sequences of different lengths, beside themselves."""


class Collated(NamedTuple):
    """Samples as arrays: which inputs are ``own``, for models that ask for them, and what others were padded with."""

    x: Any
    test_x: Any
    own: tuple[str, ...] = ()
    pads: Mapping[str, int] = MappingProxyType({})


def by_place(parts: Sequence[Any]) -> dict[str, Any]:
    """Return inputs that have no names but their order, under the names that stand for it."""
    return dict(zip(numbered(len(parts)), parts, strict=True))


def _named(x: Any, count: int) -> Any:
    """Return samples of which several inputs come as a tuple or list of ``count`` rows each, by the names of places."""
    if not isinstance(x, (tuple, list)) or len(x) in (0, count):
        return x
    rows = [len(part) if getattr(part, "ndim", 0) or isinstance(part, list) else -1 for part in x]
    return by_place(x) if all(own == count for own in rows) else x


def collated(x: Any, test_x: Any, pad: int, collate: Collate | None, counts: Sequence[int] = (0, 0)) -> Collated:
    """Return samples of different shapes as arrays; ``counts`` are how many there are of training and of test."""
    if collate is not None:
        return Collated(collate(list(x)), None if test_x is None else collate(list(test_x)))
    x, test_x = _named(x, counts[0]), _named(test_x, counts[-1])
    if isinstance(x, Mapping):
        return _padded_inputs(x, test_x, pad)
    if not is_ragged(x) and not is_ragged(test_x):
        return Collated(x, test_x)
    longest = max((len(sample) for part in (x, test_x) if part is not None for sample in part), default=0)
    test = None if test_x is None else padded(list(test_x), pad, longest)
    return Collated(padded(list(x), pad, longest), test, _ADDED, {"input_ids": pad})


def _padded_inputs(x: Mapping[str, Any], test_x: Any, pad: int) -> Collated:
    """Return several inputs, of which those of different lengths are brought to one: masks with 0, others with pad.

    Where there are some, how long each sample is becomes an input of its own, and so does a mask if there is none.
    """
    ragged = [name for name, values in x.items() if is_ragged(values)]
    if not ragged:
        return Collated(x, test_x)
    parts = [x] if not isinstance(test_x, Mapping) else [x, test_x]
    longest = max(len(sample) for part in parts for name in ragged for sample in part.get(name, ()))
    own = tuple(name for name in _ADDED if name not in x)
    pads = {name: 0 if "mask" in name else pad for name in ragged}
    done = [_brought(part, pads, own, longest) for part in parts]
    return Collated(done[0], done[1] if len(done) > 1 else test_x, own, pads)


def _brought(x: Mapping[str, Any], pads: Mapping[str, int], own: Sequence[str], longest: int) -> dict[str, Any]:
    """Return inputs of which those in ``pads`` are brought to one length, and the inputs ``own`` that come of it."""
    known = [name for name in pads if name in x]
    lengths = {name: [len(sample) for sample in x[name]] for name in known}
    if unlike := next((name for name in known if lengths[name] != lengths[known[0]]), None):
        raise InputError(f"inputs '{known[0]}' and '{unlike}' of a sample differ in length: give each as many elements")
    found = {name: padded(list(x[name]), pads[name], longest) for name in known}
    if not found:
        return dict(x)
    told = found[known[0]]
    return {**x, **{name: part["input_ids"] for name, part in found.items()}, **{name: told[name] for name in own}}


def named_inputs(
    x: Mapping[str, ArrayLike], optional: tuple[str, ...] = (), pads: Mapping[str, int] | None = None
) -> tuple[NDArray[np.uint8], Form]:
    """Return several inputs as rows of bytes, and their form; ``pads`` says which were padded, and with what."""
    arrays: dict[str, NDArray[np.generic]] = {}
    inputs: list[Input] = []
    for name, given in x.items():
        array = as_sample(given)
        if array.ndim == 3 and array.shape[1] == 1 and array.dtype.kind in "biu" and array.dtype != np.uint8:
            array = array[:, 0]  # ids as tokenizers give them for a batch of one
        kind = "vector"
        if array.ndim == 1 and array.dtype.kind in "biuf":
            kind = "codes" if array.dtype.kind in "biu" else "vector"
        else:
            array, form = recognise(array, part=f"'{name}' of the training")
            kind = form.kind
        arrays[name] = array.astype(_packed_dtype(array.dtype, kind), copy=False)
        inputs.append(
            Input(name, kind, str(arrays[name].dtype), array.shape[1:], name in optional, (pads or {}).get(name))
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
    own = tuple(one.name for one in form.inputs if one.optional)
    pads = {one.name: one.pad for one in form.inputs if one.pad is not None}
    if not isinstance(x, Mapping):
        asked = [one.name for one in form.inputs if not one.optional]
        if asked == list(numbered(len(asked))) and isinstance(x, (tuple, list)) and len(x) == len(asked):
            return further_inputs(by_place(x), form, part)
        if len(asked) > 1 or not pads:
            raise InputError(f"{part} samples need the inputs {', '.join(asked)}, by name")
        x = {asked[0]: x}
    if pads and not set(own) <= x.keys():
        x = _brought(x, pads, own, form.inputs[0].shape[0])
        x = {one.name: x[one.name] for one in form.inputs if one.name in x}
    rows, found = named_inputs(x, own, pads)
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
    if array.dtype.kind in "biuf":
        array = array.astype(array.dtype.newbyteorder("="), copy=False)  # PyTorch knows no other order of bytes
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
