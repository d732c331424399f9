"""System calls for compiled code: the C library's own functions, found by name, so that no compiler is needed.

``types.ExternalFunction`` is resolved when machine code is linked, so what calls it can be kept on disk, which a
pointer from ctypes forbids.
"""

from __future__ import annotations

from typing import Any

from numba.core import types

__all__ = ["clock_gettime", "ppoll", "read", "write"]


def _function(name: str, returns: Any, *takes: Any) -> Any:
    return types.ExternalFunction(name, returns(*takes))


read: Any = _function("read", types.intp, types.intc, types.intp, types.uintp)
write: Any = _function("write", types.intp, types.intc, types.intp, types.uintp)
clock_gettime: Any = _function("clock_gettime", types.intc, types.intc, types.intp)
ppoll: Any = _function("ppoll", types.intc, types.intp, types.uintp, types.intp, types.intp)
