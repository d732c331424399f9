"""Gathers images of one shape, whose kinds may differ, in one array."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from astraea.data.dataset import Samples
from astraea.data.files import corrupt
from astraea.data.pictures import WHITE, Colour, brought, decode
from astraea.errors import DataError

__all__ = ["ImageStack"]

_LOSSY = 4  # webp and JPEG may part the channels of a grey image so much


class ImageStack:
    """Gathers images of one shape and their labels.

    Pixels go into one growing buffer, so that hundreds of thousands of images never lie in memory twice. Grey images
    that were stored with three equal channels, as webp must, go together with those stored with one; among images of
    colours, grey ones get three equal channels.
    """

    def __init__(self, colour: Colour | None = None, size: int | None = None) -> None:
        self._colour = colour
        self._size = size
        self._pixels = bytearray()
        self._deep: dict[int, NDArray[np.generic]] = {}  # of 16 bits, whose white is known when all are there
        self._labels: list[int] = []
        self._shape: tuple[int, ...] = ()
        self._grey = True  # all so far have equal channels
        self.repeated = 0
        """Grey images that were given three equal channels, since others have colours."""

    def add(self, content: bytes, label: int, name: object) -> None:
        """Add an encoded image; ``name`` stands for it in errors (:class:`DataError`)."""
        try:
            pixels: NDArray[Any] = decode(content, self._colour, self._size, None)
        except ValueError as error:
            raise corrupt(name, error) from error
        lossy = content.startswith((b"RIFF", b"\xff\xd8"))
        self._grey = self._grey and (self._colour == "grey" or _is_grey(pixels, _LOSSY if lossy else 0))
        if not self._labels:
            self._shape = pixels.shape
        if pixels.shape[1:] == self._shape[1:] and len(pixels) != self._shape[0]:
            if self._grey:
                self._to_one_channel()
                pixels = pixels[:1]
            elif len(pixels) == 1:
                pixels = pixels.repeat(3, axis=0)
                self.repeated += 1
            else:
                self._to_three_channels()
        if pixels.shape != self._shape:
            raise DataError(
                f"image {name} has shape {pixels.shape}, those before it {self._shape}: "
                "make them alike with image_size and colour, or beforehand"
            )
        if pixels.dtype == np.uint16:
            self._deep[len(self._labels)] = pixels
        self._pixels += pixels.astype(np.uint8).tobytes()
        self._labels.append(label)

    @property
    def deepest(self) -> int | None:
        """The largest value of images of 16 bits; ``None`` if there are none."""
        return max((int(pixels.max()) for pixels in self._deep.values()), default=None)

    def samples(self, white: float | None = None) -> Samples:
        """Return all that was added, in order; call it once, at the end.

        ``white`` is the largest value that images of 16 bits may have, or, where there are none, all images.
        """
        x = self._array()
        if self._deep:
            for place, pixels in self._deep.items():
                x[place] = brought(pixels, white or WHITE)[: len(x[place])]
        elif white is not None:
            x = brought(x, white)
        return Samples(x, np.array(self._labels, np.int64))

    def _array(self) -> NDArray[np.uint8]:
        return np.frombuffer(self._pixels, np.uint8).reshape(len(self._labels), *self._shape)

    def _to_three_channels(self) -> None:
        self.repeated = len(self._labels)
        self._pixels = bytearray(self._array().repeat(3, axis=1).tobytes())
        self._shape = (3, *self._shape[1:])

    def _to_one_channel(self) -> None:
        self._pixels = bytearray(self._array()[:, :1].tobytes())
        self._shape = (1, *self._shape[1:])


def _is_grey(pixels: NDArray[Any], most: int) -> bool:
    return len(pixels) == 1 or int(np.ptp(pixels, axis=0).max()) <= most
