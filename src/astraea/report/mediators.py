"""Mediators as a picture: what each of their clients holds, and what all of them hold together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from astraea.balance.divergence import kl_to_uniform
from astraea.figures import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["mediators_figure"]


def mediators_figure(histograms: ArrayLike, chains: Sequence[Sequence[int]], class_names: Sequence[str]) -> Figure:
    """Return a panel for each of ``chains``, lists of clients: their shares of the classes, and those of all together.

    ``histograms`` ``(clients, classes)`` are the counts of what each client trains on.
    """
    from matplotlib import colormaps

    counts = np.asarray(histograms, float)
    colours = colormaps["viridis"](np.linspace(0.0, 1.0, counts.shape[1]))
    figure = new_figure(1.2 + 2.4 * len(chains), 1.4 + 0.32 * max(map(len, chains)))
    panels = figure.subplots(1, len(chains), squeeze=False)[0]
    for number, (panel, chain) in enumerate(zip(panels, chains, strict=True)):
        _draw(panel, counts, chain, colours)
        alone = float(np.mean(kl_to_uniform(counts[list(chain)])))
        together = float(kl_to_uniform(counts[list(chain)].sum(axis=0)))
        panel.set_title(f"mediator {number + 1}\nKL {alone:.2f} alone, {together:.2f} together", fontsize=10)
    handles = [panels[0].barh(0, 0, color=colour) for colour in colours]
    figure.legend(handles, class_names, loc="outside lower center", ncols=10, frameon=False, title="class")
    return figure


def _draw(panel: Axes, counts: np.ndarray, chain: Sequence[int], colours: np.ndarray) -> None:
    rows = [*(counts[client] for client in chain), counts[list(chain)].sum(axis=0)]
    shares = np.array([row / row.sum() for row in rows])
    places = np.array([*range(len(chain)), len(chain) + 0.5])  # a gap before what they hold together
    left = np.zeros(len(rows))
    for column, colour in zip(shares.T, colours, strict=True):
        panel.barh(places, column, 0.85, left=left, color=colour)
        left += column
    panel.set_yticks(places, [*(f"client {client}" for client in chain), "together"])
    panel.set(xlim=(0, 1), ylim=(places[-1] + 0.6, -0.6), xticks=[])
    for side in panel.spines.values():
        side.set_visible(False)
    panel.tick_params(length=0)
