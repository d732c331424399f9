from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from astraea.data.form import Form, alike, conventional, recognise
from astraea.errors import InputError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (20, 12, 10), np.uint8)
PIXELS[0, 0, :2] = 0, 255
WAVES = np.sin(np.linspace(0, 12, 50))[None, None] * RNG.normal(1, 0.2, (20, 6, 1)) + RNG.normal(0, 3, (1, 6, 1))


def of(x: np.ndarray, **said: object) -> Form:
    return recognise(x, **said)[1]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("x", "scale"),
    [
        (PIXELS, 255),
        (PIXELS.astype(np.int16), 255),
        (PIXELS.astype(np.uint16), 255),
        (PIXELS.astype(np.int64), 255),
        (PIXELS.astype(np.float32), 255),
        (PIXELS.astype(np.float64), 255),
        (PIXELS.astype(np.float16), 255),
        (PIXELS.astype(np.uint16) * 257, 65_535),
        (PIXELS.astype(np.int32) * 257, 65_535),
        (PIXELS.astype(np.float32) / 255, 1),
        (PIXELS / 255, 1),
    ],
)
def test_the_same_picture_is_treated_the_same_whatever_its_dtype(x: np.ndarray, scale: float) -> None:
    values, form = recognise(x)
    assert (form.kind, form.layout, form.shape, form.scale) == ("image", "HW", (1, 12, 10), scale)
    models_get = values / np.float32(255) if values.dtype == np.uint8 else values
    assert models_get[:, 0] == pytest.approx(PIXELS / 255, abs=1e-4)
    assert values.dtype == (np.uint8 if x.dtype.kind in "iu" and scale == 255 else np.float32)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.uint16, np.float16])
@pytest.mark.parametrize(
    ("shape", "layout", "ready"),
    [
        ((5, 28, 28), "HW", (1, 28, 28)),
        ((5, 8, 8), "HW", (1, 8, 8)),
        ((5, 24, 32), "HW", (1, 24, 32)),
        ((5, 32, 32, 3), "HWC", (3, 32, 32)),
        ((5, 24, 32, 3), "HWC", (3, 24, 32)),
        ((5, 24, 32, 1), "HWC", (1, 24, 32)),
        ((5, 3, 32, 32), "CHW", (3, 32, 32)),
        ((5, 1, 24, 32), "CHW", (1, 24, 32)),
        ((5, 32, 32, 4), "HWC", (4, 32, 32)),
        ((5, 10, 64, 64), "CHW", (10, 64, 64)),
        ((5, 64, 48, 12), "HWC", (12, 64, 48)),
    ],
)
def test_layouts_of_images_by_shape(dtype: type, shape: tuple[int, ...], layout: str, ready: tuple[int, ...]) -> None:
    x = RNG.integers(0, 200, shape).astype(dtype)
    values, form = recognise(x)
    assert (form.kind, form.layout, values.shape[1:]) == ("image", layout, ready)


def test_channels_move_with_their_values() -> None:
    pixels = np.arange(2 * 8 * 8 * 3, dtype=np.float32).reshape(2, 8, 8, 3) / 384
    assert recognise(pixels)[0][1, 2, 0, 1] == pixels[1, 0, 1, 2]


def test_normalised_pictures_are_pictures_too() -> None:
    normalised = ((PIXELS[:, :10] / 255) - 0.1307) / 0.3081
    assert of(normalised).layout == "HW"
    assert of(normalised).scale == 1


def test_flags_of_pixels_are_kept() -> None:
    for dtype in (np.bool_, np.uint8, np.int64, np.float32):
        values, form = recognise((PIXELS > 99).astype(dtype))
        assert form.scale == 1
        assert set(np.unique(values)) == {0, 1}


def test_twelve_bits_are_known() -> None:
    assert of(PIXELS.astype(np.uint16) * 16).scale == 4095


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_time_is_the_longer_axis_of_windows(dtype: type) -> None:
    first, form = recognise(WAVES.astype(dtype))
    last, turned = recognise(WAVES.transpose(0, 2, 1).astype(dtype))
    assert (form.kind, form.layout, turned.layout) == ("sequence", "CT", "TC")
    assert np.array_equal(first, last)
    assert first.dtype == np.float32
    assert first.shape == (20, 6, 50)


