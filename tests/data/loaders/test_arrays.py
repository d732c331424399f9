from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from astraea.data.dataset import Samples
from astraea.data.loaders.arrays import as_images, concatenate, fixed_split, from_arrays
from astraea.errors import InputError

X = np.zeros((4, 5, 6), np.uint8)
Y = [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("given_shape", "shape"),
    [
        ((4, 5, 6), (4, 1, 5, 6)),
        ((4, 3, 5, 6), (4, 3, 5, 6)),
        ((4, 5, 6, 3), (4, 3, 5, 6)),
        ((4, 5, 6, 1), (4, 1, 5, 6)),
        ((4, 3, 5, 3), (4, 3, 5, 3)),
    ],
)
def test_images_become_channel_first(given_shape: tuple[int, ...], shape: tuple[int, ...]) -> None:
    assert as_images(np.zeros(given_shape, np.uint8)).shape == shape


def test_channels_move_with_their_values() -> None:
    pixels = np.arange(2 * 2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 2, 3)
    assert as_images(pixels)[1, 2, 0, 1] == pixels[1, 0, 1, 2]


@pytest.mark.parametrize("shape", [(4, 5, 6, 2), (4, 5, 5, 5, 5), (4, 5)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"give \(n, H, W\), \(n, C, H, W\) or"):
        as_images(np.zeros(shape, np.uint8))


def test_arrays_in_the_simplest_form() -> None:
    dataset = from_arrays(X, Y)
    assert dataset.train.x.shape == (4, 1, 5, 6)
    assert dataset.is_image
    assert dataset.test is None
    assert dataset.class_names == ("0", "1", "2")


def test_everything_that_arrays_can_bring() -> None:
    dataset = from_arrays(
        X.astype(np.float64),
        ["dog", "cat", "cat", "emu"],
        X[:1].astype(np.float16),
        ["dog"],
        columns={"writer": ["a", "b", "b", "c"]},
        test_columns={"writer": np.array(["d"], object)},
        name="mine",
    )
    assert dataset.name == "mine"
    assert dataset.train.x.dtype == np.float32
    assert dataset.train.x.shape == (4, 5, 6)
    assert dataset.class_names == ("cat", "dog", "emu")
    assert dataset.train.y.tolist() == [1, 0, 0, 2]
    assert dataset.test is not None
    assert dataset.test.y.tolist() == [1]
    assert dataset.train.columns["writer"].tolist() == ["a", "b", "b", "c"]
    assert dataset.test.columns["writer"].dtype.kind == "U"


def test_class_names_give_the_order_and_may_name_classes_without_samples() -> None:
    dataset = from_arrays(X, ["dog", "cat", "cat", "dog"], class_names=["emu", "dog", "cat"])
    assert dataset.train.y.tolist() == [1, 2, 2, 1]
    assert dataset.train.counts(dataset.classes).tolist() == [0, 2, 2]


def test_a_label_below_0_is_a_class_with_a_note() -> None:
    dataset = from_arrays(X, [0, 1, 2, -1])
    assert dataset.class_names == ("-1", "0", "1", "2")
    assert dataset.train.y.tolist() == [1, 2, 3, 0]
    assert dataset.notes[0].startswith("Label -1 is a class like the others: leave its samples out")


def test_labels_may_stand_in_a_column() -> None:
    assert from_arrays(X, np.array(Y)[:, None]).train.y.tolist() == Y


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((X, [0, 1]), r"4 samples but labels of shape \(2,\)"),
        ((X, [0, 1, np.nan, 1]), "1 labels are NaN, first in row 2"),
        ((X, [0.0, 1.5, 1.0, 2.0]), "labels must be integers or names, got float64, such as 1.5"),
        ((X[:0], []), "there are no training samples"),
        ((X, Y, X), "test_x and test_y go together"),
        ((X, Y, np.zeros((1, 9, 9), np.uint8), [0]), "both must be the same"),
        ((np.zeros(4), Y), r"type float64 and shape \(4,\): give numbers"),
        ((np.array([["a"]] * 4), Y), "number its words or characters"),
        ((np.full((4, 2), np.nan), Y), "hold NaN or infinite values"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arguments: tuple[object, ...], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        from_arrays(*arguments)  # type: ignore[arg-type]


def test_labels_with_a_point_are_classes_if_they_are_whole() -> None:
    dataset = from_arrays(X, [3.0, 7.0, 7.0, 3.0], X, [7.0, 3.0, 3.0, 3.0])
    assert dataset.class_names == ("3", "7")
    assert dataset.train.y.tolist() == [0, 1, 1, 0]
    assert dataset.test is not None
    assert dataset.test.y.tolist() == [1, 0, 0, 0]


def test_numbers_are_predicted_from_arrays_as_from_tables() -> None:
    y = np.linspace(0.5, 30, 40)
    dataset = from_arrays(np.zeros((40, 3)), y, np.zeros((2, 3)), [0.0, 99.0], bins=4)
    assert dataset.regression is not None
    assert dataset.train.counts(4).tolist() == [10] * 4
    assert dataset.train.targets is not None
    assert dataset.train.targets.tolist() == y.tolist()
    assert dataset.test is not None
    assert dataset.test.y.tolist() == [0, 3]
    assert dataset.reader.samples(np.zeros((1, 3)), [99.0]).targets.tolist() == [99.0]
    with pytest.raises(InputError, match="hold 40 different whole numbers in 40 rows, which may be classes or quantit"):
        from_arrays(np.zeros((40, 3)), np.arange(40) * 3)
    assert from_arrays(np.zeros((40, 3)), np.arange(40) * 3, task="regression").regression is not None


def test_labels_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="train label 2 of 'arrays' is out of range: it has 2 classes"):
        from_arrays(X, Y, class_names=["a", "b"])
    with pytest.raises(InputError, match="label 'emu' is not among the class names: cat, dog"):
        from_arrays(X, ["cat", "dog", "emu", "cat"], class_names=["cat", "dog"])


def test_a_column_of_another_length_is_refused() -> None:
    with pytest.raises(InputError, match="column 'writer' has shape"):
        from_arrays(X, Y, columns={"writer": [1, 2]})


def test_concatenation_keeps_the_columns_that_both_have() -> None:
    first = Samples(np.zeros((1, 2), np.float32), np.array([0]), {"a": np.array([1]), "b": np.array([2])})
    second = Samples(np.ones((1, 2), np.float32), np.array([1]), {"a": np.array([3])})
    both = concatenate(first, second)
    assert both.x.tolist() == [[0, 0], [1, 1]]
    assert both.y.tolist() == [0, 1]
    assert {name: column.tolist() for name, column in both.columns.items()} == {"a": [1, 3]}


def _numbered(labels: list[int]) -> Samples:
    """Samples whose only value is their row number."""
    rows = np.arange(len(labels), dtype=np.float32)[:, None]
    return Samples(rows, np.array(labels, np.int64))


def test_every_fifth_sample_of_each_class_is_held_out() -> None:
    labels = [0, 1] * 7 + [0]  # class 0 at even rows, class 1 at odd ones; 8 and 7 of them
    train, test = fixed_split(_numbered(labels), 0.2)
    assert test.x[:, 0].tolist() == [8, 9]
    assert len(train) == 13


def test_groups_may_be_other_than_classes() -> None:
    writers = np.array(["a", "a", "b", "a", "b", "a"])
    _, test = fixed_split(_numbered([0, 1, 2, 3, 4, 5]), 0.5, by=writers)
    assert test.x[:, 0].tolist() == [1, 4, 5]


@given(
    labels=hnp.arrays(np.int64, st.integers(0, 60), elements=st.integers(0, 4)),
    percent=st.integers(1, 99),
)
def test_the_share_of_each_class_is_exact_and_rounded_down(labels: np.ndarray, percent: int) -> None:
    samples = Samples(np.arange(len(labels), dtype=np.float32)[:, None], labels)
    train, test = fixed_split(samples, percent / 100)
    assert test.counts(5).tolist() == [count * percent // 100 for count in samples.counts(5).tolist()]
    assert sorted(np.concatenate([train.x, test.x])[:, 0].tolist()) == list(range(len(labels)))


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_that_is_none_or_all_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="it lies between 0 and 1"):
        fixed_split(_numbered([0, 1]), share)


def test_pictures_that_use_little_of_their_scale_are_told() -> None:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 17, (6, 8, 8)), np.arange(6) % 2
    dark = from_arrays(images, labels).notes
    assert dark[-1].startswith("The largest value of the pictures is 16, and they are divided by 255: if 16 is white,")
    assert dark[-1].endswith(" set scale (data.scale) to 16.")
    assert not [note for note in from_arrays(images, labels, scale=16).notes if "white" in note]
    assert not [note for note in from_arrays(images * 15, labels).notes if "white" in note]  # up to 240


def test_labels_may_require_a_gradient() -> None:
    labels = torch.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    assert from_arrays(np.zeros((4, 3), np.float32), labels).train.y.tolist() == [0, 1, 0, 1]
