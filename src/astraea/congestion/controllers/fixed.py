"""A fixed window without reaction: the reference for closed forms, and unresponsive cross traffic."""

from __future__ import annotations

from typing import Any

import numpy as np

from astraea.congestion.compiled import inlined

__all__ = ["STATE", "start"]

STATE = np.dtype([("nothing", "i8")], align=True)


@inlined
def start(f: Any, c: Any, now: int) -> None:
    """Hold ``f.parameter`` packets in flight for ever."""
    f.cwnd = f.parameter
    f.ssthresh = f.parameter
