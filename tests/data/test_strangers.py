"""What strangers bring: read as it is meant, or refused in one sentence that names the cause and the mend."""

from __future__ import annotations

from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_wine
from torch.utils.data import ConcatDataset, DataLoader, IterableDataset, Subset, TensorDataset

from astraea.data import build_scenario
from astraea.data.objects import as_dataset
from astraea.errors import InputError
from astraea.experiment.given import Given

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 4)).astype(np.float32), np.arange(40) % 2
TENSORS = TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
FRAME = pd.DataFrame({"a": X[:, 0].astype(float), "b": X[:, 1].astype(float), "label": np.where(Y, "ill", "well")})


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ((X, Y.astype(bool)), ("False", "True")),
        ((X, np.where(Y, b"ill", b"well")), ("ill", "well")),
        ((X, pd.get_dummies(Y)), ("0", "1")),
        ((X, pd.Series(Y, index=np.arange(40)[::-1])), ("0", "1")),
        ((X, [torch.tensor(int(y)) for y in Y]), ("0", "1")),
        ((X, Y * 10**15 + 7), ("7", "1000000000000007")),
        ((X, Y.astype(np.uint64) + np.uint64(2**63)), ("9223372036854775808", "9223372036854775809")),
        ((X, Y * 2 - 1), ("-1", "1")),
        ((X.tolist(), Y.tolist()), ("0", "1")),
        ((X.astype(object), Y), ("0", "1")),
        ((list(X), Y), ("0", "1")),
        ((torch.from_numpy(X).bfloat16(), Y), ("0", "1")),
        (([torch.from_numpy(row).requires_grad_() for row in X], Y), ("0", "1")),
        (((X, Y), (X[:9], Y[:9])), ("0", "1")),
        ({"x": X, "y": Y}, ("0", "1")),
        ({"x_train": X, "y_train": Y, "x_test": X[:9], "y_test": Y[:9]}, ("0", "1")),
        (load_wine(), ("class_0", "class_1", "class_2")),
        (Subset(TENSORS, range(40)), ("0", "1")),
        (ConcatDataset([TENSORS, TENSORS]), ("0", "1")),
        (FRAME, ("ill", "well")),
        ((FRAME[["a", "b"]], FRAME["label"]), ("ill", "well")),
        (FRAME.assign(label=FRAME["label"].astype("category")), ("ill", "well")),
        (FRAME.assign(label=Y.astype(bool)), ("False", "True")),
        (FRAME.assign(label=Y + 1.0), ("1", "2")),
        (FRAME.convert_dtypes(dtype_backend="pyarrow"), ("ill", "well")),
        (FRAME.rename(columns={"a": "path", "b": "dir"}), ("ill", "well")),
    ],
)
def test_what_is_understood_is_used_as_meant(value: Any, names: tuple[str, ...]) -> None:
    given, _ = Given.of(value, None, None)
    assert given.dataset is not None
    assert given.dataset.class_names == names
    if names == ("0", "1"):
        assert given.dataset.train.y[:40].tolist() == Y.tolist()
        assert given.dataset.train.x[:40] == pytest.approx(X, rel=0.01)


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter(zip(X, Y, strict=True))


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ((X, Y + 0.5), "labels must be integers or names, got float64, such as 0.5: give classes as y.astype"),
        ((X, np.where(Y, np.nan, 1)), "20 labels are NaN, first in row 1: leave those samples out"),
        ((X, [None, *["a"] * 39]), "1 labels are None, first in row 0"),
        ((X, np.ma.masked_equal(Y, 1)), "labels are masked in part"),
        ((np.ma.masked_greater(X, 1), Y), "training samples are masked in part: fill the values in"),
        ((X[:, 0], Y), r"shape \(40,\): give numbers, one row a sample"),
        (([[1.0] * (1 + k % 3) for k in range(40)], Y), "samples of different lengths must be sequences of integers"),
        (([[[1], [1, 2]]] * 40, Y), "holds? rows of unlike length"),
        ((np.full((40, 2), 2**60), Y), "codes up to 1.153e\\+18 are too large"),
        ((X.astype(complex), Y), "type complex128"),
        ((np.arange(40).astype("datetime64[D]")[:, None], Y), "type datetime64"),
        (DataLoader(TENSORS, batch_size=8), "give what it loads from, its .dataset"),
        (((x, y) for x, y in zip(X, Y, strict=True)), "of type generator: nobody knows where it ends"),
        (Endless(), "of type Endless: nobody knows where it ends"),
        (TensorDataset(*[torch.from_numpy(Y)] * 3), "item 0 of the dataset is a tuple of 3, not a pair"),
        (datasets.Dataset.from_dict({"features": [[0.5], [1.5, 2]], "label": [0, 1]}), "must be sequences of integers"),
        (pd.concat([FRAME[["a"]], FRAME], axis=1), "2 columns called 'a'"),
        (pd.DataFrame({("a", "x"): X[:, 0], ("b", ""): Y}), "has no column called label, target, class or y"),
        (FRAME.assign(d=pd.date_range("2020", periods=40)), "column 'd' holds dates or times, such as '2020-01-01"),
        (FRAME.assign(a=[[1, 2]] * 40), "column 'a' holds a list in each cell"),
        (FRAME.assign(a=pd.array([None] + [1.5] * 39, dtype="Float64")), "column 'a' is empty in row 1"),
        (FRAME.assign(a=np.inf), "column 'a' is infinite in row 1"),
    ],
)
def test_what_is_not_is_refused_with_the_cause(value: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Given.of(value, None, None)


def test_pictures_of_pillow_are_taken_as_they_are_seen() -> None:
    colours = [Image.fromarray(RNG.integers(0, 255, (9, 9, 3), np.uint8)) for _ in range(6)]
    labels = [0, 1] * 3
    palette = [picture.convert("P") for picture in colours]
    for pictures in (colours, palette):
        for value in ((pictures, labels), list(zip(pictures, labels, strict=True))):
            x = as_dataset(value).train.x
            assert x.shape == (6, 3, 9, 9)
            assert np.array_equal(x[2].transpose(1, 2, 0), np.asarray(pictures[2].convert("RGB")))
    see_through = [Image.new("LA", (9, 9), (k, 0)) for k in range(6)]
    assert as_dataset((see_through, labels)).train.x.shape == (6, 1, 9, 9)
    mixed = [(colours[0], 0), (colours[1].convert("L"), 1)]
    assert as_dataset(mixed).train.x.shape == (2, 3, 9, 9)


def test_what_makes_no_sense_is_noted() -> None:
    one = build_scenario(as_dataset((X, np.zeros(40, int))), clients=2)
    assert "All samples are of one class, '0': there is nothing to learn." in one.notes
    assert (
        "Column 'index' only numbers the rows: leave it out (data.leave_out)." in as_dataset(FRAME.reset_index()).notes
    )


@pytest.mark.parametrize("samples", [1, 2, 7])
def test_where_nothing_can_be_held_out_a_test_set_is_the_remedy(samples: int) -> None:
    alone = as_dataset((X[:samples], np.arange(samples)))
    with pytest.raises(InputError, match=r"too few to hold out 0\.2 of them.*: bring a set of your own \(test="):
        build_scenario(alone, clients=1)
