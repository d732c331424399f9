"""Astraea on many machines, with Flower: the strategy, the client app and what users add to their own, a test grid."""

from __future__ import annotations

import os

# Flower reports usage to its makers unless told otherwise before it is first imported: here it is off by default.
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

from astraea.flower.arrays import initial_arrays
from astraea.flower.client import client_app
from astraea.flower.few_bits import few_bits
from astraea.flower.grid import InProcessGrid, run_in_process
from astraea.flower.mods import augmentation, augmented, prior_aware_loss
from astraea.flower.strategy import AstraeaStrategy
from astraea.flower.telling import label_histogram

__all__ = [
    "AstraeaStrategy",
    "InProcessGrid",
    "augmentation",
    "augmented",
    "client_app",
    "few_bits",
    "initial_arrays",
    "label_histogram",
    "prior_aware_loss",
    "run_in_process",
]
