"""MLflow: a run in the experiment ``astraea``, at $MLFLOW_TRACKING_URI or in ``mlflow.db`` of the run's folder."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from astraea.federation.callbacks.trackers.base import Tracker

__all__ = ["MLflow"]

_TAG = "astraea.folder"
_BATCH = 100  # parameters that one call takes


class MLflow(Tracker):
    """Logs settings as parameters and numbers as metrics; a run that is resumed goes on in the same one."""

    label = "mlflow"
    _run: str

    def load(self) -> None:
        """Import MLflow."""
        import mlflow
        from mlflow.entities import Metric, Param

        self._mlflow: Any = mlflow
        self._metric, self._param = Metric, Param

    def open(self, rounds: int) -> None:
        """Find the run of this folder, or begin one. MLflow keeps the last of two values of one round."""
        place = os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{self.folder.absolute() / 'mlflow.db'}")
        self._client = self._mlflow.MlflowClient(tracking_uri=place)
        known = self._client.get_experiment_by_name("astraea")
        experiment = known.experiment_id if known is not None else self._client.create_experiment("astraea")
        own = str(self.folder.absolute())
        found = self._client.search_runs([experiment], f"tags.`{_TAG}` = '{own}'") if rounds else []
        if found:
            self._run = found[0].info.run_id
            self._client.update_run(self._run, status="RUNNING")
            return
        self._run = self._client.create_run(experiment, run_name=self.name, tags={_TAG: own}).info.run_id
        parameters = [self._param(key, str(value)[:6000]) for key, value in self.settings.items()]
        for first in range(0, len(parameters), _BATCH):
            self._client.log_batch(self._run, params=parameters[first : first + _BATCH])

    def send(self, numbers: Mapping[str, float], round_: int) -> None:
        """Log metrics, the round being MLflow's step."""
        now = int(time.time() * 1000)
        self._client.log_batch(self._run, metrics=[self._metric(k, v, now, round_) for k, v in numbers.items()])

    def close(self) -> None:
        """Say that the run has ended."""
        self._client.set_terminated(self._run)
