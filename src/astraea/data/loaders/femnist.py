"""FEMNIST of LEAF (Caldas et al. 2018, arXiv:1812.01097): NIST's handwritten characters by their writers.

Grey 28 × 28, 62 classes; naturally federated by the column ``writer``, and naturally imbalanced. LEAF is made
by a script and not published as a file, so nothing is downloaded. Read from ``femnist_leaf_540w.npz`` (arrays
``train_*``, ``test_*``, ``extra_test_*`` with ``writer`` numbers into ``writer_ids``), or from LEAF's JSON:
folders ``train`` and ``test``, or ``all_data``, from which one sample in ten of each writer is then held out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from astraea.data.dataset import Dataset, Samples
from astraea.data.formats import check_labels, check_shape, read_npz, reading
from astraea.data.loaders import npz
from astraea.data.loaders.arrays import concatenate, fixed_split, from_arrays
from astraea.data.loaders.base import Loader
from astraea.data.loaders.emnist import SPLITS
from astraea.errors import DataError, InputError

__all__ = ["Femnist"]

_CLASSES = SPLITS["byclass"]
_TEST_SHARE = 0.1  # LEAF's own default
_SIDE = 28


class Femnist(Loader, name="femnist"):
    """Handwritten characters by writer, grey 28 × 28, 62 imbalanced classes, column writer."""

    publisher: ClassVar[str] = "https://leaf.cmu.edu"
    licence: ClassVar[str] = "as NIST Special Database 19; LEAF's script BSD 2-Clause"

    invert: bool = Field(True, description="Make the background 0, as in EMNIST, instead of 255.")
    test_writers: Literal["known", "new", "both"] = Field(
        "known", description="Test on the training set's writers, on others, or on both."
    )

    def load(self) -> Dataset:
        """Return FEMNIST, images (n, 1, 28, 28), with the column ``writer``.

        ``invert`` turns dark strokes on 255 into bright ones on 0, as in EMNIST. ``test_writers`` says whose
        samples are tested on: those of the training pool's writers, of other writers, or of both.

        Raises :class:`~astraea.errors.DataError` if the files hold no test sample of such writers.
        """
        files = self.files
        if (packed := files.find("femnist_leaf_540w.npz")) is not None:
            train, test = _from_npz(packed)
        elif (folder := files.find("data/train", "train")) is not None:
            train, test = _from_json(folder), _from_json(folder.parent / "test")
        elif (folder := files.find("data/all_data", "all_data")) is not None:
            everything = _from_json(folder)
            train, test = fixed_split(everything, _TEST_SHARE, by=everything.columns["writer"])
        else:
            raise files.missing("LEAF's folder data/all_data, or data/train and data/test,", "made by " + _SCRIPT)
        if self.test_writers != "both":
            known = np.isin(test.columns["writer"], train.columns["writer"])
            test = test.take(np.flatnonzero(known == (self.test_writers == "known")))
            if not len(test):
                raise DataError(
                    f"femnist in {files.root} has no test samples of {self.test_writers} writers: "
                    "set test_writers to 'both'"
                )
        if self.invert:
            for samples in (train, test):
                np.subtract(255, samples.x, out=samples.x)
        return check_shape(Dataset(files.dataset, train, test, _CLASSES), (1, _SIDE, _SIDE), files.home)


def _from_npz(path: Path) -> tuple[Samples, Samples]:
    arrays = read_npz(path)
    with reading(path):
        writers = arrays["writer_ids"]
        parts = []
        for name in ("train", "test", "extra_test"):
            if (part := npz.read_part(arrays, name)) is None:
                raise InputError(f"it has no array {name}_images")
            columns = {"writer": writers[part.columns["writer"].astype(np.int64)]}
            parts.append(from_arrays(part.x, part.y, columns=columns, class_names=_CLASSES).train)
    train, test, extra = parts
    return train, concatenate(test, extra)


def _from_json(folder: Path) -> Samples:
    """Return the samples of all JSON files in ``folder``, file by file and writer by writer."""
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise DataError(f"{folder} holds no JSON file: put LEAF's {folder.name}/*.json there")
    pixels, labels, writers = [], [], []
    for path in paths:
        with reading(path):
            for writer, x, y in _users(json.loads(path.read_bytes())):
                pixels.append(x)
                labels.append(y)
                writers.append(np.full(len(y), writer))
    x = np.concatenate(pixels).reshape(-1, 1, _SIDE, _SIDE)
    return Samples(x, np.concatenate(labels), {"writer": np.concatenate(writers)})


_User = tuple[str, np.ndarray[Any, np.dtype[np.uint8]], np.ndarray[Any, np.dtype[np.int64]]]


def _users(content: Any) -> Sequence[_User]:
    """Return (writer, pixels (n, 784), labels (n,)) of each user; pixels in the file go from 0 to 1."""
    try:
        users = [(user, content["user_data"][user]) for user in content["users"]]
        read = [(str(user), np.array(data["x"], np.float32), np.array(data["y"], np.int64)) for user, data in users]
    except (TypeError, KeyError) as error:
        raise ValueError(f"not a file of LEAF: {error}") from error
    for user, x, y in read:
        if x.shape != (len(y), _SIDE * _SIDE) or x.min(initial=0) < 0 or x.max(initial=0) > 1:
            raise ValueError(f"images of writer {user} are not {_SIDE * _SIDE} numbers from 0 to 1 each")
        check_labels(y, len(x), len(_CLASSES))
    return [(user, np.round(x * 255).astype(np.uint8), y) for user, x, y in read]


_SCRIPT = "data/femnist/preprocess.sh of https://github.com/TalwalkarLab/leaf"
