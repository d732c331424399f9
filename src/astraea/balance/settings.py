"""Typed settings of balance; their descriptions are the command line's help and the reference page."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from astraea.balance.rebalancing import REBALANCING_RULES
from astraea.errors import unknown_name

__all__ = ["BalanceSettings", "TransformSettings"]


class TransformSettings(BaseModel):
    """How a copy differs from its original; each amount is drawn anew for each copy, evenly unless said.

    Images are rotated, shifted, sheared and zoomed, as in the papers, which state no ranges: these are mild.
    Sequences are shifted in time, scaled and jittered, vectors jittered.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rotation: float = Field(15.0, ge=0, le=180, description="Images: most degrees of rotation, either way.")
    shift: float = Field(
        0.1, ge=0, le=1, description="Images: most shift, either way, as a share of height and of width."
    )
    shear: float = Field(10.0, ge=0, le=60, description="Images: most degrees of horizontal shear, either way.")
    zoom: float = Field(
        0.1, ge=0, lt=1, description="Images: height and width are each scaled by 1 - zoom to 1 + zoom."
    )
    horizontal_flip: bool = Field(
        False, description="Images: mirror every second copy at random; not for digits and letters."
    )
    fill: Literal["border", "zeros", "reflection"] = Field(
        "border",
        description="Images: what comes in from outside: the nearest pixel (right for any background), "
        "zeros (for a background of 0), or the mirrored image.",
    )
    time_shift: float = Field(
        0.1, ge=0, le=1, description="Sequences: most shift in time, either way, as a share of their length."
    )
    scaling: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Sequences: standard deviation of each channel's factor around 1 (normal).",
    )
    jitter: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Sequences and vectors: standard deviation of the noise added (normal), relative to that "
        "of the channel or feature.",
    )


class BalanceSettings(BaseModel):
    """Rebalancing of rare classes, before training."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rebalancing: str = Field(
        "auto",
        description="Rule: auto (mean-power for Astraea, none for other algorithms), none, mean-power "
        "(ICCD 2019) or z-score (TPDS 2021).",
    )
    alpha: float = Field(
        0.67,
        ge=0,
        allow_inf_nan=False,
        description="mean-power: a class below the mean gets floor((mean / count) ** alpha) copies of each "
        "sample; recommended 0 to 1.",
    )
    tau_down: float = Field(
        3.0,
        gt=0,
        allow_inf_nan=False,
        description="z-score: classes are thinned out above this z-score and augmented below -1 / tau_down; "
        "recommended 3.0 to 3.5.",
    )
    storage: Literal["offline", "on-the-fly"] = Field(
        "offline",
        description="offline: copies are made once and stored, as in the papers; on-the-fly: only originals "
        "are stored, and as many copies are made anew in each epoch.",
    )
    transformed: Literal["copies", "all"] = Field(
        "copies",
        description="What transforms are applied to: copies only, as in the papers; or all: every sample anew in each "
        "epoch, which stores no copies either, whatever storage says.",
    )
    sampling: Literal["all", "class-balanced"] = Field(
        "all",
        description="What a client trains on in an epoch: all of its samples, or class-balanced: as many, but each of "
        "its classes equally often; further uses of a sample are transformed like copies.",
    )
    transforms: TransformSettings = Field(
        default_factory=TransformSettings, description="How a copy differs from its original."
    )

    def decided(self, rebalancing: str) -> BalanceSettings:
        """Return the settings with the rule ``rebalancing`` where it is left open."""
        return self.model_copy(update={"rebalancing": rebalancing}) if self.rebalancing == "auto" else self

    @property
    def changes_samples(self) -> bool:
        """Whether clients train on anything but their samples as they are; ``rebalancing`` must be decided."""
        return self.rebalancing != "none" or self.transformed == "all"

    @field_validator("rebalancing")
    @classmethod
    def _known(cls, rule: str) -> str:
        known = ["auto", *REBALANCING_RULES]
        if rule not in known:
            raise unknown_name("rebalancing rule", rule, known)
        return rule
