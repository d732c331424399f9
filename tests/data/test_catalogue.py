from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from astraea.data import Loader, dataset_names, load_dataset
from astraea.data.loaders import Digits, Emnist
from astraea.errors import InputError

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "datasets.md"
OWN = {name: loader for name, loader in Loader.registered().items() if loader.__module__.startswith("astraea.")}


def test_every_dataset_is_declared_in_full() -> None:
    assert dataset_names()[0] == "digits"
    for name, loader in OWN.items():
        assert loader.__doc__, name
        assert loader.publisher.startswith("https://"), name
        assert loader.licence, name
        assert all(field.description for field in loader.model_fields.values())


def test_a_name_and_settings_are_the_same_way_in() -> None:
    by_name = load_dataset("digits", download=False)
    by_settings = load_dataset(Digits(download=False))
    assert (by_name.train.x == by_settings.train.x).all()
    assert load_dataset({"name": "digits"}).name == load_dataset().name == "digits"


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("fashion_mnist", {}, "unknown dataset 'fashion_mnist'; did you mean 'fashion-mnist'"),
        ("digits", {"split": "letters"}, r"unknown key 'split' \(known here: name, dir, download\)"),
        ("emnist", {"crop": False}, r"unknown key 'crop'.* \(known here: name, dir, download, split\)"),
        ("emnist", {"splt": "letters"}, "unknown key 'splt'; did you mean 'split'"),
        ("folder", {"path": "a", "image_size": 0}, "'image_size' cannot be 0: input should be greater"),
        ("folder", {"path": "a", "colour": "sepia"}, "'colour' cannot be 'sepia'"),
        ("folder", {}, "'path' has no default: set it"),
    ],
)
def test_settings_that_cannot_be_are_refused(name: str, options: dict[str, object], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        load_dataset(name, **options)


def test_settings_are_whole_and_fixed() -> None:
    with pytest.raises(InputError, match="'split' beside settings: put it into the Emnist"):
        load_dataset(Emnist(), split="letters")
    with pytest.raises(InputError, match="unknown key 'splt'; did you mean 'split'"):
        Emnist(splt="letters")
    with pytest.raises(ValidationError):
        Emnist().split = "letters"  # type: ignore[misc]


def test_the_reference_page_tells_of_every_dataset() -> None:
    page = REFERENCE.read_text()
    for name, loader in OWN.items():
        assert f"`{name}`" in page, name
        assert loader.publisher in page, name


def test_the_catalogue_imports_nothing_heavy() -> None:
    heavy = ("torch", "sklearn", "scipy", "PIL", "pooch", "requests", "rich", "datasets", "matplotlib")
    program = f"import sys, astraea.data; print([name for name in {heavy} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
