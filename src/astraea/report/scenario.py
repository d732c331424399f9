"""Who holds what, shown before any training: a scenario as text, as picture and as numbers for a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from astraea.balance.divergence import kl_to_uniform
from astraea.data.columns import Column
from astraea.data.scenario import Scenario
from astraea.figures import BLUE, GREY, ORANGE, new_figure, plain_axes
from astraea.tables import Table, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["columns_table", "scenario_figure", "scenario_summary", "scenario_text"]

_EXAMPLE = 24  # so many letters of an example
_FEW = 20  # so many clients are all shown, and so many long class names
_SAMPLED = 12
_NUMBER_COLUMNS = 10  # so many classes are shown as numbers, more as a profile
_PROFILE_WIDTH = 50
_LEVELS = "▁▂▃▄▅▆▇█"

_BELOW_LEGEND = 0.76  # part of a histogram's height that is left to bars and lines


def scenario_summary(scenario: Scenario) -> dict[str, Any]:
    """Return the scenario as plain numbers and strings, ready for JSON.

    KL divergences are to the uniform distribution, in nats. ``imbalance_ratio`` is the count of the commonest
    class over that of the rarest, None if a class has no sample.
    """
    counts, histograms = scenario.global_counts, scenario.histograms
    sizes, kl = np.array([len(rows) for rows in scenario.clients]), kl_to_uniform(histograms)
    classes = len(scenario.class_names)
    return {
        "scenario": scenario.name,
        "dataset": scenario.dataset,
        "data": str(scenario.train.form),
        "classes": list(scenario.class_names),
        "samples": len(scenario.train),
        "global_counts": counts.tolist(),
        "global_kl": float(kl_to_uniform(counts)),
        "imbalance_ratio": float(counts.max() / counts.min()) if counts.min() else None,
        "client_sizes": _spread(sizes),
        "client_classes": _spread((histograms > 0).sum(axis=1)),
        "client_kl": _spread(kl),
        "test_counts": scenario.test.counts(classes).tolist(),
        "validation_counts": scenario.validation.counts(classes).tolist() if scenario.validation else None,
        "clients": [
            {"name": name, "samples": int(size), "kl": float(divergence), "counts": row.tolist()}
            for name, size, divergence, row in zip(scenario.client_names, sizes, kl, histograms, strict=True)
        ],
        "notes": list(scenario.notes),
    }


def scenario_text(scenario: Scenario) -> RenderableType:
    """Return the scenario for a terminal: client × class, how clients spread, and what was changed.

    Up to 20 clients are all shown, more as 12 from the largest to the smallest; up to 10 classes as numbers,
    more as a profile with a block for each class, or for the mean of a few neighbouring ones beyond 50, full
    height being the client's commonest.
    """
    summary = scenario_summary(scenario)
    ratio = summary["imbalance_ratio"]
    head = Text.assemble(
        (scenario.name, "bold"),
        f" on {scenario.dataset}\nUnderstood as {scenario.train.form}.\n",
        f"{len(scenario.clients):,} clients, {len(scenario.class_names)} classes; ",
        f"{summary['samples']:,} training samples, {len(scenario.test):,} for test",
        f", {len(scenario.validation):,} for validation" if scenario.validation else "",
        f"\nTogether: KL to uniform {summary['global_kl']:.3f} "
        f"(of one class alone {np.log(len(scenario.class_names)):.3f}), imbalance ",
        f"{ratio:,.1f} to 1" if ratio else "unbounded: a class has no sample",
    )
    notes = [Text(f"Note: {note}", style="yellow") for note in scenario.notes]
    return Group(head, Text(), *_matrix(scenario), Text(), *_spreads(summary), *notes)


def columns_table(columns: Sequence[Column]) -> Table:
    """Return what the columns of a table were taken for, a line each, with what copies of rare classes get."""
    rows = [
        (
            column.name,
            column.kind,
            f"{column.distinct:,}",
            f"{column.empty or 0:,}",
            column.example if len(column.example) <= _EXAMPLE else column.example[: _EXAMPLE - 1] + "…",
            "unchanged" if column.steady[0] else "jittered",
        )
        for column in columns
    ]
    return Table(("column", "taken for", "distinct", "empty", "example", "in copies"), rows, labels=2)


def scenario_figure(scenario: Scenario) -> Figure:
    """Return the scenario as a picture, 11 × 7 inches.

    Left: samples of each class over a heat map of every client's class shares. Right: histograms of the
    clients' sizes and of their KL divergences to uniform.
    """
    histograms = scenario.histograms
    figure = new_figure(11, 7)
    grid = figure.add_gridspec(2, 2, width_ratios=(1.9, 1), height_ratios=(1, 1.6))
    heat = figure.add_subplot(grid[1, 0])
    bars = figure.add_subplot(grid[0, 0], sharex=heat)
    _draw_counts(bars, scenario)
    _draw_heat_map(heat, scenario)
    _draw_sizes(figure.add_subplot(grid[0, 1]), np.array([len(rows) for rows in scenario.clients]))
    _draw_divergences(
        figure.add_subplot(grid[1, 1]),
        kl_to_uniform(histograms),
        float(kl_to_uniform(histograms.sum(axis=0))),
    )
    figure.suptitle(
        f"{scenario.name}\n{scenario.dataset}: {len(scenario.train):,} samples, "
        f"{len(scenario.clients):,} clients, {len(scenario.class_names)} classes",
        fontsize=12,
    )
    return figure


def _spread(values: NDArray[np.float64] | NDArray[np.int64]) -> dict[str, float]:
    percentile = dict(zip(("min", "p10", "median", "p90", "max"), (0, 10, 50, 90, 100), strict=True))
    spread = {name: float(np.percentile(values, percent)) for name, percent in percentile.items()}
    return {**spread, "mean": float(values.mean())}


def _spreads(summary: dict[str, Any]) -> tuple[Text, RichTable]:
    """How clients spread: a heading and a table."""
    rows = [
        [name, *(number(value, digits) for value in summary[key].values())]
        for name, key, digits in (
            ("samples", "client_sizes", 0),
            ("classes held", "client_classes", 0),
            ("KL to uniform", "client_kl", 3),
        )
    ]
    table = Table(["", "min", "p10", "median", "p90", "max", "mean"], rows)
    return Text("How clients spread", style="bold"), table.rich()


def _by_size(scenario: Scenario) -> NDArray[np.int64]:
    """Clients from the largest to the smallest."""
    return np.argsort([-len(rows) for rows in scenario.clients], kind="stable")


def _matrix(scenario: Scenario) -> tuple[Text, RichTable]:
    """Client × class: a heading and a table."""
    histograms = scenario.histograms
    shown, title = np.arange(len(histograms)), "Client × class"
    if len(histograms) > _FEW:
        places = np.linspace(0, len(histograms) - 1, _SAMPLED).round().astype(np.int64)
        shown = _by_size(scenario)[places]
        title += f" ({_SAMPLED} of {len(histograms):,} clients, from the largest to the smallest)"
    names = scenario.class_names
    numbers = len(names) <= _NUMBER_COLUMNS
    titles = [_short(name, 5) for name in names] if numbers else [f"{_short(names[0], 20)} … {_short(names[-1], 20)}"]
    rows, everyone = [], (len(scenario.train), scenario.global_counts)
    held = [(scenario.client_names[k], len(scenario.clients[k]), histograms[k]) for k in shown]
    for name, size, counts in [*held, ("all", *everyone)]:
        cells = [str(n) if n else "·" for n in counts] if numbers else [_profile(counts)]
        rows.append([_short(name, 12), str(size), number(float(kl_to_uniform(counts)), 3), *cells])
    table = Table(["client", "samples", "KL", *titles], rows).rich(dense=True)
    if not numbers:
        table.columns[-1].justify = "left"
    table.rows[-1].style, table.rows[-2].end_section = "bold", True
    return Text(title, style="bold"), table


def _short(name: str, width: int) -> str:
    return name if len(name) <= width else f"{name[: width - 1]}…"


def _profile(counts: NDArray[np.int64]) -> str:
    """A character for each class, or the mean of a few: its share of the commonest, blank for 0."""
    step = -(-len(counts) // _PROFILE_WIDTH)
    heights = np.array([counts[first : first + step].mean() for first in range(0, len(counts), step)])
    levels = np.ceil(heights / heights.max() * len(_LEVELS)).astype(np.int64)
    return "".join(_LEVELS[level - 1] if level else " " for level in levels)


def _draw_counts(axes: Axes, scenario: Scenario) -> None:
    axes.bar(np.arange(len(scenario.class_names)), scenario.global_counts, color=BLUE, width=0.85)
    axes.set_ylabel("samples")
    axes.set_title("All clients together", loc="left", fontsize=11)
    axes.tick_params(axis="x", labelbottom=False)
    _finish(axes)


def _draw_heat_map(axes: Axes, scenario: Scenario) -> None:
    order = _by_size(scenario)
    share = scenario.histograms[order] / scenario.histograms[order].sum(axis=1, keepdims=True)
    # The smallest clients have shares near 1 by chance: they may saturate, so that the rest shows.
    most = float(np.quantile(share[share > 0], 0.98))
    image = axes.imshow(share, aspect="auto", interpolation="nearest", cmap="Blues", vmin=0, vmax=most)
    if len(order) <= _FEW:
        axes.set_yticks(range(len(order)), [_short(scenario.client_names[k], 12) for k in order])
    _label_classes(axes, scenario.class_names)
    axes.set_ylabel("clients, largest first")
    axes.set_title("Share of each class in a client's samples", loc="left", fontsize=11)
    bar = axes.figure.colorbar(
        image, ax=axes, extend="max" if share.max() > most else "neither", pad=0.01, fraction=0.04
    )
    bar.outline.set_visible(False)
    bar.ax.yaxis.set_major_formatter("{x:.0%}")


def _label_classes(axes: Axes, names: tuple[str, ...]) -> None:
    """Name every class where there is room, else number them or leave some out."""
    characters = max(map(len, names)) <= 2
    if characters or len(names) > _FEW:
        shown = range(0, len(names), -(-len(names) // 50))
        axes.set_xticks(shown, [names[c] if characters else str(c) for c in shown])
        axes.set_xlabel("class" if characters else "label of the class")
    else:
        axes.set_xticks(range(len(names)), [_short(name, 12) for name in names], rotation=60, ha="right")
    axes.tick_params(axis="x", labelsize=8)


def _draw_sizes(axes: Axes, sizes: NDArray[np.int64]) -> None:
    wide = sizes.max() > 10 * sizes.min()
    edges = np.geomspace(sizes.min(), sizes.max(), 26) if wide else np.linspace(0, 1.04 * sizes.max(), 27)
    axes.hist(sizes, bins=edges.tolist(), color=BLUE)
    axes.set_xscale("log" if wide else "linear")
    axes.axvline(float(sizes.mean()), ymax=_BELOW_LEGEND, color=ORANGE, label=f"mean {sizes.mean():,.0f}")
    axes.set_title("Client sizes", loc="left", fontsize=11)
    axes.set_xlabel("samples of a client")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    _finish_histogram(axes)


def _draw_divergences(axes: Axes, clients: NDArray[np.float64], together: float) -> None:
    axes.hist(clients, bins=np.linspace(0, max(1.04 * clients.max(), 0.01), 27).tolist(), color=BLUE)
    axes.axvline(float(clients.mean()), ymax=_BELOW_LEGEND, color=ORANGE, label=f"mean {clients.mean():.3f}")
    axes.axvline(together, ymax=_BELOW_LEGEND, color=GREY, linestyle="--", label=f"all together {together:.3f}")
    axes.set_title("Divergence from balance", loc="left", fontsize=11)
    axes.set_xlabel("KL to uniform of a client (nats)")
    _finish_histogram(axes)


def _finish_histogram(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_ylabel("clients")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(top=axes.get_ylim()[1] / _BELOW_LEGEND)
    axes.legend(frameon=False, loc="upper right")
    _finish(axes)


def _finish(axes: Axes) -> None:
    plain_axes(axes, grid=None)
    axes.margins(x=0.01)
