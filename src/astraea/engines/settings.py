"""Engines by name."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from astraea.engines.auto import AutoEngine
from astraea.engines.processes import ProcessesEngine
from astraea.engines.serial import SerialEngine
from astraea.engines.stacked import StackedEngine
from astraea.errors import InputError
from astraea.federation.loop import Engine

__all__ = ["ENGINES", "EngineSettings", "cores", "make_engine"]


class EngineSettings(BaseModel):
    """Where the rounds of a run are executed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Literal["serial", "processes", "stacked", "flower", "auto"] = Field(
        "serial",
        description="serial: one chain after another, in this process; processes: chains on several processes at "
        "once, to the same bytes; stacked: all chains as one batched model, for GPUs; flower: chains on Flower's "
        "simulation, to the same bytes (extra astraea[flower]); auto: chosen at the first round, with the reason in "
        "the log.",
    )
    device: str = Field("cpu", description="A torch device: cpu, cuda, cuda:1, mps.")
    threads: int = Field(
        1,
        ge=1,
        description="Threads of one training step. With 1, a run gives the same bytes on any number of cores.",
    )
    workers: int | None = Field(
        None, ge=1, description="processes, flower: number of worker processes; by default one for each core."
    )
    width: int = Field(64, ge=1, description="stacked: most chains in one batch; memory grows with it.")
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


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def make_engine(settings: EngineSettings, module: nn.Module) -> Engine:
    """Return the engine that ``settings`` name, for the model ``module``.

    Raises :class:`InputError` if this machine lacks the device, or the engine cannot use it.
    """
    try:
        torch.empty(0, device=settings.device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"engine.device '{settings.device}' is not to be had here ({reason}): use 'cpu'") from error
    return ENGINES[settings.name](settings, module.to(settings.device))


def _serial(settings: EngineSettings, module: nn.Module) -> Engine:
    return SerialEngine(
        module, threads=settings.threads, bfloat16=settings.bfloat16, visit_deadline=settings.visit_deadline
    )


def _processes(settings: EngineSettings, module: nn.Module) -> Engine:
    if torch.device(settings.device).type != "cpu":
        raise InputError(
            f"engine.name = 'processes' trains on processor cores, not on '{settings.device}': "
            "set engine.device = 'cpu', or engine.name = 'serial'"
        )
    return ProcessesEngine(
        module,
        workers=settings.workers or cores(),
        threads=settings.threads,
        bfloat16=settings.bfloat16,
        visit_deadline=settings.visit_deadline,
    )


def _stacked(settings: EngineSettings, module: nn.Module) -> Engine:
    return StackedEngine(
        module,
        width=settings.width,
        bfloat16=settings.bfloat16,
        threads=settings.threads,
        visit_deadline=settings.visit_deadline,
    )


def _flower(settings: EngineSettings, module: nn.Module) -> Engine:
    if settings.bfloat16:
        raise InputError("engine.bfloat16 is not to be had with engine.name = 'flower': unset it, or use 'processes'")
    # Flower is an extra, and its room lies above this one: it is looked up when it is asked for.
    try:
        simulation = importlib.import_module("astraea.flower.simulation")
    except ModuleNotFoundError as error:
        raise InputError(
            f"engine.name = 'flower' needs {error.name}, which is not installed: pip install 'astraea[flower]'"
        ) from error
    engine: Engine = simulation.FlowerEngine(
        module,
        workers=settings.workers or cores(),
        device=settings.device,
        threads=settings.threads,
        visit_deadline=settings.visit_deadline,
    )
    return engine


def _auto(settings: EngineSettings, module: nn.Module) -> Engine:
    return AutoEngine(
        module,
        lambda name: ENGINES[name](settings, module),
        workers=settings.workers or cores(),
        threads=settings.threads,
    )


ENGINES: dict[str, Callable[[EngineSettings, nn.Module], Engine]] = {
    "serial": _serial,
    "processes": _processes,
    "stacked": _stacked,
    "auto": _auto,
    "flower": _flower,
}
