from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset as TorchDataset

from astraea.data.items import items_of
from astraea.data.objects import as_dataset, with_parts
from astraea.data.packing import unpack
from astraea.errors import InputError

IDS = np.array([[3, 7, 0], [4, 0, 0], [5, 6, 8], [9, 1, 0]])
MASK = (IDS > 0).astype(np.int64)
Y = [0, 1, 1, 0]


class Named(NamedTuple):
    input_ids: Any
    attention_mask: Any


def _items(kind: str) -> list[Any]:
    rows = [(torch.from_numpy(ids), torch.from_numpy(mask)) for ids, mask in zip(IDS, MASK, strict=True)]
    made: dict[str, list[Any]] = {
        "tuple": [((ids, mask), y) for (ids, mask), y in zip(rows, Y, strict=True)],
        "list": [([ids, mask], torch.tensor(y)) for (ids, mask), y in zip(rows, Y, strict=True)],
        "named tuple": [(Named(*row), y) for row, y in zip(rows, Y, strict=True)],
        "mapping and label": [({"input_ids": a, "attention_mask": b}, y) for (a, b), y in zip(rows, Y, strict=True)],
        "mapping": [
            {"input_ids": a, "attention_mask": b, "labels": torch.tensor(y), "text": "so", "writer": torch.tensor(7)}
            for (a, b), y in zip(rows, Y, strict=True)
        ],
    }
    return made[kind]


@pytest.mark.parametrize("kind", ["tuple", "list", "named tuple", "mapping and label", "mapping"])
def test_several_inputs_of_an_item_stay_apart(kind: str) -> None:
    dataset = as_dataset(_items(kind))
    found = unpack(dataset.train.x, dataset.train.form.inputs)
    names = ["input_1", "input_2"] if kind in ("tuple", "list") else ["input_ids", "attention_mask"]
    assert list(found) == names
    assert [found[name].tolist() for name in names] == [IDS.tolist(), MASK.tolist()]
    assert dataset.train.y.tolist() == Y
    more = with_parts(dataset, test=_items(kind)[:2]).test
    assert more is not None
    assert unpack(more.x, dataset.train.form.inputs)[names[0]].tolist() == IDS[:2].tolist()


def test_single_numbers_and_text_in_a_mapping_are_facts_beside_the_samples() -> None:
    dataset = as_dataset(_items("mapping"))
    assert dataset.train.columns["writer"].tolist() == [7, 7, 7, 7]
    assert dataset.notes == ("Kept beside the samples, and not given to the model: text, writer.",)


def test_one_array_in_a_mapping_is_the_sample() -> None:
    dataset = as_dataset([{"pixels": np.full((8, 8), value, np.uint8), "Label": value % 2} for value in (3, 4)])
    assert dataset.train.x[:, 0, 0, 0].tolist() == [3, 4]
    assert dataset.train.y.tolist() == [1, 0]


def test_sequences_of_different_lengths_are_padded() -> None:
    dataset = as_dataset([(torch.tensor([3, 7]), 0), (torch.tensor([4]), 1)])
    found = unpack(dataset.train.x, dataset.train.form.inputs)
    assert found["input_ids"].tolist() == [[3, 7], [4, 0]]
    assert found["lengths"].tolist() == [2, 1]


def test_a_list_of_numbers_is_one_sample() -> None:
    assert as_dataset([([1.0, 2.0], 0), ([3.0, 4.5], 1)]).train.x.tolist() == [[1.0, 2.0], [3.0, 4.5]]


@pytest.mark.parametrize("x", [(IDS, MASK), [IDS, MASK], (torch.from_numpy(IDS), torch.from_numpy(MASK))])
def test_a_tuple_of_arrays_is_several_inputs(x: Any) -> None:
    dataset = as_dataset((x, Y, (IDS[:1], MASK[:1]), Y[:1]))
    assert [one.name for one in dataset.train.form.inputs] == ["input_1", "input_2"]
    assert unpack(dataset.train.x, dataset.train.form.inputs)["input_2"].tolist() == MASK.tolist()
    assert dataset.test is not None
    assert unpack(dataset.test.x, dataset.train.form.inputs)["input_1"].tolist() == IDS[:1].tolist()
    assert as_dataset((((IDS, MASK), Y), ((IDS, MASK), Y))).test is not None


class Three(TorchDataset[Any]):
    def __len__(self) -> int:
        return 2

    def __getitem__(self, number: int) -> Any:
        return IDS[number], MASK[number], Y[number]


@pytest.mark.parametrize(
    ("items", "complaint"),
    [
        (Three(), r"item 0 of the dataset is a tuple of 3, .*: give pairs .* of several inputs \(\(a, b\), label\)"),
        ([{"x": IDS[0], "n": 1}], "a mapping of x, n with no label: call one of its parts 'label'"),
        ([{"x": IDS[0], "y": 1, "label": 1}], "with y and label for its label: call one"),
        ([{"text": "so", "label": 1}], "holds no array beside its label 'label': give the sample as numbers"),
        ([{"x": IDS[0], "y": 1}, {"z": IDS[0], "y": 1}], "item 1 of the dataset has other parts"),
        ([(np.zeros(3), 0), (np.zeros(4), 1)], r"sample 1 of the dataset has shape \(4,\), those before it \(3,\)"),
    ],
)
def test_items_that_cannot_be_read_are_refused(items: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        items_of(items)
