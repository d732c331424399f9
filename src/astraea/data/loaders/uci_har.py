"""Human activity recognition with smartphones (Anguita et al. 2013, ESANN): sensors, not images.

Windows of 128 readings (2.56 s at 50 Hz) on 9 channels, six activities, 30 people: naturally federated by the
column ``subject``. Read from ``uci_har_inertial_f16.npz`` (every subject in train and test), or from UCI's
archive or its unpacked folder, whose test set is of nine other subjects. The checksum of the archive is one
that several public repositories record.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from astraea.data.dataset import Dataset, Samples
from astraea.data.files import Remote
from astraea.data.formats import check_labels, check_shape, open_zip, reading
from astraea.data.loaders import npz
from astraea.data.loaders.arrays import from_arrays
from astraea.data.loaders.base import Loader

__all__ = ["CHANNELS", "CLASSES", "UciHar"]

CLASSES = ("WALKING", "WALKING_UPSTAIRS", "WALKING_DOWNSTAIRS", "SITTING", "STANDING", "LAYING")
CHANNELS = tuple(f"{kind}_{axis}" for kind in ("body_acc", "body_gyro", "total_acc") for axis in "xyz")
"""The channels in order: acceleration of the body in g, turning in rad/s, acceleration with gravity in g."""

_ARCHIVE = Remote(
    "human+activity+recognition+using+smartphones.zip",
    "https://archive.ics.uci.edu/static/public/240/human+activity+recognition+using+smartphones.zip",
    "sha256:c00b803081a5c797cd5e4b83700a9810b38d53d9d84e01917e090e1fdbc81031",
)
_FOLDER = "UCI HAR Dataset"
_READINGS = 128


class UciHar(Loader, name="uci-har"):
    """Smartphone sensors by person, 9 channels × 128 readings, 6 activities, column subject."""

    publisher: ClassVar[str] = "https://doi.org/10.24432/C54S4K"
    licence: ClassVar[str] = "CC BY 4.0"

    def load(self) -> Dataset:
        """Return the windows, ``float32`` (n, 9, 128), with the column ``subject``, numbered as in the files."""
        files = self.files
        if (packed := files.find("uci_har_inertial_f16.npz")) is not None:
            return check_shape(npz.read(packed, files.dataset), (len(CHANNELS), _READINGS), packed)
        source = files.find(_FOLDER) or files.get(_ARCHIVE, f"{_FOLDER}.zip")
        with reading(source):
            if source.is_dir():
                train, test = _part(source, "train"), _part(source, "test")
            else:
                with open_zip(source) as archive:
                    folder = zipfile.Path(archive, f"{_FOLDER}/")
                    train, test = _part(folder, "train"), _part(folder, "test")
        return Dataset(files.dataset, train, test, CLASSES)


def _part(root: Path | zipfile.Path, part: str) -> Samples:
    folder = root / part
    signals = [_table(folder / "Inertial Signals" / f"{channel}_{part}.txt") for channel in CHANNELS]
    lengths = {len(signal) for signal in signals}
    if len(lengths) > 1 or signals[0].shape[1] != _READINGS:
        raise ValueError(f"the signals of {part} are not tables of {_READINGS} columns and equal length")
    labels = _table(folder / f"y_{part}.txt")[:, 0].astype(np.int64) - 1
    check_labels(labels, len(signals[0]), len(CLASSES))
    subjects = _table(folder / f"subject_{part}.txt")[:, 0].astype(np.int64)
    return from_arrays(np.stack(signals, axis=1), labels, columns={"subject": subjects}, layout="CT").train


def _table(path: Path | zipfile.Path) -> NDArray[np.float32]:
    """Return a text file of numbers, shape (rows, columns)."""
    with reading(path), path.open("rb") as stream:
        return np.loadtxt(stream, np.float32, ndmin=2)