def test_among_like_axes_time_is_the_smoother() -> None:
    some = np.cumsum(RNG.normal(size=(20, 30, 24)), axis=2) + RNG.normal(0, 9, (20, 30, 1))
    assert of(some).layout == "CT"
    more = np.cumsum(RNG.normal(size=(20, 30, 24)), axis=1) + RNG.normal(0, 9, (20, 1, 24))
    assert of(more).layout == "TC"
    fewer = np.cumsum(RNG.normal(size=(20, 24, 30)), axis=1) + RNG.normal(0, 9, (20, 1, 30))
    assert of(fewer).layout == "TC"


def test_one_channel_windows() -> None:
    assert recognise(RNG.random((4, 187, 1)))[0].shape == (4, 1, 187)
    assert recognise(RNG.random((4, 1, 187)))[0].shape == (4, 1, 187)
    values, form = recognise(RNG.normal(size=(4, 50)), kind="sequence")
    assert (values.shape, form.layout) == ((4, 1, 50), "T")


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.int16, np.int8, np.uint8, np.bool_])
def test_integer_vectors_are_codes_and_keep_their_dtype(dtype: type) -> None:
    x = RNG.integers(0, 2, (20, 12)).astype(dtype)
    values, form = recognise(x)
    assert values is x
    assert form.kind == "codes"
    assert form.treatment == "repeated unchanged"


@pytest.mark.parametrize(("dtype", "kept"), [(np.uint16, np.int32), (np.uint32, np.int64), (np.uint64, np.int64)])
def test_unsigned_codes_become_what_torch_computes_with(dtype: type, kept: type) -> None:
    values, _ = recognise(np.array([[60_000, 1]], dtype))
    assert values.dtype == kept
    assert values.tolist() == [[60_000, 1]]


def test_whole_features_of_vectors_are_steady() -> None:
    x = np.column_stack([RNG.normal(size=9), np.arange(9), RNG.integers(0, 2, 9)])
    values, form = recognise(x)
    assert (form.kind, form.steady) == ("vector", (False, True, True))
    assert values.dtype == np.float32
    assert form.treatment == "jittered in 1 of 3 features, whole numbers unchanged"
    assert of(x, noise=True).steady == (False, False, False)
    assert of(x, noise=False).treatment == "repeated unchanged"


def test_volumes_by_shape() -> None:
    assert of(np.zeros((3, 1, 4, 8, 8), np.float32)).layout == "CDHW"
    assert recognise(RNG.random((3, 4, 8, 9, 1)))[0].shape == (3, 1, 4, 8, 9)
    assert recognise(RNG.random((3, 4, 8, 9)), layout="DHW")[0].shape == (3, 1, 4, 8, 9)
    assert of(RNG.random((3, 4, 8, 9)), kind="volume").treatment == "repeated unchanged"


def test_what_is_said_comes_first() -> None:
    square = RNG.normal(size=(6, 9, 9))
    assert of(square).kind == "image"
    assert of(square, kind="sequence").layout == "CT"
    assert recognise(square, layout="tc")[0][0, 2, 5] == np.float32(square[0, 5, 2])
    assert recognise(PIXELS, scale=1)[0].max() == 255
    assert recognise(PIXELS.astype(float), scale=510)[0].max() == 0.5
    ids = RNG.integers(0, 99, (5, 3, 40))
    assert recognise(ids, kind="codes")[0] is ids
    assert recognise(np.array([[3.0, 4.0]]), kind="codes")[0].dtype == np.int64
    assert recognise(np.array([[3, 4]]), kind="vector")[0].dtype == np.float32
    assert recognise(PIXELS, kind="vector")[0].shape == (20, 120)


