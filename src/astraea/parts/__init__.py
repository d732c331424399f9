"""Parts: a part is its settings, and what they do. Every kind of part works as this file says.

A *kind* is the class that its parts derive from; a *part* is a class with a name, and that is its registration::

    class LabelDistribution(Part, kind="label distribution", default="as-is"):
        def weights(self, names, pool): ...

    class Zipf(LabelDistribution, name="zipf"):
        \"""The class of rank r has weight r^-s.\"""

        exponent: float = Field(2.0, ge=0, description="Exponent s.")

        def weights(self, names, pool): ...

A field ``labels: LabelDistribution`` of any settings then takes ``"zipf"``, ``{"name": "zipf", "exponent": 1.5}``,
``Zipf`` and ``Zipf(exponent=1.5)``, and the same by import path (``"mypackage.mine:Zipf"``) where the configuration
is trusted. Modules that installed packages name in the entry points ``astraea.parts`` are imported when a name is
looked up that is not known yet.
"""

from __future__ import annotations

from astraea.parts.base import Part, Settings

__all__ = ["Part", "Settings"]
