"""Trackers of experiments, by name: the same numbers under the same names in each."""

from astraea.federation.callbacks.trackers.base import Tracker
from astraea.federation.callbacks.trackers.mlflow import MLflow
from astraea.federation.callbacks.trackers.tensorboard import TensorBoard
from astraea.federation.callbacks.trackers.trackio import Trackio
from astraea.federation.callbacks.trackers.wandb import WandB

__all__ = ["TRACKERS", "MLflow", "TensorBoard", "Tracker", "Trackio", "WandB"]

TRACKERS: dict[str, type[Tracker]] = {kind.label: kind for kind in (TensorBoard, MLflow, WandB, Trackio)}
