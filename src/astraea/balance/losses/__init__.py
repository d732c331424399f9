"""Losses of a batch, plain, prior-aware and client-aware: one file each."""

from __future__ import annotations

from astraea.balance.losses.auto import AutoLoss
from astraea.balance.losses.base import ClassView, Loss
from astraea.balance.losses.binary import BinaryCrossEntropy
from astraea.balance.losses.cross_entropy import CrossEntropy
from astraea.balance.losses.fedlc import FedLC
from astraea.balance.losses.fedrs import FedRS
from astraea.balance.losses.focal import Focal
from astraea.balance.losses.local_prior import LocalPrior, RunningPrior
from astraea.balance.losses.local_scaling import LocalScaling
from astraea.balance.losses.logit_adjusted import LogitAdjusted
from astraea.balance.losses.ratio import Ratio
from astraea.balance.losses.smoothed import Smoothed
from astraea.balance.losses.squared_error import SquaredError
from astraea.balance.losses.weighted import Weighted

__all__ = [
    "AutoLoss",
    "BinaryCrossEntropy",
    "ClassView",
    "CrossEntropy",
    "FedLC",
    "FedRS",
    "Focal",
    "LocalPrior",
    "LocalScaling",
    "LogitAdjusted",
    "Loss",
    "Ratio",
    "RunningPrior",
    "Smoothed",
    "SquaredError",
    "Weighted",
]
