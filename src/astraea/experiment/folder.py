"""A run's folder: which files it has, and how they are written and read back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from safetensors.torch import save_file
from torch import Tensor

from astraea.errors import RunError
from astraea.experiment.settings import RunSettings, dump_toml, load_toml, parse_settings

__all__ = ["RunFolder"]


@dataclass(frozen=True)
class RunFolder:
    """The files of one run under ``path``; every file is written whole or not at all."""

    path: Path

    @property
    def config(self) -> Path:
        """The resolved settings, which run again as they are."""
        return self.path / "config.toml"

    @property
    def metrics(self) -> Path:
        """A line a round."""
        return self.path / "metrics.jsonl"

    @property
    def timings(self) -> Path:
        """Wall seconds of each round: the part of a run that never repeats itself."""
        return self.path / "timings.jsonl"

    @property
    def summary(self) -> Path:
        """What the run came to; its presence says that the run is finished."""
        return self.path / "summary.json"

    @property
    def clients(self) -> Path:
        """Accuracy of the deployed model for each client."""
        return self.path / "clients.json"

    @property
    def checkpoints(self) -> Path:
        """The latest states of the run."""
        return self.path / "checkpoint"

    @property
    def model(self) -> Path:
        """The trained model's weights."""
        return self.path / "model.safetensors"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's event files."""
        return self.path / "tensorboard"

    @property
    def finished(self) -> bool:
        """Whether the run in this folder has come to its end."""
        return self.summary.is_file()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from running in this folder; the hold ends with the process, however it ends.

        Raises :class:`RunError` if another process holds it, or if the folder cannot be made.
        """
        lock = FileLock(self.path / ".lock", blocking=False)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise RunError(
                f"another process is running in {self.path}: wait for it, or choose another --out"
            ) from error
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            yield
        finally:
            lock.release()

    def create(self, settings: RunSettings) -> None:
        """Write the settings into the folder. Raises :class:`RunError` if it cannot be written."""
        self._write(self.config, dump_toml(settings))

    def settings(self) -> RunSettings:
        """Return the settings of the run. Raises :class:`RunError` if the folder holds no run."""
        if not self.config.is_file():
            raise RunError(f"{self.path} holds no run: it has no config.toml; give the folder of 'astraea run --out'")
        return parse_settings(load_toml(self.config), str(self.config))

    def write_results(self, summary: dict[str, Any], clients: list[float | None], model: dict[str, Tensor]) -> None:
        """Write model, clients and, as the last, the summary."""
        partial = self.model.with_suffix(".partial")
        try:
            save_file(model, partial)
            os.replace(partial, self.model)
        except OSError as error:
            raise self._unwritable(error) from error
        self._write(self.clients, json.dumps({"accuracy": clients}) + "\n")
        self._write(self.summary, json.dumps(summary, indent=2) + "\n")

    def read_json(self, path: Path) -> Any:
        """Return the contents of one of the folder's JSON files.

        Raises :class:`RunError` if it is missing (the run is not finished) or damaged.
        """
        try:
            return json.loads(path.read_text())
        except FileNotFoundError as error:
            raise RunError(
                f"{path} is missing: the run is not finished; go on with 'astraea run --resume --out {self.path}'"
            ) from error
        except ValueError as error:
            raise RunError(f"{path} is damaged ({error}): delete it and resume the run to write it anew") from error

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the line of each round. Raises :class:`RunError` if the file is missing or damaged."""
        try:
            return [json.loads(line) for line in self.metrics.read_text().splitlines()]
        except OSError as error:
            raise RunError(f"{self.metrics} cannot be read ({error.strerror}): is this the folder of a run?") from error
        except ValueError as error:
            raise RunError(f"{self.metrics} is damaged ({error}): resume the run to write it anew") from error

    def _write(self, path: Path, text: str) -> None:
        partial = path.with_suffix(path.suffix + ".partial")
        try:
            partial.write_text(text)
            os.replace(partial, path)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> RunError:
        return RunError(
            f"{self.path} cannot be written ({error.strerror or error}): free space or choose another --out"
        )
