"""Typed settings of the server side; their descriptions are the command line's help."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ServerSettings"]


class ServerSettings(BaseModel):
    """What the server makes of a round's models: any of this goes with any algorithm."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    aggregation: Literal["samples", "fednova"] = Field(
        "samples",
        description="How a round's models are averaged: samples (each chain weighs as many samples as it trained on) "
        "or fednova (the same, after each chain's change is divided by its number of steps).",
    )
    optimizer: Literal["none", "momentum", "adam"] = Field(
        "none",
        description="How the average becomes the next model: none (it is the next model), momentum (FedAvgM) or adam "
        "(FedAdam).",
    )
    lr: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Server learning rate, the factor of a round's change. Unset: 1; with adam 0.01.",
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum, adam: share of the last rounds' change (beta 1).")
    second_momentum: float = Field(0.99, ge=0, lt=1, description="adam: share of the last rounds' squares (beta 2).")
    adaptivity: float = Field(
        1e-3, gt=0, allow_inf_nan=False, description="adam: added to the root of the squares (tau); less adapts more."
    )
    average: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Weight averaging: the model in use is the mean over rounds, in which a round's weight shrinks by "
        "this factor with each later round (0: off; 0.9: about the last ten).",
    )
    realign: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Norm to which each class's row of the final layer is brought in the model in use (FedLoGe: 1.7). "
        "Unset: off.",
    )
