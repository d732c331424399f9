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

__all__ = ["Colour", "decode", "pictures_array", "seen"]

Colour = Literal["grey", "rgb"]

_GREY_MODES = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_SIXTEEN_BITS = 65_535
_MANY_PIXELS, _MOST_GROWTH = 1 << 24, 4096  # no picture of anything unpacks to so many pixels a byte


def decode(content: bytes, colour: Colour | None = None, size: int | None = None) -> NDArray[np.uint8]:
    """Return an encoded image as ``uint8`` of shape (C, H, W), upright as its EXIF orientation says.

    ``colour`` converts it to one grey or three colour channels; by default it keeps its own kind. ``size``
    resizes it to that many pixels a side. 16 bits become 8; what is transparent is laid on white, or on black if
    nothing could be seen on white. Raises ``ValueError`` if it is damaged or its values have no usual scale.
    """
    from PIL import Image

    damage = (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError)
    try:
        with Image.open(io.BytesIO(content)) as image:
            pixels = image.size[0] * image.size[1]
            if pixels > _MANY_PIXELS and pixels > _MOST_GROWTH * len(content):
                raise ValueError(f"{len(content):,} bytes claim {image.size[0]:,} × {image.size[1]:,} pixels")
            return seen(image, colour, size)
    except damage as error:
        raise ValueError(f"not a readable image: {error}") from error


def seen(image: Image, colour: Colour | None = None, size: int | None = None) -> NDArray[np.uint8]:
    """Return an image of Pillow as :func:`decode` does."""
    from PIL import Image as Images
    from PIL import ImageOps

    plain = _opaque(_eight_bits(ImageOps.exif_transpose(image)))
    grey = plain.mode == "L" if colour is None else colour == "grey"
    plain = plain.convert("L" if grey else "RGB")
    if size is not None:
        plain = plain.resize((size, size), Images.Resampling.BILINEAR)
    pixels = np.asarray(plain, np.uint8)
    return pixels[None] if grey else pixels.transpose(2, 0, 1)


def _eight_bits(image: Image) -> Image:
    """Return an image of 16 bits, or of floating-point values in [0, 1], with 8."""
    from PIL import Image as Images

    if image.mode not in _GREY_MODES[4:]:
        return image
    values = np.asarray(image, np.float64)
    most = 1.0 if image.mode == "F" else float(_SIXTEEN_BITS)
    if not 0 <= values.min() <= values.max() <= most:
        raise ValueError(f"its values go from {values.min():g} to {values.max():g}, not from 0 to {most:g}: convert it")
    return Images.fromarray(np.rint(values * (255 / most)).astype(np.uint8))


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


def pictures_array(given: Any, colour: Colour, size: int | None) -> NDArray[np.generic]:
    """Return pictures (n, C, H, W): files, images of Pillow, or arrays of one shape.

    Raises :class:`InputError` if they differ in shape, and :class:`DataError` for a file that is no image.
    """
    given = [given] if isinstance(given, str | Path) or hasattr(given, "getexif") else list(given)
    stack = []
    for picture in given:
        if isinstance(picture, str | Path):
            with reading(picture):
                stack.append(decode(read_bytes(Path(picture)), colour, size))
        else:
            stack.append(seen(picture, colour, size) if hasattr(picture, "getexif") else np.asarray(picture))
    shapes = {picture.shape for picture in stack}
    if len(shapes) != 1:
        raise InputError(f"the pictures have {len(shapes) or 'no'} shapes, {shapes or 'none'}: give some of one size")
    return np.stack(stack)