@pytest.mark.parametrize(
    ("x", "said", "complaint"),
    [
        (RNG.random((4, 5, 6, 7)), {}, r"images of shape \(4, 5, 6, 7\): .* such as layout='CHW'"),
        (RNG.random((4, 16, 16, 16)), {}, "say which axis is which"),
        (PIXELS, {"layout": "CHW"}, "layout 'CHW' has 3 axes"),
        (PIXELS, {"layout": "HX"}, "unknown layout 'HX'; did you mean"),
        (PIXELS, {"kind": "picture"}, "unknown kind of data 'picture'"),
        (PIXELS, {"layout": "HW", "kind": "sequence"}, "layout 'HW' is of kind 'image', not 'sequence'"),
        (RNG.random((4, 5)), {"kind": "image"}, "give each its height and width"),
        (RNG.random((4, 1, 8, 8)), {"kind": "sequence"}, "cannot be of kind 'sequence'"),
        (PIXELS[:, :10].astype(np.int64) * 1000, {}, "no usual full scale: say it with scale"),
        (PIXELS, {"scale": 0}, "give a number above 0"),
        (np.array([[1.0, 2.0], [3.0, np.nan]]), {}, r"NaN or infinite values, first in row 1 at \(1,\)"),
        (np.array([[1.0, 1e300]]), {}, r"first in row 0 at \(1,\)"),
        (np.array([[0.5]]), {"kind": "codes"}, "codes must be whole numbers"),
        (np.array([[2**63]], np.uint64), {}, "too large"),
    ],
)
def test_what_is_unclear_or_cannot_be_is_refused(x: np.ndarray, said: dict[str, object], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        of(x, **said)


def test_further_samples_are_treated_alike() -> None:
    _, form = recognise(PIXELS.astype(np.uint16) * 257)
    dark = np.full((1, 12, 10), 257, np.uint16)  # 8 bits by its own values, 16 by those of the training samples
    assert alike(dark, form).max() == pytest.approx(1 / 255, abs=1e-6)
    assert alike(PIXELS, form).dtype == np.uint8
    _, codes = recognise(np.array([[1, 2]]))
    assert alike(np.array([[3.0, 4.0]]), codes).tolist() == [[3, 4]]
    with pytest.raises(InputError, match="both must be the same"):
        alike(np.zeros((2, 3)), form)


def test_samples_that_are_ready_go_by_dtype_and_axes() -> None:
    assert conventional(np.dtype("uint8"), (3, 1, 8, 8)).scale == 255
    assert conventional("torch.float32", (3, 9, 128)).kind == "sequence"
    assert conventional("torch.int64", (3, 9)).kind == "codes"
    assert conventional("float32", (3, 9)).kind == "vector"
    assert conventional("float32", (3, 1, 4, 8, 8)).kind == "volume"


TABLE = [
    ("grey pictures", PIXELS[:, :10], ("uint8", "int64", "uint16", "float32")),
    ("grey pictures in [0, 1]", PIXELS[:, :10] / 255, ("float16", "float32", "float64")),
    ("grey pictures, 16 bits", PIXELS[:, :10].astype(np.uint16) * 257, ("uint16", "int32", "float32")),
    ("colour pictures", np.stack([PIXELS] * 3, axis=3), ("uint8", "uint16", "float32")),
    ("masks", PIXELS > 99, ("bool", "uint8", "float32")),
    ("windows, time first", WAVES.transpose(0, 2, 1), ("float16", "float32", "float64")),
    ("windows, channels first", WAVES, ("float32", "float64")),
    ("one-hot letters, time first", np.eye(4)[RNG.integers(0, 4, (20, 50))], ("int8", "float32")),
    ("token ids, codes, counts, flags", RNG.integers(0, 2, (20, 5)), ("int64", "int32", "uint8", "bool")),
    ("measurements", RNG.normal(size=(20, 5)), ("float32", "float64")),
    ("measurements and counts", np.column_stack([RNG.normal(size=20), np.arange(20)]), ("float32", "float64")),
    ("volumes", RNG.random((20, 1, 4, 8, 8)), ("float32", "float64")),
]


def table_line(data: str, x: np.ndarray, dtypes: tuple[str, ...]) -> str:
    """A row of the table in docs/reference/datasets.md, which is the same for all dtypes."""
    cells = []
    for dtype in dtypes:
        values, form = recognise(x.astype(dtype))
        kept = "as they come" if form.kind == "codes" else str(values.dtype)
        size = "n, " + ", ".join(map(str, values.shape[1:]))
        scaled = f", divided by {form.scale:,.0f}" if form.scale != 1 and values.dtype != np.uint8 else ""
        cells.append((f"{form.kind} `({size})`", f"{kept}{scaled}", form.treatment))
    made = " or ".join(dict.fromkeys(cell[1] for cell in cells))
    shape = "n, " + ", ".join(map(str, x.shape[1:]))
    assert len({(cell[0], cell[2]) for cell in cells}) == 1
    names = ", ".join(dtypes)
    return f"| {data} | `({shape})` | {names} | {cells[0][0]}, {made} | {cells[0][2]} |"


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_the_table_in_the_documentation_is_what_happens(row: tuple[str, np.ndarray, tuple[str, ...]]) -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "datasets.md"
    assert table_line(*row) in page.read_text(encoding="utf-8").splitlines()
