"""What the caller of Python brings instead of naming it: a dataset, a scenario, a model.

Settings then hold its fingerprint under ``given``, so that neither a configuration nor a folder is ever run, resumed
or loaded with anything else in its place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from astraea.data.catalogue import load_dataset
from astraea.data.dataset import Dataset
from astraea.data.objects import as_dataset, is_data, mend, with_parts
from astraea.data.scenario import Scenario
from astraea.errors import InputError, RunError
from astraea.experiment.fingerprint import dataset_digest, import_path, model_facts, scenario_digest
from astraea.federation.own_models import copied

__all__ = ["Given", "GivenSettings"]


class GivenSettings(BaseModel):
    """Fingerprints of what came from Python, written by a run; whoever repeats it must bring the same."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str | None = Field(None, description="The dataset or scenario that was given in Python; not to be set.")
    model: str | None = Field(None, description="The model that was given in Python; not to be set.")

    def refuse_missing(self, *, data: bool = False, model: bool = False) -> None:
        """Raise :class:`RunError` unless the ``data`` and the ``model`` that these settings ask for are at hand."""
        if self.data is not None and not data:
            key = self.data.split()[0]
            raise RunError(
                f"the run was made with {self.data}, which came from Python and is not in these settings: bring it "
                f"again, as in astraea.run(..., {key}=...)"
            )
        if self.model is not None and not model:
            raise RunError(
                f"the run was made with the model {self.model}, which came from Python and is not in these settings: "
                "bring it again, as in astraea.run(..., model=...)"
            )


@dataclass(frozen=True)
class Given:
    """Objects in the place of what settings name; ``model`` is a module, or a class or function that makes one."""

    dataset: Dataset | None = None
    scenario: Scenario | None = None
    model: nn.Module | Callable[..., nn.Module] | None = None

    @classmethod
    def of(
        cls, dataset: Any, scenario: Any, model: Any, test: Any = None, validation: Any = None
    ) -> tuple[Given, dict[str, Any]]:
        """Divide arguments into objects, and names or tables that go into the settings, by their section.

        ``test`` and ``validation`` are sets of the caller's own, which make an object of a named dataset too. Raises
        :class:`InputError` for what is neither.
        """
        if is_data(dataset):
            dataset = as_dataset(dataset)
        if not (test is None and validation is None):
            if isinstance(scenario, Scenario):
                raise InputError("a scenario brings its test and validation samples: leave test= and validation= out")
            if not isinstance(dataset, Dataset):
                dataset = load_dataset(**({"data": dataset} if dataset is not None else {}))
            dataset = with_parts(dataset, test, validation)
        objects: dict[str, Any] = {}
        sections: dict[str, Any] = {}
        for key, section, value, is_object in (
            ("dataset", "data", dataset, isinstance(dataset, Dataset)),
            ("scenario", "scenario", scenario, isinstance(scenario, Scenario)),
            ("model", "model", model, isinstance(model, nn.Module) or (callable(model) and not _is_settings(model))),
        ):
            if is_object:
                objects[key] = value
            elif key == "dataset" and isinstance(value, str) and _is_path(value):
                raise InputError(
                    f"dataset='{value}' is a path: name what reads it too, such as dataset={{'name': 'table', 'path': "
                    f"'{value}', 'label_column': ...}}, or 'npz' or 'folder'"
                )
            elif isinstance(value, str):
                sections[section] = {"name": value}
            elif isinstance(value, Mapping | BaseModel) or _is_settings(value):
                sections[section] = value
            elif value is not None:
                raise InputError(
                    f"{key}= cannot be of type {type(value).__name__}: "
                    + (mend(value) if key == "dataset" else f"give a name, a table of settings, or a {_WANTED[key]}")
                )
        if "scenario" in objects and ("dataset" in objects or "data" in sections):
            raise InputError("a scenario brings its data along: leave dataset= out, or give the scenario's settings")
        return cls(**objects), sections

    @property
    def validates(self) -> bool:
        """Whether validation samples were brought."""
        found = self.scenario or self.dataset
        return found is not None and found.validation is not None

    @cached_property
    def fingerprints(self) -> GivenSettings:
        """The fingerprints of what was brought; data are read once."""
        data = None
        if self.scenario is not None:
            clients, samples = len(self.scenario.clients), len(self.scenario.train)
            data = f"scenario of {clients} clients and {samples} samples, {scenario_digest(self.scenario)}"
        elif self.dataset is not None:
            samples = len(self.dataset.train)
            data = f"dataset '{self.dataset.name}' of {samples} samples, {dataset_digest(self.dataset)}"
        return GivenSettings(data=data, model=None if self.model is None else _told(self.model))

    def recorded(self, before: GivenSettings, *, finished: bool = False) -> GivenSettings:
        """Return the fingerprints of what was brought, and ``before`` those of an earlier run.

        What was brought then must be there again, unless that run is ``finished`` and nothing will be read. Raises
        :class:`RunError` if something else was brought, or nothing.
        """
        now = self.fingerprints
        if not finished:
            before.refuse_missing(data=now.data is not None, model=now.model is not None)
        for key, was, given in (("data", before.data, now.data), ("model", before.model, now.model)):
            # Of a model that was brought as a class, the folder's fingerprint is the judge.
            if (
                was is not None
                and given is not None
                and was != given
                and (key == "data" or ("," in was and "," in given))
            ):
                raise RunError(f"the run was made with {was}, not {given}: bring that {key}, or choose another folder")
        return GivenSettings(data=now.data or before.data, model=before.model or now.model)

    def factory(self) -> Callable[..., nn.Module] | None:
        """Return what makes the model, a copy of a module each time; ``None`` if none was brought."""
        model = self.model
        if not isinstance(model, nn.Module):
            return model

        def another() -> nn.Module:
            return copied(model)

        another.__qualname__ = type(model).__qualname__
        return another


_WANTED = {
    "dataset": "Dataset, as from_arrays makes it",
    "scenario": "Scenario, as build_scenario makes it",
    "model": "nn.Module, its class, or what makes it",
}


def _is_path(name: str) -> bool:
    """Whether a name is rather that of a file or folder."""
    endings = (".csv", ".tsv", ".parquet", ".npz", ".json", ".xlsx")
    return "/" in name or "\\" in name or Path(name).suffix.lower() in endings


def _is_settings(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)


def _told(model: nn.Module | Callable[..., nn.Module]) -> str:
    """Return a model's import path, and a hash of its form where it is a module."""
    if not isinstance(model, nn.Module):
        return import_path(model)
    facts = model_facts(model)
    form = json.dumps([facts["repr"], facts["tensors"]]).encode()
    return f"{import_path(type(model))}, {hashlib.blake2b(form, digest_size=16).hexdigest()}"
