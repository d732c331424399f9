"""Datasets by name: one line of registration each, and one way in, :func:`load_dataset`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from astraea.data.dataset import Dataset
from astraea.data.files import Finder, data_root
from astraea.data.loaders import (
    cifar10,
    cinic10,
    devanagari,
    digits,
    emnist,
    fashion_mnist,
    femnist,
    folder,
    huggingface,
    npz,
    table,
    uci_har,
)
from astraea.data.loaders.entry import Entry
from astraea.errors import InputError, unknown_name
from astraea.parts import from_options

__all__ = ["DATASETS", "DataSettings", "dataset_names", "load_dataset"]


class DataSettings(BaseModel):
    """Which dataset is used and where it lies. An option that the dataset does not have is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("digits", description="Dataset, by its name in the catalogue.")
    dir: Path | None = Field(
        None, description="Folder that holds data files; by default $ASTRAEA_DATA, else the user's cache."
    )
    download: bool = Field(True, description="Fetch missing files from their publisher.")
    path: str | Path | None = Field(
        None,
        description="npz, table: the file; folder: the images' folder; huggingface: a name on its hub or a folder.",
    )
    split: str | None = Field(
        None, description="emnist: balanced, bymerge, byclass, letters, digits or mnist; by default balanced."
    )
    join_validation: bool | None = Field(
        None,
        description="cinic10, devanagari: add the validation set to the training pool; by default yes.",
    )
    crop: bool | None = Field(
        None, description="devanagari: cut the 2-pixel border, 32 to 28 pixels a side; by default yes."
    )
    invert: bool | None = Field(
        None, description="femnist: make the background 0, as in EMNIST, instead of 255; by default yes."
    )
    test_writers: Literal["known", "new", "both"] | None = Field(
        None,
        description="femnist: test on the training set's writers, on others, or on both; by default known.",
    )
    image_size: int | None = Field(
        None, ge=1, description="folder, huggingface: resize images to this many pixels a side."
    )
    colour: Literal["grey", "rgb"] | None = Field(
        None, description="folder, huggingface: convert images to one grey or three colour channels."
    )
    subset: str | None = Field(None, description="huggingface: name of the dataset's configuration.")
    image_column: str | None = Field(None, description="npz, huggingface: name of the samples.")
    label_column: str | None = Field(None, description="npz, huggingface, table: name of the labels.")
    test_split: str | None = Field(
        None, description="huggingface: the split to test on; by default 'test' where there is one."
    )
    columns: tuple[str, ...] | None = Field(
        None, description="huggingface: further columns to keep, such as the writer of each sample."
    )

    layout: str | None = Field(
        None,
        description="npz, huggingface: axes of a sample: HW, CHW, HWC, T, CT, TC, F, DHW, CDHW or DHWC; "
        "by default recognised.",
    )
    scale: float | None = Field(
        None, gt=0, description="npz, huggingface: what values are divided by; by default recognised for images."
    )
    kind: str | None = Field(
        None,
        description="npz, huggingface: image, sequence, vector, codes or volume; by default recognised.",
    )
    noise: bool | None = Field(
        None,
        description="npz, huggingface: whether noise makes sense in copies of vectors and sequences; by default in "
        "all but features of whole numbers.",
    )
    site_column: str | None = Field(
        None, description="table: column that says whose each row is; its values are the clients."
    )
    test_path: str | Path | None = Field(None, description="table: file with the test set; by default held out.")
    codes: tuple[str, ...] | None = Field(None, description="table: columns of numbers that are codes.")
    noisy: tuple[str, ...] | None = Field(
        None, description="table: columns of whole numbers for which noise makes sense in copies."
    )
    leave_out: tuple[str, ...] | None = Field(None, description="table: columns that are not used.")
    missing: Literal["refuse", "mean"] | None = Field(
        None, description="table: refuse empty cells, or fill in the column's mean; by default refuse."
    )
    standardise: bool | None = Field(
        None, description="table: bring numbers to one scale, from sums over clients; by default yes."
    )


DATASETS: dict[str, Entry] = {
    "digits": digits.ENTRY,
    "fashion-mnist": fashion_mnist.ENTRY,
    "emnist": emnist.ENTRY,
    "cifar10": cifar10.ENTRY,
    "cinic10": cinic10.ENTRY,
    "devanagari": devanagari.ENTRY,
    "femnist": femnist.ENTRY,
    "uci-har": uci_har.ENTRY,
    "npz": npz.ENTRY,
    "folder": folder.ENTRY,
    "huggingface": huggingface.ENTRY,
    "table": table.ENTRY,
}


def dataset_names() -> list[str]:
    """Return the names of all datasets, in the catalogue's order."""
    return list(DATASETS)


def load_dataset(data: str | DataSettings = "digits", **options: Any) -> Dataset:
    """Return a dataset by name with ``options`` (fields of :class:`DataSettings`), or by settings alone.

    ``load_dataset("emnist", split="letters")`` and ``load_dataset(DataSettings(name="emnist",
    split="letters"))`` are the same.

    Raises :class:`InputError` for an unknown name, an unknown or unfit option, and
    :class:`~astraea.errors.DataError` for a file that is missing or corrupt.
    """
    if isinstance(data, str):
        settings = from_options(DataSettings, {"name": data, **options}, "data")
    elif options:
        raise InputError(f"'{min(options)}' beside settings: put it into the DataSettings")
    else:
        settings = data
    if settings.name not in DATASETS:
        raise unknown_name("dataset", settings.name, DATASETS)
    entry = DATASETS[settings.name]
    common = {"name", "dir", "download"}
    chosen = {key: value for key, value in settings if value is not None and key not in common}
    if unfit := sorted(chosen.keys() - entry.options):
        fits = ", ".join(sorted(entry.options)) or "none"
        raise InputError(
            f"'{unfit[0]}' does not apply to dataset '{settings.name}': leave it out (its options: {fits})"
        )
    if needed := sorted(entry.required - chosen.keys()):
        raise InputError(f"dataset '{settings.name}' needs '{needed[0]}': set data.{needed[0]}")
    return entry.load(Finder(settings.name, data_root(settings.dir), settings.download), **chosen)
