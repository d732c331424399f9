"""Event files for TensorBoard, where it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from astraea.errors import InputError

__all__ = ["open_board"]


def open_board(folder: Path, after: int) -> Any:
    """Return a writer into ``folder`` that drops what a killed process wrote from step ``after`` on.

    Raises :class:`InputError` if TensorBoard is not installed.
    """
    try:
        from torch.utils import tensorboard
    except ImportError as error:
        raise InputError("TensorBoard is not installed: pip install tensorboard, or leave it out") from error
    make: Any = tensorboard.SummaryWriter
    return make(folder, purge_step=after)
