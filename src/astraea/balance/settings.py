"""Typed settings of balance; their descriptions are the command line's help and the reference page."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from astraea.balance.rebalancing import AutoRebalancing, NoRebalancing, RebalancingRule
from astraea.parts import Settings
from astraea.parts.base import Moved

__all__ = ["BalanceSettings", "TransformSettings"]

_DEFENDED, _TRUSTED = 10.0, 100.0
"""Medians that a client counts for at most: docs/results/hostile.md says what each holds and costs."""


class TransformSettings(Settings):
    """How a copy differs from its original; each amount is drawn anew for each copy, evenly unless said.

    Images are rotated, shifted, sheared and zoomed, as in the papers, which state no ranges: these are mild.
    Sequences are shifted in time, scaled and jittered, vectors jittered.
    """

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

    def times(self, strength: float) -> TransformSettings:
        """Return the settings with every amount ``strength`` times as large, as far as its range goes."""
        most = {"rotation": 180.0, "shear": 60.0, "zoom": 0.9}
        most |= dict.fromkeys(("shift", "time_shift", "scaling", "jitter"), 1.0)
        return self.model_copy(update={key: min(top, strength * getattr(self, key)) for key, top in most.items()})


class BalanceSettings(Settings):
    """Rebalancing of rare classes, before training."""

    moved: ClassVar = {"alpha": Moved("rebalancing", "alpha", 0.67), "tau_down": Moved("rebalancing", "tau_down", 3.0)}

    rebalancing: RebalancingRule = Field(
        default_factory=AutoRebalancing, description="Which classes are augmented or thinned out."
    )
    storage: Literal["offline", "on-the-fly"] = Field(
        "on-the-fly",
        description="on-the-fly: only originals are stored, and copies are made anew in each epoch; offline: as many "
        "copies are made once and stored, as in the papers.",
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
    most_samples: float | None = Field(
        None,
        ge=1,
        description="As many times the median client's samples a client counts at most, in the counts of all, the "
        "class prior and the average: what clients say of themselves is not verified (inf: no bound). Unset: 10 "
        "with a server.defence, else 100.",
    )
    most_copies: float = Field(
        1000.0, ge=0, description="Most copies of a sample that a client is asked to make (inf: no bound)."
    )

    def decided(self, rebalancing: RebalancingRule, *, defended: bool) -> BalanceSettings:
        """Return the settings with the rule ``rebalancing`` where it is left open, and the bound on clients.

        Who sets a defence does not trust clients, so that what they claim is bounded more tightly where ``defended``.
        """
        update: dict[str, object] = {}
        if isinstance(self.rebalancing, AutoRebalancing):
            update["rebalancing"] = rebalancing
        if self.most_samples is None:
            update["most_samples"] = _DEFENDED if defended else _TRUSTED
        return self.model_copy(update=update)

    @property
    def bound(self) -> float:
        """The value of ``most_samples``, which must be decided."""
        if self.most_samples is None:
            raise ValueError("most_samples is left open")
        return self.most_samples

    @property
    def changes_samples(self) -> bool:
        """Whether clients train on anything but their samples as they are; ``rebalancing`` must be decided."""
        return not isinstance(self.rebalancing, NoRebalancing) or self.transformed == "all"
