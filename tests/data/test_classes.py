from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from astraea.data.classes import flat, number_classes, text
from astraea.data.loaders.arrays import from_arrays
from astraea.errors import InputError


@pytest.mark.parametrize(
    ("train", "test", "names", "numbered"),
    [
        ([3, 7, 100, 7], [100], ("3", "7", "100"), [[0, 1, 2, 1], [2]]),
        ([1, 2, 3], [3], ("1", "2", "3"), [[0, 1, 2], [2]]),
        ([2_999_999, 12, 12], [500], ("12", "500", "2999999"), [[2, 0, 0], [1]]),
        ([0, 2, 4], [0], ("0", "2", "4"), [[0, 1, 2], [0]]),
        ([-1, 1, 1], [-1], ("-1", "1"), [[0, 1, 1], [0]]),
        ([False, True], [True], ("False", "True"), [[0, 1], [1]]),
        ([0, 1, 2], [1], ("0", "1", "2"), [[0, 1, 2], [1]]),
        (["b", "a"], ["b"], ("a", "b"), [[1, 0], [1]]),
    ],
)
def test_distinct_labels_are_numbered_and_keep_their_names(
    train: list[Any], test: list[Any], names: tuple[str, ...], numbered: list[list[int]]
) -> None:
    parts, found, notes = number_classes([flat(train), flat(test)])
    assert found == names
    assert [part.tolist() for part in parts] == numbered
    assert bool(notes) == (names[0] != "a" and names != ("0", "1", "2"))


def test_labels_with_gaps_say_so() -> None:
    dataset = from_arrays(np.zeros((3, 2)), [3, 100, 7])
    assert dataset.train.y.tolist() == [0, 2, 1]
    assert dataset.class_names == ("3", "7", "100")
    assert dataset.notes == ("The 3 distinct labels, 3 to 100, are numbered in order; their names are kept.",)


def test_names_go_with_labels_from_1_and_with_labels_from_0() -> None:
    parts, names, _ = number_classes([flat([1, 3, 2])], ["a", "b", "c"])
    assert (parts[0].tolist(), names) == ([0, 2, 1], ("a", "b", "c"))
    parts, _, _ = number_classes([flat([0, 2])], ["a", "b", "c"])
    assert parts[0].tolist() == [0, 2]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8, np.bool_])
def test_one_hot_rows_are_classes(dtype: type) -> None:
    rows = np.eye(4)[[2, 0, 3, 1]].astype(dtype)
    parts, names, _ = number_classes([flat(rows)], None)
    assert parts[0].tolist() == [2, 0, 3, 1]
    assert names == ("0", "1", "2", "3")
    parts, names, _ = number_classes([flat(rows)], list("abcd"))
    assert (parts[0].tolist(), names) == ([2, 0, 3, 1], tuple("abcd"))


def test_a_one_hot_column_without_samples_keeps_its_place() -> None:
    parts, names, _ = number_classes([flat(np.eye(3)[[2, 0]]), flat(np.eye(3)[[1]])])
    assert [part.tolist() for part in parts] == [[2, 0], [1]]
    assert names == ("0", "1", "2")
    parts, names, _ = number_classes([flat(np.eye(3)[[2, 0]])])
    assert (parts[0].tolist(), names) == ([2, 0], ("0", "1", "2"))


def test_rows_that_are_not_one_hot_are_refused() -> None:
    with pytest.raises(InputError, match="row 1 of the labels names 2 classes"):
        number_classes([flat([[1, 0], [1, 1]])])
    with pytest.raises(InputError, match="row 0 of the labels names 0 classes"):
        number_classes([flat([[0, 0], [1, 0]])])
    with pytest.raises(InputError, match="neither one a sample nor one-hot rows"):
        number_classes([flat(np.array([[0.2, 0.8], [1, 0]]))])


def test_strings_of_bytes_and_of_two_spellings_are_one() -> None:
    assert flat(np.array([b"cat", b"emu"])).tolist() == ["cat", "emu"]
    assert len(set(flat(["caf\u00e9", "cafe\u0301"]).tolist())) == 1
    assert flat(np.array([1, 2.5], object)).dtype == np.float64


@pytest.mark.parametrize(
    ("values", "complaint"), [([[1], [1, 2]], "differ in length"), ([{}, 2], "mix dict and int"), ([None], "NoneType")]
)
def test_labels_that_are_no_labels_are_refused(values: list[Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        flat(np.array(values, object) if complaint != "differ in length" else values, "labels")


def test_parts_of_unlike_labels_are_refused() -> None:
    with pytest.raises(InputError, match="of one part are strings, those of the other numbers"):
        number_classes([flat(["a", "b"]), flat([0, 1])], ["a", "b"])


def test_names_do_not_depend_on_the_dtype() -> None:
    for values in (np.array([3, 10]), np.array([3.0, 10.0]), np.array(["3", "10"]), np.array([3, 10], np.uint8)):
        assert text(values) == ["3", "10"]
    assert text(np.array([0.5])) == ["0.5"]
