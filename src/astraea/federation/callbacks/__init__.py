"""What happens beside the rounds: one file a callback."""

from __future__ import annotations

from astraea.federation.callbacks.chains import ChainsFile
from astraea.federation.callbacks.checkpoint import (
    Checkpointing,
    latest_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from astraea.federation.callbacks.early_stopping import EarlyStopping
from astraea.federation.callbacks.metrics import MetricsFile
from astraea.federation.callbacks.progress import LiveProgress
from astraea.federation.callbacks.timing import Timing

__all__ = [
    "ChainsFile",
    "Checkpointing",
    "EarlyStopping",
    "LiveProgress",
    "MetricsFile",
    "Timing",
    "latest_checkpoint",
    "load_checkpoint",
    "save_checkpoint",
]
