"""Engines by name: from settings to what executes plans, in this process or beyond it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from astraea.engines.auto import AutoEngine
from astraea.engines.processes import ProcessesEngine
from astraea.engines.serial import SerialEngine
from astraea.engines.settings import EngineSettings, cores
from astraea.engines.stacked import StackedEngine
from astraea.errors import InputError
from astraea.federation.loop import Engine

__all__ = ["ENGINES", "make_engine"]


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
    try:  # an extra, which takes a second to import: only when it is asked for
        from astraea.flower.simulation import FlowerEngine
    except ModuleNotFoundError as error:
        raise InputError(
            f"engine.name = 'flower' needs {error.name}, which is not installed: pip install 'astraea[flower]'"
        ) from error
    return FlowerEngine(
        module,
        workers=settings.workers or cores(),
        device=settings.device,
        threads=settings.threads,
        visit_deadline=settings.visit_deadline,
    )


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
