"""How the relay's thread runs: before ordinary processes where it may, and woken without slack."""

from __future__ import annotations

import ctypes
import os

__all__ = ["urgent"]

_PR_SET_TIMERSLACK = 29
_PRIORITY = 20


def urgent() -> bool:
    """Let the calling thread run before all ordinary processes (SCHED_FIFO); return whether it may."""
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(1), 0, 0, 0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(_PRIORITY))
    except OSError:
        return False
    return True
