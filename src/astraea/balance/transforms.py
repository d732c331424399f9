"""What makes a copy differ from its original: random affine warps of images, milder things for other data.

A whole batch is transformed at once, and the result depends on the batch and the generator's state alone.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from astraea.balance.settings import TransformSettings
from astraea.data.form import Form
from astraea.errors import InputError

__all__ = ["FIXED_KINDS", "feature_spread", "random_matrices", "transform", "warp"]

FIXED_KINDS = ("codes", "volume", "inputs")
"""Kinds of samples that stay as they are."""

# Images warped in one go: enough to keep the processor busy, few enough to stay in its cache.
_CHUNK = 256


def transform(
    batch: Tensor,
    settings: TransformSettings,
    generator: torch.Generator,
    spread: Tensor | None = None,
    form: Form | None = None,
) -> Tensor:
    """Return a random variation of each sample of ``batch``, with the same shape and dtype.

    Images ``(n, C, H, W)`` are warped, sequences ``(n, channels, time)`` shifted in time, scaled and
    jittered, vectors ``(n, features)`` jittered; :class:`TransformSettings` says by how much. Integers, such
    as ``uint8`` images, are computed in floating point and rounded.

    ``spread``, shape ``(features,)``, is what the noise of vectors is relative to, see :func:`feature_spread`;
    without it that of the batch is taken, which is 0 for a single sample. Sequences have their own. ``form`` says
    what the samples are: codes and volumes stay unchanged, and so do steady features; sequences of flags are only
    shifted. Without it, shape alone decides.

    Raises :class:`InputError` for samples of any other shape.
    """
    if len(batch) == 0 or (form is not None and form.kind in FIXED_KINDS):
        return batch.clone()
    if form is not None and form.kind == "sequence" and form.steady[0]:
        settings = settings.model_copy(update={"scaling": 0.0, "jitter": 0.0})
    if batch.ndim == 4:
        matrices = random_matrices(len(batch), batch.shape[2], batch.shape[3], settings, generator)
        return warp(batch, matrices.to(batch.device), settings.fill)
    if batch.ndim == 3:
        return _like(batch, _vary_sequences(_floating(batch), settings, generator))
    if batch.ndim == 2:
        values = _floating(batch)
        deviation = values.std(dim=0, correction=0) if spread is None else spread
        return _like(batch, values + settings.jitter * deviation * _normal(values, values.shape, generator))
    raise InputError(
        f"samples of shape {tuple(batch.shape[1:])} have no transforms: they must be images (C, H, W), "
        "sequences (channels, time) or vectors (features,)"
    )


def feature_spread(samples: Tensor, rows: Tensor | slice = slice(None), form: Form | None = None) -> Tensor | None:
    """Return the standard deviation, shape ``(features,)``, of vectors ``samples[rows]``; for others, ``None``.

    It is 0 for the features that are steady in ``form``, so that they get no noise. :func:`transform` is to be given
    that of all the samples a client holds: copies of a few are too alike.
    """
    if samples.ndim != 2 or (form is not None and form.kind != "vector"):
        return None
    spread = _floating(samples[rows]).std(dim=0, correction=0)
    if form is not None and any(form.steady):
        spread = spread.masked_fill(torch.tensor(form.steady, device=spread.device), 0.0)
    return spread


def random_matrices(
    count: int, height: int, width: int, settings: TransformSettings, generator: torch.Generator
) -> Tensor:
    """Return random affine maps of images of ``height`` × ``width`` pixels, shape ``(count, 2, 3)``.

    They map pixel coordinates ``(x, y, 1)``, x to the right and y down from the image's centre, to where the
    content goes: it is mirrored, zoomed, sheared, rotated and then shifted, each within ``settings``.
    """
    draws = 2 * torch.rand((7, count), generator=generator, device=generator.device) - 1  # even on [-1, 1)
    angle, shear = draws[:2] * torch.tensor([[settings.rotation], [settings.shear]]).to(draws) * math.pi / 180
    zoom_x, zoom_y = 1 + settings.zoom * draws[2:4]
    if settings.horizontal_flip:
        zoom_x = torch.where(draws[6] < 0, -zoom_x, zoom_x)
    cos, sin, slant = angle.cos(), angle.sin(), shear.tan()
    return torch.stack(
        (
            torch.stack((cos * zoom_x, (cos * slant + sin) * zoom_y, settings.shift * width * draws[4])),
            torch.stack((-sin * zoom_x, (cos - sin * slant) * zoom_y, settings.shift * height * draws[5])),
        )
    ).permute(2, 0, 1)


def warp(images: Tensor, matrices: Tensor, fill: str) -> Tensor:
    """Return ``images`` ``(n, C, H, W)`` moved by ``matrices`` ``(n, 2, 3)``, see :func:`random_matrices`.

    Values between pixels are interpolated linearly. ``fill`` names what comes in from outside: ``"border"``,
    the nearest pixel; ``"zeros"``; or ``"reflection"``.
    """
    height, width = images.shape[2:]
    # The sampler asks where each output pixel comes from, in units in which the image reaches from -1 to 1.
    back = torch.linalg.inv(matrices[:, :, :2])
    origin = -back @ matrices[:, :, 2:]
    half = torch.tensor([[width / 2], [height / 2]]).to(matrices)
    theta = torch.cat((back * half.T, origin), dim=2) / half
    warped = torch.empty_like(images)
    for start in range(0, len(images), _CHUNK):
        part = _floating(images[start : start + _CHUNK])
        grid = functional.affine_grid(theta[start : start + _CHUNK].to(part), list(part.shape), align_corners=False)
        values = functional.grid_sample(part, grid, padding_mode=fill, align_corners=False)
        warped[start : start + _CHUNK] = _like(images, values)
    return warped


def _vary_sequences(values: Tensor, settings: TransformSettings, generator: torch.Generator) -> Tensor:
    """Shift in time, scale each channel and add noise, as Um et al. (ICMI 2017) for wearable sensors."""
    count, channels, length = values.shape
    deviation = values.std(dim=2, correction=0, keepdim=True)
    most = int(settings.time_shift * length)
    by = torch.randint(-most, most + 1, (count, 1, 1), generator=generator, device=generator.device)
    # What comes in from outside repeats the sequence's first or last value.
    source = (torch.arange(length, device=values.device) - by.to(values.device)).clamp(0, length - 1)
    shifted = values.gather(2, source.expand(count, channels, length))
    factor = 1 + settings.scaling * _normal(values, (count, channels, 1), generator)
    return shifted * factor + settings.jitter * deviation * _normal(values, values.shape, generator)


def _normal(like: Tensor, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Return standard normal numbers, drawn where the generator lives and moved to where they are needed."""
    return torch.randn(shape, generator=generator, device=generator.device, dtype=like.dtype).to(like.device)


def _floating(values: Tensor) -> Tensor:
    """Return values in a dtype to compute in: their own if it is precise enough, else float32."""
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def _like(original: Tensor, values: Tensor) -> Tensor:
    """Return computed values in the dtype of the original, rounded and clipped where that holds integers."""
    if not original.dtype.is_floating_point:
        limits = torch.iinfo(original.dtype)
        values = values.round().clamp(limits.min, limits.max)
    return values.to(original.dtype)
