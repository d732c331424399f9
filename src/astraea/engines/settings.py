"""Engines by name: what each is told. Flower's is in ``experiment``, since its room lies above this one."""

from __future__ import annotations

import os
from abc import abstractmethod
from typing import Any

import torch
from pydantic import Field
from torch import nn

from astraea.engines.auto import AutoEngine
from astraea.engines.processes import ProcessesEngine
from astraea.engines.serial import SerialEngine
from astraea.engines.stacked import StackedEngine
from astraea.errors import InputError
from astraea.federation.loop import Engine
from astraea.parts import Part

__all__ = ["Auto", "EngineSettings", "Processes", "Serial", "Stacked", "cores"]

_WIDTH = 64


class EngineSettings(Part, kind="engine", default="serial"):
    """Where the rounds of a run are executed."""

    device: str = Field("cpu", description="A torch device: cpu, cuda, cuda:1, mps; auto: cuda or mps where it is.")
    threads: int = Field(
        1,
        ge=1,
        description="Threads of one training step. With 1, a run gives the same bytes on any number of cores.",
    )
    bfloat16: bool = Field(
        False,
        description="Compute in bfloat16 where that is safe (autocast); weights stay as they are. Faster for large "
        "models on processors with AMX and on GPUs, slower for small ones; not with flower.",
    )
    visit_deadline: float | None = Field(
        None,
        gt=0,
        description="Seconds of wall time after which a visit is skipped; the one setting by which two runs of "
        "one seed may differ.",
    )

    @abstractmethod
    def make(self, module: nn.Module) -> Engine:
        """Return the engine for the model ``module``, which lies on ``device``.

        Raises :class:`InputError` if the engine cannot use the device.
        """

    @classmethod
    def renewed_table(cls, table: dict[str, Any]) -> dict[str, Any]:
        """Leave out a width that says nothing: in earlier versions every engine had one."""
        found = cls.registered().get(table["name"]) if isinstance(table["name"], str) else None
        if table.get("width") == _WIDTH and found is not None and "width" not in found.model_fields:
            return {key: value for key, value in table.items() if key != "width"}
        return table


class Serial(EngineSettings, name="serial"):
    """One chain after another, in this process."""

    def make(self, module: nn.Module) -> Engine:
        """Return the reference engine."""
        return SerialEngine(module, threads=self.threads, bfloat16=self.bfloat16, visit_deadline=self.visit_deadline)


class Processes(EngineSettings, name="processes"):
    """Chains on several processes at once, to the same bytes."""

    workers: int | None = Field(None, ge=1, description="Number of worker processes; by default one for each core.")

    def make(self, module: nn.Module) -> Engine:
        """Return the engine; raises :class:`InputError` for a device that is no processor."""
        if torch.device(self.device).type != "cpu":
            raise InputError(
                f"engine.name = 'processes' trains on processor cores, not on '{self.device}': "
                "set engine.device = 'cpu', or engine.name = 'serial'"
            )
        return ProcessesEngine(
            module,
            workers=self.workers or cores(),
            threads=self.threads,
            bfloat16=self.bfloat16,
            visit_deadline=self.visit_deadline,
        )


class Stacked(EngineSettings, name="stacked"):
    """All chains as one batched model, for GPUs."""

    width: int = Field(_WIDTH, ge=1, description="Most chains in one batch; memory grows with it.")

    def make(self, module: nn.Module) -> Engine:
        """Return the engine."""
        return StackedEngine(
            module,
            width=self.width,
            bfloat16=self.bfloat16,
            threads=self.threads,
            visit_deadline=self.visit_deadline,
        )


class Auto(EngineSettings, name="auto"):
    """Chosen at the first round, with the reason in the log."""

    workers: int | None = Field(None, ge=1, description="Number of worker processes; by default one for each core.")
    width: int = Field(_WIDTH, ge=1, description="Most chains in one batch; memory grows with it.")

    def make(self, module: nn.Module) -> Engine:
        """Return what makes the engine when it has seen a round."""

        def build(name: str) -> Engine:
            fields = EngineSettings.find(name).model_fields
            return EngineSettings.of(name, **{key: value for key, value in self if key in fields}).make(module)

        return AutoEngine(module, build, workers=self.workers or cores(), threads=self.threads)


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
