"""Engines by name."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from astraea.engines.serial import SerialEngine
from astraea.errors import InputError
from astraea.federation.loop import Engine

__all__ = ["EngineSettings", "make_engine"]


class EngineSettings(BaseModel):
    """Where the rounds of a run are executed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Literal["serial"] = Field("serial", description="serial: one chain after another, in this process.")
    device: str = Field("cpu", description="A torch device: cpu, cuda, cuda:1, mps.")
    threads: int = Field(
        1,
        ge=1,
        description="Threads of one training step. With 1, a run gives the same bytes on any number of cores.",
    )
    visit_deadline: float | None = Field(
        None,
        gt=0,
        description="Seconds of wall time after which a visit is skipped; the one setting by which two runs of "
        "one seed may differ.",
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Chance that an invited client does not answer in a round (simulated)."
    )


def make_engine(settings: EngineSettings, module: nn.Module) -> Engine:
    """Return the engine that ``settings`` name, for the model ``module``.

    Raises :class:`InputError` if this machine lacks the device.
    """
    try:
        torch.empty(0, device=settings.device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"engine.device '{settings.device}' is not to be had here ({reason}): use 'cpu'") from error
    return SerialEngine(module.to(settings.device), threads=settings.threads, visit_deadline=settings.visit_deadline)
