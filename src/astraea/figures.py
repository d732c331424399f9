"""The one style of all pictures: what tells arms apart, what axes look like, and how a picture becomes a file.

Colours are those of Okabe and Ito, which people with any usual colour vision tell apart; after seven arms, lines are
dashed and bars hatched.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from astraea.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "PART_COLOURS",
    "Style",
    "arm_style",
    "arm_title",
    "new_figure",
    "plain_axes",
    "plain_log_ticks",
    "write_figure",
]

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#5F6B7A"

PART_COLOURS = {"download": BLUE, "training": "#E6C9A8", "upload": GREEN, "held back": "#C8CED6"}
"""What the time of a round is spent on, in timelines."""

_COLOURS = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_LINES = (("-", ""), ("--", "///"), (":", "..."), ("-.", "xxx"))


class Style(NamedTuple):
    """What tells one arm from the others in every picture."""

    colour: str
    line: str
    hatch: str

    @property
    def of_line(self) -> dict[str, Any]:
        """Arguments of ``plot`` and ``step``."""
        return {"color": self.colour, "linestyle": self.line}

    @property
    def of_bar(self) -> dict[str, Any]:
        """Arguments of ``bar``."""
        return {"color": self.colour, "hatch": self.hatch, "edgecolor": "white", "linewidth": 0}


def arm_style(number: int) -> Style:
    """Return the style of the arm in place ``number``, from 0; 28 of them differ."""
    return Style(_COLOURS[number % len(_COLOURS)], *_LINES[number // len(_COLOURS) % len(_LINES)])


_TITLES = {
    "astraea": "Astraea",
    "bbr": "BBR",
    "bbr3": "BBRv3",
    "cubic": "CUBIC",
    "cyclic": "CyclicFL",
    "etf": "ETF",
    "fedadam": "FedAdam",
    "fedavg": "FedAvg",
    "fedavgm": "FedAvgM",
    "fedlc": "FedLC",
    "fednova": "FedNova",
    "fedprox": "FedProx",
    "fedrs": "FedRS",
    "newreno": "NewReno",
    "pooled": "one machine",
    "scaffold": "SCAFFOLD",
}


def arm_title(name: str) -> str:
    """Return what readers call an arm: ``astraea-E5+on-the-fly`` is Astraea E=5, on the fly."""
    told = []
    for part in name.split("+"):
        first, *others = re.sub(r"-E(\d+)$", r"-E=\1", part.replace("_", " ")).split("-")
        told.append(" ".join([_TITLES.get(first, first), *others]))
    return ", ".join(told)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty picture of so many inches, whose parts find their places themselves."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def plain_axes(axes: Axes, grid: Literal["both", "x", "y"] | None = "both") -> None:
    """Leave off the upper and right edge of ``axes``, and draw a faint grid unless it is None."""
    axes.spines[["top", "right"]].set_visible(False)
    if grid is not None:
        axes.grid(alpha=0.3, axis=grid)


def plain_log_ticks(axes: Axes) -> None:
    """Label a logarithmic x axis with plain numbers, few enough to be read."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3) if high > 30 * low else (1, 1.5, 2, 3, 5, 7)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def write_figure(path: Path, figure: Figure, dpi: int = 120) -> None:
    """Write ``figure`` to ``path``, in the format of its suffix: png, svg or pdf.

    Raises :class:`astraea.errors.RunError` if it cannot be written.
    """
    with replacing(path) as partial:
        figure.savefig(partial, dpi=dpi, format=path.suffix.removeprefix("."))
