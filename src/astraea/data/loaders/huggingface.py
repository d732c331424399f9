"""Any dataset that Hugging Face's ``datasets`` reads: from its hub, saved to disk, or plain data files.

Needs the extra ``astraea[huggingface]``. Samples are an image column, or a column of numbers or lists of them; several
columns are inputs by name, such as ``input_ids`` and ``attention_mask``. Labels are a column of classes, integers or
strings.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from astraea.data.dataset import Dataset
from astraea.data.files import Finder
from astraea.data.image_stack import ImageStack
from astraea.data.layout import DEPTHS
from astraea.data.loaders.arrays import from_arrays
from astraea.data.loaders.base import Described, Loader
from astraea.data.packing import is_ragged
from astraea.data.pictures import Colour
from astraea.data.regression import BINS, TASK, Task
from astraea.errors import DataError, InputError, unknown_name
from astraea.reading import read_bytes

__all__ = ["HuggingFace"]

_IMAGES = ("image", "img", "x", "pixels", "data", "features")
_LABELS = ("label", "labels", "y", "target", "class", "character")
_BUILDERS = {".parquet": "parquet", ".json": "json", ".jsonl": "json", ".csv": "csv"}


class HuggingFace(Described, Loader, name="huggingface"):
    """Any dataset of Hugging Face, from its hub or from disk; needs astraea[huggingface]."""

    publisher: ClassVar[str] = "https://huggingface.co/datasets"
    licence: ClassVar[str] = "see the dataset's card"

    path: str | Path = Field(description="A name on the hub, or a folder or file.")
    subset: str | None = Field(None, description="Name of the dataset's configuration.")
    image_column: str | None = Field(None, description="Name of the samples.")
    label_column: str | None = Field(None, description="Name of the labels.")
    inputs: tuple[str, ...] = Field((), description="Names of several inputs of a sample, such as ids and a mask.")
    pad: int = Field(0, description="What lists of different lengths are padded with.")
    task: Task = Field("auto", description=TASK)
    bins: int = Field(BINS, ge=2, description="Quantile bins of a regression, which are what is balanced.")
    columns: tuple[str, ...] = Field((), description="Further columns to keep, such as the writer of each sample.")
    colour: Colour | None = Field(None, description="Convert images to one grey or three colour channels: grey or rgb.")
    image_size: int | None = Field(None, ge=1, description="Resize images to this many pixels a side.")
    test_split: str | None = Field(None, description="The split to test on; by default 'test' where there is one.")
    validation_split: str | None = Field(None, description="The split to validate on; by default none.")

    def load(self) -> Dataset:
        """Return the dataset at ``path``: a name on the hub ("ylecun/mnist"), a folder of ``save_to_disk``, or
        a file or folder of Parquet, JSON or CSV.

        The training pool is the split "train", or the only one; ``test_split`` is tested on, by default "test" if
        it exists. ``columns`` are kept beside the labels, for instance who wrote each sample.
        """
        return self.of_splits(_open(self.files, str(self.path), self.subset))

    def of_splits(self, splits: dict[str, Any]) -> Dataset:
        """Return the dataset of splits, each a ``datasets.Dataset``."""
        train = _split(splits, "train") if len(splits) > 1 else next(iter(splits.values()))
        held = _split(splits, self.test_split) if self.test_split else splits.get("test")
        test = None if held is None or held is train else held

        x, y, kept = self.arrays(train)
        names = getattr(train.features[_column(train, self.label_column, _LABELS, "label_column")], "names", None)
        test_x, test_y, test_kept = self.arrays(test) if test is not None else (None, None, None)
        dataset = from_arrays(
            x,
            y,
            test_x,
            test_y,
            columns=kept,
            test_columns=test_kept,
            class_names=names,
            name=self.name,
            pad=self.pad,
            task=self.task,
            bins=self.bins,
            **self.said,
        )
        if self.validation_split is None:
            return dataset
        held_x, held_y, held_kept = self.arrays(_split(splits, self.validation_split))
        return replace(dataset, validation=dataset.reader.samples(held_x, held_y, held_kept, "validation"))

    @property
    def validates(self) -> bool:
        """Whether validation samples are named."""
        return self.validation_split is not None

    def arrays(self, rows: Any) -> tuple[Any, NDArray[np.generic], dict[str, NDArray[np.generic]]]:
        """Return samples (of several inputs a mapping), labels and further columns of a ``datasets.Dataset``."""
        label = _column(rows, self.label_column, _LABELS, "label_column")
        further = {name: _values(rows, _column(rows, name, (), "columns")) for name in self.columns}
        inputs = [_column(rows, name, (), "inputs") for name in self.inputs]
        if not inputs and self.image_column is None and not set(_IMAGES) & set(rows.column_names):
            inputs = [name for name in rows.column_names if name not in (label, *further) and _is_listed(rows, name)]
        if not inputs:
            inputs = [_column(rows, self.image_column, _IMAGES, "image_column")]
        found = {name: _samples(rows, name, self.colour, self.image_size, self.scale) for name in inputs}
        several = len(found) > 1 or bool(self.inputs)
        return found if several else found[inputs[0]], _values(rows, label), further


def _open(files: Finder, path: str, subset: str | None) -> dict[str, Any]:
    """Return the splits at ``path`` by name."""
    try:
        import datasets
    except ImportError as error:
        raise InputError("dataset 'huggingface' needs the package datasets: pip install datasets") from error
    named = Path(path).expanduser()
    local = named if named.exists() else files.find(path)
    if local is None and not files.download:
        raise DataError(f"'{path}' is not on disk and downloading is off: allow it, or give a folder or file")
    try:
        if local is None:
            found = datasets.load_dataset(path, name=subset)
        elif local.suffix in _BUILDERS:
            found = datasets.load_dataset(_BUILDERS[local.suffix], data_files=str(local))
        elif any((local / sign).exists() for sign in ("dataset_dict.json", "state.json")):
            found = datasets.load_from_disk(str(local))
        else:
            found = datasets.load_dataset(str(local), name=subset)
    except Exception as error:  # the library documents no closed set of errors
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"Hugging Face cannot load '{path}' ({reason}): check its name, subset and the network"
        ) from error
    return dict(found) if isinstance(found, dict) else {"train": found}


def _split(splits: dict[str, Any], name: str) -> Any:
    if name not in splits:
        raise unknown_name("split", name, splits)
    return splits[name]


def _column(rows: Any, named: str | None, usual: tuple[str, ...], setting: str) -> str:
    """Return ``named`` if it is a column of ``rows``, else the first of the ``usual`` names that is."""
    if named is not None:
        if named not in rows.column_names:
            raise unknown_name("column", named, rows.column_names)
        return named
    for name in usual:
        if name in rows.column_names:
            return name
    text = next(
        (name for name, feature in rows.features.items() if "string" in str(getattr(feature, "dtype", ""))), None
    )
    if setting == "image_column" and text is not None:
        raise InputError(
            f"column '{text}' holds text, and models take numbers: number its words in Python, as in "
            f"dataset.map(lambda row: tokenizer(row['{text}'])), which adds columns such as input_ids"
        )
    raise InputError(f"no column is called '{usual[0]}': set {setting} to one of {', '.join(rows.column_names)}")


def _values(rows: Any, column: str) -> NDArray[np.generic]:
    return np.asarray(rows.select_columns([column]).with_format("numpy")[:][column])


def _is_listed(rows: Any, column: str) -> bool:
    """Whether a column holds lists of numbers."""
    inner = feature = rows.features[column]
    while (deeper := getattr(inner, "feature", None)) is not None:
        inner = deeper
    return inner is not feature and str(getattr(inner, "dtype", "")).startswith(("int", "uint", "float", "bool"))


def _samples(rows: Any, column: str, colour: Colour | None, size: int | None, white: float | None) -> Any:
    """Return the samples of ``column``: decoded images, numbers, or lists of different lengths."""
    import datasets

    if not isinstance(rows.features[column], datasets.Image):
        if _is_listed(rows, column) and is_ragged(listed := rows.with_format(None)[:][column]):
            return listed
        return _values(rows, column)
    stack = ImageStack(colour, size)
    encoded = rows.select_columns([column]).cast_column(column, datasets.Image(decode=False))
    for number, row in enumerate(encoded):
        image = row[column]
        content = image["bytes"] if image["bytes"] is not None else read_bytes(Path(image["path"]))
        stack.add(content, 0, f"{number} of column '{column}'")
    if white is None and stack.deepest is not None and stack.deepest <= DEPTHS[1]:
        raise InputError(
            f"pictures of 16 bits in column '{column}' reach no further than {stack.deepest:,}: set data.scale to what "
            f"is white in them, such as {DEPTHS[1]:,} or {DEPTHS[2]:,}".replace(",", "")
        )
    return stack.samples(white).x
