"""One picture as a person sees it: upright, without transparency, in 8 bits; from a file or an image of Pillow."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from astraea.data.formats import reading
from astraea.errors import InputError
from astraea.reading import read_bytes

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["WHITE", "Colour", "brought", "decode", "pictures_array", "seen"]

Colour = Literal["grey", "rgb"]

_DEEP_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N")
_GREY_MODES = ("1", "L", "LA", "La", "F", *_DEEP_MODES)
WHITE = 65_535.0
"""What is white in pictures of 16 bits, unless they are of fewer or it is said."""

_MANY_PIXELS, _MOST_GROWTH = 1 << 24, 4096  # no picture of anything unpacks to so many pixels a byte


def decode(
    content: bytes, colour: Colour | None = None, size: int | None = None, white: float | None = WHITE
) -> NDArray[Any]:
    """Return an encoded image as ``uint8`` of shape (C, H, W), upright as its EXIF orientation says.

    ``colour`` converts it to one grey or three colour channels; by default it keeps its own kind. ``size``
    resizes it to that many pixels a side. 16 bits become 8, of which ``white`` is the largest value; where that is
    ``None``, they stay ``uint16``. What is transparent is laid on white, or on black if nothing could be seen on white.
    Raises ``ValueError`` if it is damaged or its values have no usual scale.
    """
    from PIL import Image, UnidentifiedImageError

    damage = (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError)
    try:
        with Image.open(io.BytesIO(content)) as image:
            pixels = image.size[0] * image.size[1]
            if pixels > _MANY_PIXELS and pixels > _MOST_GROWTH * len(content):
                raise ValueError(f"{len(content):,} bytes claim {image.size[0]:,} × {image.size[1]:,} pixels")
            return seen(image, colour, size, white)
    except UnidentifiedImageError as error:  # whose words name a place in memory
        raise ValueError("not a readable image: its content is that of none") from error
    except damage as error:
        raise ValueError(f"not a readable image: {error}") from error


def seen(
    image: Image, colour: Colour | None = None, size: int | None = None, white: float | None = WHITE
) -> NDArray[Any]:
    """Return an image of Pillow as :func:`decode` does."""
    from PIL import Image as Images
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    if upright.mode in _DEEP_MODES:
        return _deep(upright, colour, size, white)
    plain = _opaque(_eight_bits(upright))
    grey = plain.mode == "L" if colour is None else colour == "grey"
    plain = plain.convert("L" if grey else "RGB")
    if size is not None:
        plain = plain.resize((size, size), Images.Resampling.BILINEAR)
    pixels = np.asarray(plain, np.uint8)
    return pixels[None] if grey else pixels.transpose(2, 0, 1)


def brought(values: NDArray[np.generic], white: float) -> NDArray[np.uint8]:
    """Return values of which ``white`` is the largest in 8 bits; what is above is white as well."""
    scaled = np.rint(values.astype(np.float64) * (255 / white))
    return np.minimum(scaled, 255).astype(np.uint8)


def _deep(image: Image, colour: Colour | None, size: int | None, white: float | None) -> NDArray[Any]:
    """Return a grey image of 16 bits."""
    from PIL import Image as Images

    values = np.asarray(image, np.float64)
    _check_range(values, WHITE)
    if size is not None:
        resized = Images.fromarray(values.astype(np.float32)).resize((size, size), Images.Resampling.BILINEAR)
        values = np.rint(np.asarray(resized, np.float64))
    pixels: NDArray[Any] = values.astype(np.uint16) if white is None else brought(values, white)
    return np.stack([pixels] * (3 if colour == "rgb" else 1))


def _eight_bits(image: Image) -> Image:
    """Return an image of floating-point values in [0, 1] with 8 bits; others as they are."""
    from PIL import Image as Images

    if image.mode != "F":
        return image
    values = np.asarray(image, np.float64)
    _check_range(values, 1.0)
    return Images.fromarray(brought(values, 1.0))


def _check_range(values: NDArray[np.float64], most: float) -> None:
    if not 0 <= values.min() <= values.max() <= most:
        raise ValueError(f"its values go from {values.min():g} to {values.max():g}, not from 0 to {most:g}: convert it")


def _opaque(image: Image) -> Image:
    """Return an image without transparency: grey as "L", colour as "RGB"."""
    from PIL import Image as Images

    grey = image.mode in _GREY_MODES
    if not image.has_transparency_data:
        return image.convert("L" if grey else "RGB")
    clear = image.convert("RGBA")
    alpha = clear.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return image.convert("L" if grey else "RGB")
    seen = Images.alpha_composite(Images.new("RGBA", clear.size, "white"), clear)
    if not np.ptp(np.asarray(seen.convert("RGB")), axis=(0, 1)).any():
        seen = Images.alpha_composite(Images.new("RGBA", clear.size, "black"), clear)
    return seen.convert("RGB").convert("L") if grey else seen.convert("RGB")


def pictures_array(given: Any, colour: Colour, size: int | None, white: float = WHITE) -> NDArray[np.generic]:
    """Return pictures (n, C, H, W): files, images of Pillow, or arrays of one shape; ``white`` as in :func:`decode`.

    Raises :class:`InputError` if they differ in shape, and :class:`DataError` for a file that is no image.
    """
    given = [given] if isinstance(given, str | Path) or hasattr(given, "getexif") else list(given)
    stack = []
    for picture in given:
        if isinstance(picture, str | Path):
            with reading(picture):
                stack.append(decode(read_bytes(Path(picture)), colour, size, white))
        else:
            stack.append(seen(picture, colour, size, white) if hasattr(picture, "getexif") else np.asarray(picture))
    shapes = {picture.shape for picture in stack}
    if len(shapes) != 1:
        raise InputError(f"the pictures have {len(shapes) or 'no'} shapes, {shapes or 'none'}: give some of one size")
    return np.stack(stack)
