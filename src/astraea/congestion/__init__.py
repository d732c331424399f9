"""Flows that compete: simulator, controllers and the multi-agent environment."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Connection": "connection.record",
    "Controller": "controllers.controller",
    "Events": "controllers.controller",
    "CongestionEnv": "environment.parallel",
    "FlowSettings": "simulator.settings",
    "LinkSettings": "simulator.settings",
    "ObservationSettings": "observation.features",
    "RewardSettings": "reward",
    "VectorEnvironment": "environment.vector",
    "Policy": "policy.policy",
    "WorldRanges": "environment.worlds",
    "WorldSettings": "simulator.settings",
    "Score": "metrics.score",
    "ScoreSettings": "metrics.score",
    "check_controller": "contract",
    "dumbbell": "simulator.topology",
    "inlined": "compiled",
    "load_policy": "policy.policy",
    "parallel_env": "environment.parallel",
    "Result": "simulator.results",
    "score": "metrics.score",
    "simulate": "play",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: the compiler takes a second to load."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
