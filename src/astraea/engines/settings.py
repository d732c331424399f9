"""Typed settings of the engines; their descriptions are the command line's help."""

from __future__ import annotations

import os
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["EngineSettings", "cores"]


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
