from __future__ import annotations

from decimal import Decimal
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import TensorDataset

import astraea
from astraea.data.objects import as_dataset, is_data
from astraea.errors import InputError

X, Y = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32), np.arange(30) % 3


class Pictures(TorchDataset[Any]):
    """As torchvision's ImageFolder: pictures of Pillow with the number of their class."""

    classes = ("ant", "bee")

    def __init__(self, unlike: bool = False) -> None:
        self.unlike = unlike

    def __len__(self) -> int:
        return 6

    def __getitem__(self, number: int) -> tuple[Image.Image, int]:
        side = 9 if self.unlike and number == 4 else 8
        return Image.fromarray(np.full((side, side, 3), number, np.uint8)), number % 2


@pytest.mark.parametrize(
    "value",
    [
        (X, Y),
        (X, Y, X[:3], Y[:3]),
        (torch.from_numpy(X).requires_grad_(), torch.from_numpy(Y)),
        TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)),
        [(row, int(label)) for row, label in zip(X, Y, strict=True)],
        datasets.Dataset.from_dict({"features": X.tolist(), "label": Y.tolist()}),
        datasets.DatasetDict({"train": datasets.Dataset.from_dict({"features": X.tolist(), "label": Y.tolist()})}),
        pd.DataFrame({**{f"f{k}": X[:, k].astype(float) for k in range(4)}, "target": Y}),
    ],
    ids=["pair", "four", "tensors", "torch", "list", "hugging face", "splits", "frame"],
)
def test_what_people_have_is_a_dataset(value: object) -> None:
    assert is_data(value)
    dataset = as_dataset(value)
    assert dataset.train.x == pytest.approx(X)
    assert dataset.train.y.tolist() == Y.tolist()
    assert dataset.class_names == ("0", "1", "2")
    assert as_dataset(dataset) is dataset


def test_pictures_by_index() -> None:
    dataset = as_dataset(Pictures())
    assert dataset.class_names == ("ant", "bee")
    assert dataset.train.x.shape == (6, 3, 8, 8)
    assert dataset.train.x[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (Pictures(unlike=True), r"sample 4 of the dataset has shape \(9, 9, 3\), those before it \(8, 8, 3\)"),
        ((X, Y, X), "a tuple of 3 is no dataset"),
        ([X[0], X[1]], "item 0 of the dataset is a ndarray, not a pair"),
        (pd.DataFrame({"a": [1.0]}), "has no column called label, target, class or y"),
        ([], "the dataset is empty"),
        (3, "cannot be of type int"),
        ((X, [[1], [1, 2], *([[1]] * 28)]), "labels differ in length"),
    ],
)
def test_what_holds_no_samples_is_refused(value: object, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        as_dataset(value)


def test_names_and_tables_of_settings_are_no_data() -> None:
    assert not any(map(is_data, ("digits", {"name": "digits"}, None, {}, X)))


def test_a_run_takes_them() -> None:
    algorithm = {"name": "fedavg", "clients_per_round": 2}
    runs = [
        astraea.run(dataset=value, rounds=1, scenario={"clients": 3}, algorithm=algorithm).summary["per_class_recall"]
        for value in ((X, Y), TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)))
    ]
    assert runs[0] == runs[1]


def test_lists_of_different_lengths_come_by_name_too() -> None:
    ids, y = [[1, 2, 3], [4], [5, 6]], [0, 1, 0]
    dataset = as_dataset({"input_ids": ids, "labels": y})
    assert [one.name for one in dataset.train.form.inputs] == ["input_ids", "attention_mask", "lengths"]
    assert np.array_equal(dataset.train.x, as_dataset((ids, y)).train.x)
    assert as_dataset({"x": [[1.5, 2.0], [2.5, 3.0]], "y": [0, 1]}).train.x.tolist() == [[1.5, 2.0], [2.5, 3.0]]


def test_bytes_in_another_order_are_the_same_numbers() -> None:
    codes = np.arange(12).reshape(4, 3)
    dataset = as_dataset((codes.astype(">i8"), np.array([0, 1, 0, 1], ">i4")))
    assert dataset.train.x.dtype.isnative
    assert dataset.train.x.tolist() == codes.tolist()


def test_decimal_numbers_of_a_frame_are_numbers() -> None:
    frame = pd.DataFrame({"a": [Decimal("1.25"), Decimal("2.5")], "label": [0, 1]})
    assert as_dataset(frame).train.x.tolist() == [[1.25], [2.5]]


def test_pairs_by_name_are_the_clients_or_the_parts() -> None:
    clients = as_dataset({"north": (X[:20], Y[:20]), "south": (X[20:], Y[20:])})
    assert clients.train.x == pytest.approx(X)
    scenario = astraea.data.build_scenario(clients, test_share=0.1)
    assert scenario.client_names == ("north", "south")
    parts = as_dataset({"train": (X[:20], Y[:20]), "test": (X[20:], Y[20:])})
    assert len(parts.train) == 20
    assert parts.test is not None
    assert parts.test.y.tolist() == Y[20:].tolist()
    with pytest.raises(InputError, match="give one frame with a column that names the client"):
        as_dataset({"north": (pd.DataFrame({"a": [1.5]}), [0])})


def test_a_table_that_pandas_can_make_is_taken() -> None:
    arrow = pytest.importorskip("pyarrow").table({"a": [1.5, 2.5] * 5, "target": [0, 1] * 5})
    assert is_data(arrow)
    assert as_dataset(arrow).train.y.tolist() == [0, 1] * 5


def test_a_path_in_place_of_a_dataset_is_told() -> None:
    for path in ("patients.csv", "scans/train", "x.npz"):
        with pytest.raises(InputError, match=f"dataset='{path}' is a path: name what reads it too, such as dataset="):
            astraea.run(dataset=path)


def test_ids_of_a_batch_of_one_are_a_row() -> None:
    items = [{"input_ids": torch.tensor([[3, 4]]), "label": 0}, {"input_ids": torch.tensor([[5, 6]]), "label": 1}]
    form = as_dataset([({**item, "attention_mask": item["input_ids"]}) for item in items]).train.form
    assert [(one.kind, one.shape) for one in form.inputs] == [("codes", (2,)), ("codes", (2,))]


def test_a_list_of_pairs_is_told_how_clients_are_given() -> None:
    x, y = np.arange(8.0).reshape(4, 2), np.array([0, 1, 2, 1])
    with pytest.raises(InputError, match=r"a list of pairs \(x, y\), .* a mapping of the clients' names"):
        as_dataset([(x, y), (x, y)])
    assert as_dataset({"north": (x, y), "south": (x, y)}).train.y.tolist() == [0, 1, 2, 1] * 2
