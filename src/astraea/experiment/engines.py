"""Engines as an experiment has them: those of this machine, and Flower's simulation."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import nn

from astraea.engines.devices import ElsewhereEngine, check_precision, chosen_here, server_device
from astraea.engines.settings import EngineSettings, Serial, cores
from astraea.errors import InputError
from astraea.federation.loop import Engine

__all__ = ["EngineSettings", "Flower", "Serial", "make_engine"]


class Flower(EngineSettings, name="flower"):
    """Chains on Flower's simulation, to the same bytes; needs astraea[flower]."""

    workers: int | None = Field(None, ge=1, description="Number of worker processes; by default one for each core.")

    def make(self, module: nn.Module) -> Engine:
        """Return the engine; raises :class:`InputError` if Flower is not installed."""
        if self.bfloat16:
            raise InputError(
                "engine.bfloat16 is not to be had with engine.name = 'flower': unset it, or use 'processes'"
            )
        try:
            from astraea.flower.simulation import FlowerEngine
        except ModuleNotFoundError as error:
            raise InputError(
                f"engine.name = 'flower' needs {error.name}, which is not installed: "
                "pip install 'flwr[simulation]>=1.22'"
            ) from error
        return FlowerEngine(
            module,
            workers=self.workers or cores(),
            device=self.device,
            threads=self.threads,
            visit_deadline=self.visit_deadline,
        )


def make_engine(settings: EngineSettings, module: nn.Module) -> Engine:
    """Return the engine that ``settings`` name, for the model ``module``.

    Raises :class:`InputError` if this machine lacks the device, or the engine cannot use it.
    """
    settings = settings.model_copy(update={"device": chosen_here(settings.device)})
    try:
        torch.empty(0, device=settings.device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].split(". ")[0]  # backends go on with a list of all others
        raise InputError(f"engine.device '{settings.device}' is not to be had here ({reason}): use 'cpu'") from error
    check_precision(module, settings.device)
    engine, at_server = settings.make(module.to(settings.device)), server_device(settings.device)
    return engine if at_server == settings.device else ElsewhereEngine(engine, at_server)
