"""Several inputs of a sample: packed into rows of bytes, and the same again when they come out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from astraea.data.loaders.arrays import from_arrays
from astraea.data.packing import Input, example, is_ragged, pack, padded
from astraea.errors import InputError
from astraea.federation.calling import unpacked

IDS = np.array([[1, 2, 3], [4, 5, 6]])
X = {
    "ids": IDS,
    "flag": np.array([True, False]),
    "image": np.arange(2 * 64, dtype=np.uint8).reshape(2, 8, 8) + 100,
    "table": np.array([[0.5, -1.0], [2.0, 3.5]]),
    "age": np.array([30.5, 40.0], np.float32),
}


def test_what_is_packed_comes_out_the_same() -> None:
    data = from_arrays(X, [0, 1])
    form = data.train.form
    assert [(one.name, one.dtype, one.shape) for one in form.inputs] == [
        ("ids", "int64", (3,)),
        ("flag", "bool", ()),
        ("image", "uint8", (1, 8, 8)),
        ("table", "float32", (2,)),
        ("age", "float32", ()),
    ]
    assert data.train.x.dtype == np.uint8
    assert data.train.x.shape == (2, 24 + 8 + 64 + 8 + 8)
    found = unpacked(torch.from_numpy(data.train.x), form.inputs)
    assert torch.equal(found["ids"], torch.from_numpy(IDS))
    assert found["flag"].tolist() == [True, False]
    assert found["image"].shape == (2, 1, 8, 8)
    assert torch.equal(found["image"][1, 0, 7], torch.arange(220, 228) / 255)
    assert found["table"].tolist() == [[0.5, -1.0], [2.0, 3.5]]
    assert found["age"].tolist() == [30.5, 40.0]
    assert "copies of rare classes are repeated unchanged" in str(form)


def test_rows_of_a_batch_are_read_in_place() -> None:
    data = from_arrays(X, [0, 1])
    second = unpacked(torch.from_numpy(data.train.x)[1:], data.train.form.inputs)
    assert second["table"].tolist() == [[2.0, 3.5]]


def test_test_samples_have_the_same_inputs() -> None:
    assert from_arrays(X, [0, 1], X, [1, 0]).test is not None
    with pytest.raises(InputError, match=r"test samples ids \(codes, 3 int64\): both must be the same"):
        from_arrays(X, [0, 1], {"ids": IDS}, [0, 1])
    with pytest.raises(InputError, match="different numbers of samples"):
        from_arrays({"a": IDS, "b": IDS[:1]}, [0, 1])
    with pytest.raises(InputError, match="are of samples of one input: leave them out"):
        from_arrays(X, [0, 1], kind="codes")


def test_sequences_are_padded_to_the_longest_of_all() -> None:
    found = padded([[7, 8], [], [9]], value=-1, length=3)
    assert found["input_ids"].tolist() == [[7, 8, -1], [-1, -1, -1], [9, -1, -1]]
    assert found["attention_mask"].tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, 0]]
    assert found["lengths"].tolist() == [2, 0, 1]
    data = from_arrays([[7, 8], [9]], [0, 1], [[1, 2, 3, 4], [5]], [0, 1], pad=50)
    assert data.train.form.inputs[0].shape == (4,)
    assert unpacked(torch.from_numpy(data.train.x), data.train.form.inputs)["input_ids"][1].tolist() == [9, 50, 50, 50]
    with pytest.raises(InputError, match=r"sample 0 has shape \(2,\) and dtype float64: .* give collate="):
        from_arrays([[0.5, 1.0], [2.0]], [0, 1])


def test_samples_of_any_kind_are_collated() -> None:
    data = from_arrays(
        [[0.5, 1.0], [2.0]], [0, 1], collate=lambda samples: np.array([sum(s) for s in samples])[:, None]
    )
    assert data.train.x.tolist() == [[1.5], [2.0]]
    data = from_arrays(["ab", "c"], [0, 1], collate=lambda texts: {"size": np.array([[len(text)] for text in texts])})
    assert data.train.form.inputs == (Input("size", "codes", "int64", (1,)),)


def test_lists_of_one_length_are_no_ragged_ones() -> None:
    assert is_ragged([[1], [1, 2]])
    assert not is_ragged([[1, 3], [1, 2]])
    assert not is_ragged(IDS)


def test_examples_see_everything() -> None:
    inputs = (Input("ids", "codes", "int64", (2,)), Input("attention_mask", "codes", "int64", (2,)))
    zeros = unpacked(torch.from_numpy(example(inputs, 2)), inputs)
    assert zeros["ids"].tolist() == [[0, 0], [0, 0]]
    assert zeros["attention_mask"].tolist() == [[1, 1], [1, 1]]
    drawn = pack({"ids": IDS[:, :2], "attention_mask": IDS[:, :2]}, inputs)
    assert drawn.shape == example(inputs, 2, np.random.default_rng(0)).shape
