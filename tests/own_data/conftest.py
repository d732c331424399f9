"""A folder of small inputs on which something is easily misread, made here unless ASTRAEA_CASES names one."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine

COUNTS = {"d0": 40, "d1": 20, "d2": 10, "d3": 6}


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder: ``images/``, ``tables/`` and ``arrays/``."""
    if named := os.environ.get("ASTRAEA_CASES"):
        return Path(named)
    folder = tmp_path_factory.mktemp("cases")
    _arrays(folder / "arrays")
    _tables(folder / "tables")
    _images(folder / "images")
    return folder


def drawing(digit: int, place: int) -> NDArray[np.uint8]:
    """The ``place``-th picture of a digit, 32 × 32, ink bright."""
    digits = load_digits()
    small = digits.images[digits.target == digit][place]
    return np.kron(small / 16 * 255, np.ones((4, 4))).astype(np.uint8)


def _images(folder: Path) -> None:
    def fill(name: str, save: Callable[[NDArray[np.uint8], Path, int], None]) -> None:
        for digit, (class_, count) in enumerate(COUNTS.items()):
            (folder / name / class_).mkdir(parents=True, exist_ok=True)
            for place in range(count):
                save(drawing(digit, place), folder / name / class_ / str(place), place)

    def plain(pixels: NDArray[np.uint8], path: Path, _: int = 0) -> None:
        Image.fromarray(pixels).save(path.with_suffix(".png"))

    def turned(pixels: NDArray[np.uint8], path: Path, place: int) -> None:
        exif = Image.Exif()
        if place % 2:
            exif[0x0112] = 6
        stored = np.rot90(pixels) if place % 2 else pixels
        Image.fromarray(np.ascontiguousarray(stored)).convert("RGB").save(
            path.with_suffix(".jpg"), quality=95, exif=exif
        )

    def deeper(pixels: NDArray[np.uint8], path: Path, place: int) -> None:
        inside = path.parent / "more" / path.name if path.parent.name == "d0" and place < 20 else path
        inside.parent.mkdir(exist_ok=True)
        plain(pixels, inside)

    def webp(pixels: NDArray[np.uint8], path: Path, place: int) -> None:
        if path.parent.name == "d3" or (path.parent.name == "d0" and place < 15):
            Image.fromarray(pixels).save(path.with_suffix(".webp"), lossless=True)
        else:
            plain(pixels, path)

    def clear(pixels: NDArray[np.uint8], path: Path, _: int) -> None:
        nothing = np.zeros_like(pixels)
        Image.fromarray(np.stack([nothing] * 3 + [pixels], axis=2)).save(path.with_suffix(".png"))

    def wide(pixels: NDArray[np.uint8], path: Path, _: int) -> None:
        Image.fromarray(pixels.astype(np.uint16) * 257).save(path.with_suffix(".png"))

    for name, save in (
        ("exif", turned),
        ("nested_some", deeper),
        ("some_webp", webp),
        ("rgba_alpha_shape", clear),
        ("grey16", wide),
        ("notebook_dir", plain),
    ):
        fill(name, save)
    litter = folder / "notebook_dir"
    for name in (".ipynb_checkpoints", "__MACOSX"):
        (litter / name).mkdir()
        plain(drawing(0, 0), litter / name / "0")
    (litter / "__MACOSX" / "._0.png").write_bytes(b"\0\5\x16\7")
    (litter / "d0" / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (litter / "labels.csv").write_text("file,label\n")


def _tables(folder: Path) -> None:
    folder.mkdir(parents=True)

    def write(name: str, header: list[str], rows: list[list[object]]) -> None:
        with (folder / name).open("w", newline="") as stream:
            csv.writer(stream).writerows([header, *rows])

    cancer = load_breast_cancer()
    header = [*(name.replace(" ", "_") for name in cancer.feature_names), "diagnosis", "hospital"]
    rows: list[list[object]] = [
        [*values.tolist(), str(cancer.target_names[label]), "ABCD"[row % 4]]
        for row, (values, label) in enumerate(zip(cancer.data, cancer.target, strict=True))
    ]
    write("cancer.csv", header, rows)
    write("cancer_missing.csv", header, [[*row[:3], "", *row[4:]] if k == 3 else row for k, row in enumerate(rows)])
    diabetes = load_diabetes()
    write(
        "diabetes.csv",
        [*diabetes.feature_names, "target"],
        [[*values.tolist(), float(y)] for values, y in zip(diabetes.data, diabetes.target, strict=True)],
    )


def _arrays(folder: Path) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    labels = rng.choice(10, 300, p=np.arange(10, 0, -1) / 55)
    np.savez(folder / "tokens.npz", x=rng.integers(0, 500, (300, 12)), y=labels)
    codes = rng.integers(0, 8, (4000, 2))
    flags = np.isin(codes[:, 0], (1, 4, 6)) & ((rng.random(4000) < 0.3) | ~np.isin(codes[:, 0], (1, 4, 6)))
    keep = flags | ~np.isin(codes[:, 0], (1, 4, 6))  # the label depends on one code, and the positive class is rare
    codes, y = codes[keep], flags[keep].astype(np.int64)
    part = len(codes) * 4 // 5
    np.savez(
        folder / "category_codes.npz", x_train=codes[:part], y_train=y[:part], x_test=codes[part:], y_test=y[part:]
    )
    digits = load_digits()
    np.savez(folder / "onehot.npz", x=digits.data.astype(np.float32), y=np.eye(10)[digits.target])
    wine = load_wine()
    order = rng.permutation(len(wine.target))
    x, y = wine.data[order], np.array([3, 7, 100])[wine.target[order]]
    np.savez(folder / "gap_labels.npz", x_train=x[:130], y_train=y[:130], x_test=x[130:], y_test=y[130:])
    pictures = np.stack([drawing(k % 10, k // 10)[2:30, 2:30] for k in range(400)]) / np.float32(255)
    y = np.arange(400) % 10
    np.savez(
        folder / "float_images.npz", x_train=pictures[:320], y_train=y[:320], x_test=pictures[320:], y_test=y[320:]
    )
    volumes = np.stack([[digits.images[k] / 16] * 4 for k in range(300)])[:, None].astype(np.float32)
    y = digits.target[:300]
    np.savez(folder / "volumes.npz", x_train=volumes[:240], y_train=y[:240], x_test=volumes[240:], y_test=y[240:])
