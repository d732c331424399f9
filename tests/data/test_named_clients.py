import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from astraea.data import Samples
from astraea.data.named_clients import Column, Indices, clients_of_tests, unmatched
from astraea.errors import DataError, InputError


def _samples() -> Samples:
    columns = {"writer": np.array(["c", "a", "b", "a"]), "age": np.array([9, 10, 9, 11])}
    return Samples(np.zeros((4, 1)), np.array([0, 1, 0, 1]), columns)


def _rows(samples: int) -> Samples:
    return Samples(np.zeros((samples, 1)), np.zeros(samples, np.int64))


def _from_file(path: Path, content: Any, samples: int = 6, clients: int | None = None) -> Any:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return Indices(index_file=str(path)).named(_rows(samples), clients, np.random.default_rng(0))


def test_each_value_of_a_column_is_a_client() -> None:
    named = Column(column="writer").named(_samples(), None, np.random.default_rng(0))
    assert named.owners.tolist() == [2, 0, 1, 0]
    assert named.names == ("a", "b", "c")
    assert named.notes == ()
    assert Column(column="age").named(_samples(), 3, np.random.default_rng(0)).names == ("9", "10", "11")


def test_fewer_clients_than_values_are_drawn_and_noted() -> None:
    chosen = {Column(column="writer").named(_samples(), 2, np.random.default_rng(s)).names for s in range(20)}
    assert chosen == {("a", "b"), ("a", "c"), ("b", "c")}
    named = Column(column="writer").named(_samples(), 1, np.random.default_rng(0))
    writer = named.names[0]
    assert named.owners.tolist() == [0 if name == writer else -1 for name in "caba"]
    assert named.notes == ("1 of the 3 values of column 'writer' are clients, drawn at random.",)


def test_unknown_columns_and_too_many_clients_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match=r"no column 'writr' \(it has age, writer\); did you mean 'writer'\?"):
        Column(column="writr").named(_samples(), None, rng)
    with pytest.raises(InputError, match=r"no column 'writer' \(it has none\)"):
        Column(column="writer").named(Samples(np.zeros((1, 1)), np.array([0])), None, rng)
    with pytest.raises(InputError, match="clients is 4, but column 'writer' has only 3 values"):
        Column(column="writer").named(_samples(), 4, rng)


def test_index_lists_from_settings_and_from_files(tmp_path: Path) -> None:
    lists = [[0, 2], [5]]
    masks = [np.isin(np.arange(6), rows) for rows in lists]
    assert Indices(indices=masks) == Indices(indices=[sorted(rows) for rows in lists])
    direct = Indices(indices=lists).named(_rows(6), None, np.random.default_rng(0))
    assert direct.owners.tolist() == [0, -1, 0, -1, -1, 1]
    assert direct.names == ("0", "1")
    assert direct.notes == ("3 training samples are on nobody's index list and left out.",)

    unnamed = _from_file(tmp_path / "lists.json", lists)
    assert (unnamed.owners == direct.owners).all()
    assert unnamed.names == direct.names
    named = _from_file(tmp_path / "named.json", {"north": [0, 1, 2], "south": [3, 4, 5]}, clients=2)
    assert named.names == ("north", "south")
    assert named.notes == ()


@pytest.mark.parametrize("content", [3, "[[0, 1.5]]", [0, 1], {"a": 0}, [[True]], "null"])
def test_index_files_of_another_shape_are_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(DataError, match="must hold a list of lists of row numbers"):
        _from_file(tmp_path / "bad.json", content)


def test_unreadable_index_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"bad\.json is not JSON"):
        _from_file(tmp_path / "bad.json", "[[0, 1]")
    lists = Indices(index_file=str(tmp_path / "missing.json"))
    with pytest.raises(DataError, match=r"missing\.json: No such file"):
        lists.named(_rows(6), None, np.random.default_rng(0))


def test_a_number_of_clients_that_the_lists_do_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="clients is 3, but 1 index lists"):
        _from_file(tmp_path / "lists.json", [[0]], clients=3)
    with pytest.raises(InputError, match="lists no client"):
        _from_file(tmp_path / "none.json", [])


def test_test_samples_of_nobody_are_told() -> None:
    train = Samples(np.zeros((2, 1), np.float32), np.zeros(2, np.int64), {"site": np.array(["A", "B"])})
    test = Samples(np.zeros((4, 1), np.float32), np.zeros(4, np.int64), {"site": np.array(["a", "A", "B ", "a"])})
    (told,) = unmatched(train, test, ("A",), "site")
    assert told.startswith("3 test samples are of 'B ', 'a', and no client is called so")
    assert unmatched(train, train, ("A",), "site") == []  # B has training samples, though it is no client here
    assert unmatched(train, test, ("A",), "other") == []
    found = clients_of_tests(test, ("A",), "site")
    assert found is not None
    assert found.tolist() == [-1, 0, -1, -1]
