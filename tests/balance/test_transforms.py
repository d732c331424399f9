import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from astraea.balance import transforms
from astraea.balance.settings import TransformSettings
from astraea.balance.transforms import feature_spread, random_matrices, transform, warp
from astraea.data.form import Form, Kind, conventional
from astraea.errors import InputError

STILL = TransformSettings(rotation=0, shift=0, shear=0, zoom=0, time_shift=0, scaling=0, jitter=0)
SHAPES = [(2, 6, 9), (3, 20), (7,)]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def samples(count: int, shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return torch.rand((count, *shape), generator=seeded(seed))


def moved(image: torch.Tensor, matrix: list[list[float]], fill: str = "zeros") -> torch.Tensor:
    return warp(image[None, None], torch.tensor([matrix], dtype=image.dtype), fill)[0, 0]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.uint8])
def test_shape_and_dtype_are_kept_and_the_generator_decides(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    batch = (samples(5, shape) * 200).to(dtype)
    original = batch.clone()
    first = transform(batch, TransformSettings(), seeded(1))
    assert first.shape == batch.shape
    assert first.dtype == dtype
    assert torch.equal(batch, original)
    assert not torch.equal(first, batch)
    assert torch.equal(first, transform(batch, TransformSettings(), seeded(1)))
    assert not torch.equal(first, transform(batch, TransformSettings(), seeded(2)))


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_to_vary_leaves_samples_as_they_are(shape: tuple[int, ...]) -> None:
    batch = samples(4, shape)
    assert transform(batch, STILL, seeded()) == pytest.approx(batch, abs=1e-5)
    pixels = (batch * 255).to(torch.uint8)
    assert torch.equal(transform(pixels, STILL, seeded()), pixels)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_samples_stay_none(shape: tuple[int, ...]) -> None:
    assert transform(torch.empty((0, *shape)), TransformSettings(), seeded()).shape == (0, *shape)


def test_a_quarter_turn_equals_a_rotated_array() -> None:
    image = samples(1, (8, 8))[0].double()
    # right (1, 0) goes up (0, -1): counter-clockwise
    assert torch.allclose(moved(image, [[0, 1, 0], [-1, 0, 0]]), torch.rot90(image))


def test_a_mirrored_image_equals_a_flipped_array() -> None:
    image = samples(1, (5, 8))[0].double()
    assert torch.allclose(moved(image, [[-1, 0, 0], [0, 1, 0]]), image.flip(1))


def test_a_shift_moves_by_pixels_and_fill_says_what_comes_in() -> None:
    image = torch.tensor([[1.0, 2, 3, 4], [5, 6, 7, 8]], dtype=torch.float64)
    shift: list[list[float]] = [[1.0, 0, 1], [0, 1, 0]]  # one pixel to the right
    assert torch.allclose(moved(image, shift, "zeros"), image.new_tensor([[0, 1, 2, 3], [0, 5, 6, 7]]))
    assert torch.allclose(moved(image, shift, "border"), image.new_tensor([[1, 1, 2, 3], [5, 5, 6, 7]]))
    down: list[list[float]] = [[1.0, 0, 0], [0, 1, 1]]
    assert torch.allclose(moved(image, down, "zeros"), image.new_tensor([[0, 0, 0, 0], [1, 2, 3, 4]]))


def test_zooming_in_shows_the_middle_larger() -> None:
    image = torch.zeros(8, 8, dtype=torch.float64)
    image[3:5, 3:5] = 1
    zoomed = moved(image, [[2, 0, 0], [0, 2, 0]])
    assert torch.equal(zoomed[3:5, 3:5], torch.ones(2, 2, dtype=torch.float64))
    assert zoomed.sum() == pytest.approx(4 * image.sum().item())


def test_a_shear_slants_rows() -> None:
    image = torch.zeros(5, 5, dtype=torch.float64)
    image[:, 2] = 1
    assert torch.allclose(moved(image, [[1, 1, 0], [0, 1, 0]]), torch.eye(5, dtype=torch.float64))


@given(
    st.builds(
        TransformSettings,
        rotation=st.floats(0, 180),
        shift=st.floats(0, 1),
        shear=st.floats(0, 60),
        zoom=st.floats(0, 0.9),
        horizontal_flip=st.booleans(),
    ),
    st.integers(0, 99),
)
@settings(max_examples=50)
def test_maps_stay_within_the_settings(chosen: TransformSettings, seed: int) -> None:
    height, width = 20, 10
    matrices = random_matrices(30, height, width, chosen, seeded(seed)).double()
    linear, offset = matrices[:, :, :2], matrices[:, :, 2]
    assert (offset.abs() <= chosen.shift * torch.tensor([width, height]) + 1e-5).all()
    # The image of the x axis gives zoom_x, mirroring and the rotation; y's component along it, the shear.
    zoom_x = linear[:, :, 0].norm(dim=1)
    axis = linear[:, :, 0] / zoom_x[:, None] * linear.det().sign()[:, None]
    angle = torch.atan2(-axis[:, 1], axis[:, 0])
    zoom_y = linear.det().abs() / zoom_x
    shear = torch.atan2((linear[:, :, 1] * axis).sum(dim=1), zoom_y)
    assert (angle.abs() <= math.radians(chosen.rotation) + 1e-4).all()
    assert (shear.abs() <= math.radians(chosen.shear) + 1e-4).all()
    for zoom in (zoom_x, zoom_y):
        assert (zoom >= 1 - chosen.zoom - 1e-5).all()
        assert (zoom <= 1 + chosen.zoom + 1e-5).all()
    assert chosen.horizontal_flip or (linear.det() > 0).all()


def test_every_amount_fills_its_range() -> None:
    linear = random_matrices(4000, 10, 10, STILL.model_copy(update={"rotation": 30.0}), seeded())
    angle = torch.rad2deg(torch.atan2(linear[:, 0, 1], linear[:, 0, 0]))
    assert angle.abs().max() > 29.9
    assert angle.std() == pytest.approx(30 / math.sqrt(3), rel=0.03)
    mirrored = random_matrices(4000, 10, 10, STILL.model_copy(update={"horizontal_flip": True}), seeded())
    assert (mirrored[:, 0, 0] < 0).float().mean() == pytest.approx(0.5, abs=0.03)


@given(st.integers(0, 99), st.sampled_from(["border", "zeros", "reflection"]))
@settings(max_examples=20)
def test_interpolation_invents_no_values(seed: int, fill: str) -> None:
    images = 0.5 + samples(6, (1, 9, 7), seed)
    warped = transform(images, TransformSettings(fill=fill), seeded(seed))
    assert warped.max() <= images.max() + 1e-5
    assert warped.min() >= (0 if fill == "zeros" else images.min() - 1e-5)


def test_images_are_the_same_however_many_are_warped_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    images = (samples(23, (3, 8, 8)) * 255).to(torch.uint8)
    together = transform(images, TransformSettings(), seeded())
    monkeypatch.setattr(transforms, "_CHUNK", 5)
    assert torch.equal(transform(images, TransformSettings(), seeded()), together)


def test_sequences_are_shifted_by_whole_steps_and_keep_their_ends() -> None:
    ramp = torch.arange(10.0).expand(200, 2, 10)
    shifted = transform(ramp, STILL.model_copy(update={"time_shift": 0.3}), seeded())
    by = (ramp - shifted)[:, 0, 5]
    assert sorted(set(by.tolist())) == [-3, -2, -1, 0, 1, 2, 3]
    expected = (torch.arange(10.0) - by[:, None]).clamp(0, 9)
    assert torch.equal(shifted, expected[:, None].expand(200, 2, 10))


def test_each_channel_of_a_sequence_has_its_own_factor() -> None:
    ones = torch.ones(3000, 2, 4)
    scaled = transform(ones, STILL.model_copy(update={"scaling": 0.2}), seeded())
    assert torch.equal(scaled, scaled[:, :, :1].expand(3000, 2, 4))
    assert scaled[:, :, 0].std().item() == pytest.approx(0.2, rel=0.05)
    assert abs(torch.corrcoef(scaled[:, :, 0].T)[0, 1]) < 0.06


def test_noise_of_sequences_follows_each_channels_own_deviation() -> None:
    wave = torch.tensor([[1.0, -1.0] * 500, [10.0, -10.0] * 500]).expand(20, 2, 1000)
    noise = transform(wave, STILL.model_copy(update={"jitter": 0.1}), seeded()) - wave
    assert noise.std(dim=(0, 2)).tolist() == pytest.approx([0.1, 1.0], rel=0.05)


def test_noise_of_vectors_follows_each_features_deviation() -> None:
    vectors = torch.randn((4000, 3), generator=seeded(3)) * torch.tensor([1.0, 10.0, 0.0]) + 5
    jitter = STILL.model_copy(update={"jitter": 0.1})
    noise = transform(vectors, jitter, seeded()) - vectors
    assert noise.std(dim=0).tolist() == pytest.approx([0.1, 1.0, 0.0], rel=0.05)
    noise = transform(vectors, jitter, seeded(), spread=torch.tensor([2.0, 0.0, 1.0])) - vectors
    assert noise.std(dim=0).tolist() == pytest.approx([0.2, 0.0, 0.1], rel=0.05)


def test_only_vectors_have_a_spread_of_features() -> None:
    vectors = torch.tensor([[1, 4], [3, 4], [9, 9]])
    assert feature_spread(vectors, torch.tensor([0, 1])).tolist() == [1, 0]
    assert feature_spread(samples(3, (2, 5))) is None


@pytest.mark.parametrize("shape", [(4,), (4, 1, 2, 3, 5)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="have no transforms"):
        transform(torch.zeros(shape), TransformSettings(), seeded())


@pytest.mark.parametrize("kind", ["codes", "volume"])
def test_codes_and_volumes_stay_unchanged(kind: Kind) -> None:
    batch = torch.arange(24).reshape(4, 6) if kind == "codes" else samples(4, (1, 2, 3, 5))
    form = conventional(batch.dtype, batch.shape)
    assert form.kind == kind
    made = transform(batch, TransformSettings(), seeded(), form=form)
    assert torch.equal(made, batch)
    assert made.data_ptr() != batch.data_ptr()


def test_steady_features_get_no_noise() -> None:
    vectors = torch.randn((50, 3), generator=seeded(3))
    form = Form("vector", "float32", "F", (3,), steady=(False, True, False))
    spread = feature_spread(vectors, form=form)
    assert spread is not None
    assert spread.tolist() == pytest.approx([0.9129, 0.0, 1.2107], abs=1e-4)
    made = transform(vectors, TransformSettings(), seeded(), spread, form)
    assert torch.equal(made[:, 1], vectors[:, 1])
    assert (made[:, [0, 2]] != vectors[:, [0, 2]]).all()


def test_sequences_of_flags_are_only_shifted() -> None:
    flags = (samples(200, (2, 10)) > 0.5).float()
    form = Form("sequence", "float32", "CT", (2, 10), steady=(True,))
    made = transform(flags, TransformSettings(time_shift=0.3), seeded(), form=form)
    assert set(made.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(made, flags)
