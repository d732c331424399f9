from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from astraea.data import DATASETS, DataSettings, dataset_names, load_dataset
from astraea.errors import InputError

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "datasets.md"


def test_every_dataset_is_declared_in_full_and_takes_known_options() -> None:
    assert dataset_names()[0] == "digits"
    common = {"name", "dir", "download"}
    options = {option for entry in DATASETS.values() for option in entry.options}
    assert options == DataSettings.model_fields.keys() - common
    for name, entry in DATASETS.items():
        assert entry.about, name
        assert entry.publisher.startswith("https://"), name
        assert entry.licence, name
        assert all(field.description for field in DataSettings.model_fields.values())


def test_a_name_and_settings_are_the_same_way_in() -> None:
    by_name = load_dataset("digits", download=False)
    by_settings = load_dataset(DataSettings(name="digits", download=False))
    assert (by_name.train.x == by_settings.train.x).all()
    assert load_dataset().name == "digits"


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("fashion_mnist", {}, "unknown dataset 'fashion_mnist'; did you mean 'fashion-mnist'"),
        ("digits", {"split": "letters"}, r"'split' does not apply to dataset 'digits': .*its options: none"),
        ("emnist", {"crop": False}, r"'crop' does not apply to dataset 'emnist': .*its options: split"),
        ("digits", {"splt": "letters"}, "unknown data option 'splt'; did you mean 'split'"),
        ("folder", {"path": "a", "image_size": 0}, "data option 'image_size' cannot be 0: Input should be greater"),
        ("folder", {"path": "a", "colour": "sepia"}, "data option 'colour' cannot be 'sepia'"),
        ("folder", {}, "dataset 'folder' needs 'path': set data.path"),
    ],
)
def test_settings_that_cannot_be_are_refused(name: str, options: dict[str, object], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        load_dataset(name, **options)


def test_settings_are_whole_and_fixed() -> None:
    with pytest.raises(InputError, match="'split' beside settings: put it into the DataSettings"):
        load_dataset(DataSettings(name="emnist"), split="letters")
    with pytest.raises(ValidationError):
        DataSettings(splt="letters")
    with pytest.raises(ValidationError):
        DataSettings().name = "emnist"  # type: ignore[misc]


def test_the_reference_page_tells_of_every_dataset_and_option() -> None:
    page = REFERENCE.read_text()
    for name, entry in DATASETS.items():
        assert f"`{name}`" in page, name
        assert entry.publisher in page, name
    for option in DataSettings.model_fields:
        assert f"`{option}`" in page, option


def test_the_catalogue_imports_nothing_heavy() -> None:
    heavy = ("torch", "sklearn", "scipy", "PIL", "pooch", "requests", "rich", "datasets", "matplotlib")
    program = f"import sys, astraea.data; print([name for name in {heavy} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
