from __future__ import annotations

import numpy as np
import pytest

from astraea.data.loaders.arrays import from_arrays

RNG = np.random.default_rng(0)
Y = np.arange(40) % 2


def test_pictures_that_were_divided_by_nothing_are_told() -> None:
    x = RNG.random((40, 16, 16)) * 999.5
    x[0, 0, :2] = 0.25, 999.5
    dataset = from_arrays(x, Y)
    assert dataset.train.form.scale == 1
    assert dataset.notes[0].startswith("The values of the images go from 0.0")
    assert dataset.notes[0].endswith(
        "to 999.5 and are not divided by anything: set scale (data.scale) to what is to become 1."
    )
    said = from_arrays(x, Y, scale=999.5)
    assert float(said.train.x.max()) == 1.0
    assert said.notes == ()
    assert from_arrays(x / 999.5, Y).notes == ()


def test_volumes_of_unsigned_integers_are_scaled_as_pictures_are() -> None:
    x = np.zeros((40, 4, 8, 8), np.uint8)[:, None]
    x[0, 0, 0, 0] = 0, 51, 102, 255, 0, 0, 0, 0
    dataset = from_arrays(x, Y)
    assert dataset.train.x[0, 0, 0, 0, :4].tolist() == pytest.approx([0, 0.2, 0.4, 1])
    assert dataset.train.form.scale == 255
    told = from_arrays(RNG.normal(size=(40, 1, 4, 8, 8)) * 500, Y).notes
    assert "The values of the volumes go from -" in told[0]
    assert from_arrays(RNG.normal(size=(40, 1, 4, 8, 8)), Y).notes == ()


def test_windows_of_sensors_between_0_and_1_are_no_pictures() -> None:
    time = np.arange(24)[None, :, None] / 12 + RNG.random((40, 1, 1))
    windows = 0.5 + 0.5 * np.sin(time + RNG.random((1, 1, 9)) * 6)  # (n, 24, 9): smooth along time alone
    dataset = from_arrays(windows, Y)
    assert (dataset.train.form.kind, dataset.train.form.layout) == ("sequence", "TC")
    assert from_arrays(windows.transpose(0, 2, 1), Y).train.form.layout == "CT"


def test_what_might_be_pictures_or_windows_is_told() -> None:
    told = "Samples of 24 × 9 are taken for pictures: if they are windows, set layout (data.layout) to TC where time "
    told += "comes first, or to CT."
    noise = RNG.random((40, 24, 9))
    assert from_arrays(noise, Y).notes == (told,)
    assert from_arrays(noise, Y, layout="HW").notes == ()
    assert from_arrays((noise * 255).astype(np.uint8), Y).notes == ()
    smooth = np.cumsum(RNG.normal(size=(40, 16, 16)), axis=1)
    assert from_arrays(smooth, Y).notes[0].startswith("Samples of 16 × 16 are taken for pictures: if they are windows")
    assert from_arrays(RNG.random((40, 16, 16)), Y).notes == ()


@pytest.mark.parametrize(
    ("x", "said", "told"),
    [
        (RNG.normal(size=(40, 3)) * [1, 5, 1000], {}, "The spread of the features differs by a factor of "),
        (RNG.integers(0, 1000, (40, 3)) * [1, 1, 1000], {"kind": "vector"}, "The spread of the features differs by"),
        (RNG.integers(0, 9000, (40, 3)), {"kind": "vector"}, "The spread of the features is 2."),
        (RNG.normal(size=(40, 3)) / 1e4, {}, "The spread of the features is "),
        (RNG.normal(size=(40, 3, 64)) * [[1], [5], [1000]], {}, "The spread of the channels differs by a factor of "),
        (RNG.normal(size=(40, 3, 64)) * 2000, {}, "The spread of the channels is 1."),
        (
            {"a": RNG.normal(size=(40, 3)) * [1, 5, 1000], "b": np.ones((40, 2), int)},
            {},
            "The spread of 'a' differs by",
        ),
    ],
)
def test_numbers_of_unlike_scales_are_told(x: object, said: dict[str, str], told: str) -> None:
    (note,) = from_arrays(x, Y, **said).notes  # type: ignore[arg-type]
    assert note.startswith(told)
    assert "divide each by its standard deviation" in note


def test_numbers_of_one_scale_are_not() -> None:
    assert from_arrays(RNG.normal(size=(40, 3)) * [1, 5, 50], Y).notes == ()
    assert from_arrays({"a": RNG.normal(size=(40, 3)), "ids": RNG.integers(0, 9000, (40, 3))}, Y).notes == ()
