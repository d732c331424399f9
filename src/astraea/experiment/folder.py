"""A run's folder: which files it has, and how they are written and read back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from astraea.data.scenario import Scenario
from astraea.errors import RunError
from astraea.experiment.fingerprint import (
    check_code,
    check_data,
    check_model,
    code_facts,
    data_facts,
    model_facts,
    probe,
    probe_inputs,
)
from astraea.experiment.settings import RunSettings, dump_toml, load_toml, parse_settings
from astraea.experiment.summary import scenario_facts
from astraea.federation.clients import Population
from astraea.files import write_json, write_tensors, write_text
from astraea.reading import read_json, read_tensors, read_text

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
    def fingerprint(self) -> Path:
        """What the data and the model are known by."""
        return self.path / "fingerprint.json"

    @property
    def probe(self) -> Path:
        """The batch on which a model proves that it is the same, and what came of it."""
        return self.path / "probe.safetensors"

    @property
    def scenario(self) -> Path:
        """Who holds what: names of classes and clients, and each client's label histogram."""
        return self.path / "scenario.json"

    @property
    def inputs(self) -> Path:
        """How new rows become what the model takes, and its outputs answers."""
        return self.path / "inputs.json"

    @property
    def chains(self) -> Path:
        """Who trained in each round, in which order."""
        return self.path / "chains.jsonl"

    @property
    def timeline(self) -> Path:
        """The latest round on its network: who downloads, trains and uploads when."""
        return self.path / "timeline.json"

    @property
    def checkpoints(self) -> Path:
        """The latest states of the run."""
        return self.path / "checkpoint"

    @property
    def model(self) -> Path:
        """The trained model's weights."""
        return self.path / "model.safetensors"

    @property
    def personal(self) -> Path:
        """The layers that each client keeps; there is none where they keep none."""
        return self.path / "personal.safetensors"

    @property
    def lines(self) -> tuple[Path, ...]:
        """The files that grow by a line a round."""
        return self.metrics, self.chains, self.timings

    @property
    def finished(self) -> bool:
        """Whether the run in this folder has come to its end."""
        return self.summary.is_file()

    @property
    def whole(self) -> bool:
        """Whether the run has come to its end, and none of its results is missing or damaged."""
        if not self.finished:
            return False
        try:
            rounds = self.read_json(self.summary)["rounds"]
            self.read_json(self.clients)["accuracy"]
            read_tensors(self.model)
            return bool(len(self.read_metrics()) == rounds)
        except (RunError, OSError, ValueError, TypeError, KeyError):
            return False

    def claim(self, settings: RunSettings, scenario: Scenario, population: Population, model: nn.Module) -> None:
        """Make this the folder of a run, or find that it is, and write its settings as they now are.

        ``model`` has its first weights or, in a run that is resumed, any. Raises :class:`RunError` if the folder holds
        a run of other data or of another model, or cannot be written.
        """
        if self.fingerprint.is_file() and self.probe.is_file():
            self.check_data(scenario)
            self.check_model(model, "bring that model, or choose another --out")
            code = self.read_json(self.fingerprint).get("code", {})  # folders of earlier versions have none
            check_code(settings, code, f"the run in {self.path}", "bring that code, or choose another --out")
        else:
            form = scenario.train.form
            inputs = probe_inputs(scenario.train.x.shape[1:], population.input_dtype, form.inputs)
            write_tensors(self.probe, {"inputs": inputs, "outputs": probe(model, inputs)})
            write_json(self.inputs, scenario.inputs.model_dump(mode="json"))
            write_json(self.scenario, scenario_facts(scenario, population.histograms))
            facts = {"data": data_facts(scenario), "model": model_facts(model)}
            code = code_facts(settings)
            write_json(self.fingerprint, facts | ({"code": code} if code else {}), indent=2)
        write_text(self.config, dump_toml(settings))  # its presence says that the folder holds a run

    def check_data(self, scenario: Scenario) -> None:
        """Raise :class:`RunError` if the run was made with other data."""
        if self.fingerprint.is_file():  # folders of earlier versions have none
            facts = self._fingerprint("data")
            mend = "name the folder that holds those (--data-dir), or choose another --out"
            check_data(scenario, facts, f"the run in {self.path}", mend)

    def check_model(self, model: nn.Module, mend: str, *, frozen: bool = True) -> None:
        """Raise :class:`RunError`, ending in ``mend``, if the run was made with another model."""
        if self.fingerprint.is_file():  # folders of earlier versions have none
            facts, batch = self._fingerprint("model"), self._probe()
            check_model(model, facts, batch, f"the run in {self.path}", mend, frozen=frozen)

    @property
    def input_dtype(self) -> torch.dtype:
        """The type of what goes into the model."""
        return self._probe()["inputs"].dtype if self.probe.is_file() else torch.float32

    def _fingerprint(self, part: str) -> dict[str, Any]:
        facts = self.read_json(self.fingerprint)
        if not isinstance(facts, dict) or not isinstance(found := facts.get(part), dict):
            raise self._damaged(self.fingerprint, f"it has no '{part}'")
        return found

    def _probe(self) -> dict[str, Tensor]:
        try:
            tensors = read_tensors(self.probe)[1]
        except (OSError, ValueError) as error:
            raise self._damaged(self.probe, error) from error
        if tensors.keys() != {"inputs", "outputs"}:
            raise self._damaged(self.probe, "it has not inputs and outputs")
        return tensors

    @staticmethod
    def _damaged(path: Path, why: object) -> RunError:
        return RunError(f"{path} is damaged ({why}): delete it and resume the run to write it anew")

    def left_out(self, model: nn.Module) -> frozenset[str]:
        """Return which of the weights of ``model`` that are not trained the folder does not hold."""
        frozen = {name for name, value in model.named_parameters() if not value.requires_grad}
        return (
            frozenset(frozen - read_tensors(self.model)[1].keys()) if frozen and self.model.is_file() else frozenset()
        )

    def settings(self, *, trust: bool = False) -> RunSettings:
        """Return the settings of the run; code that they name is imported with ``trust`` alone.

        Raises :class:`RunError` if the folder holds no run.
        """
        if not self.config.is_file():
            raise RunError(f"{self.path} holds no run: it has no config.toml; give the folder of 'astraea run --out'")
        return parse_settings(load_toml(self.config), str(self.config), trust=trust)

    def write_results(
        self,
        summary: dict[str, Any],
        names: Sequence[str],
        clients: list[float | None],
        model: dict[str, Tensor],
        personal: Mapping[str, Mapping[str, Tensor]],
    ) -> None:
        """Write the model, what of it is ``personal`` by client, clients with their names and, last, the summary."""
        write_tensors(self.model, model)
        if personal:
            own = {
                f"{names.index(client)}/{key}": value
                for client, part in personal.items()
                for key, value in part.items()
            }
            write_tensors(self.personal, own)
        write_json(self.clients, {"name": list(names), "accuracy": clients})
        write_json(self.summary, summary, indent=2)

    def read_personal(self) -> dict[str, dict[str, Tensor]]:
        """Return by client, for those that have some, the layers that it keeps. Raises :class:`RunError`."""
        if not self.personal.is_file():
            return {}
        names, found = self.read_json(self.clients)["name"], dict[str, dict[str, Tensor]]()
        for key, value in read_tensors(self.personal)[1].items():
            client, _, name = key.partition("/")
            found.setdefault(names[int(client)], {})[name] = value
        return found

    def read_json(self, path: Path) -> Any:
        """Return the contents of one of the folder's JSON files.

        Raises :class:`RunError` if it is missing (the run is not finished) or damaged.
        """
        try:
            return read_json(path)
        except FileNotFoundError as error:
            raise RunError(
                f"{path} is missing: the run is not finished; go on with 'astraea run --resume --out {self.path}'"
            ) from error
        except (OSError, ValueError) as error:
            raise self._damaged(path, error) from error

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the line of each round, what could not be measured as NaN.

        Raises :class:`RunError` if the file is missing or damaged.
        """
        try:
            lines = [dict(json.loads(line)) for line in read_text(self.metrics).splitlines()]
            return [{key: math.nan if value is None else value for key, value in line.items()} for line in lines]
        except OSError as error:
            raise RunError(f"{self.metrics} cannot be read ({error.strerror}): is this the folder of a run?") from error
        except (ValueError, TypeError, RecursionError) as error:
            raise RunError(f"{self.metrics} is damaged ({error}): resume the run to write it anew") from error
