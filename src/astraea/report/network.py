"""A network shown before any training: its sites and links, and what rounds cost there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from rich.console import Group, RenderableType

from astraea.errors import InputError
from astraea.figures import BLUE, GREY, ORANGE, PART_COLOURS, new_figure, plain_axes
from astraea.network.capacities import course_of
from astraea.network.demand import oversubscription
from astraea.network.layout import Layout, lay_out
from astraea.network.settings import Ends, Network, Site
from astraea.network.timeline import timeline
from astraea.network.timing import RoundTime
from astraea.tables import Table, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["network_figure", "network_summary", "network_text", "round_figure"]

_GREEN, _LIGHT = "#009E73", "#C8CED6"
_ALONG = 0.45  # of a link comes its label: where links meet, labels would
_ROWS = 60  # so many chains are drawn, those that end last


def network_summary(network: Network, clients: int | None, costs: Mapping[str, RoundTime]) -> dict[str, Any]:
    """Return the network as plain numbers, ready for JSON; ω is with so many ``clients`` at once.

    By default they are those that sites name, or 100 where a site takes every other one. Raises :class:`InputError` for
    more than there are.
    """
    layout = _laid_out(network, clients)
    return {
        "network": network.name,
        "summary": network.summary,
        "sources": list(network.sources),
        "placement": network.placement,
        "clients": len(layout.clients),
        "links": _links(layout),
        "sites": [
            {"name": _name(network, i), "clients": int((layout.site_of == i).sum()), **_ends(site)}
            for i, site in enumerate(network.sites)
        ],
        "rounds": {
            name: {
                "clients": len(cost.round.layout.clients),
                "transfers": len(cost.round.transfers.after),
                "seconds": cost.seconds,
                "compute_seconds": cost.compute,
                "transfer_seconds": cost.transfer,
                "waiting_seconds": cost.waiting,
                "away_seconds": cost.away,
                "bound_seconds": cost.bound,
                "straggler": cost.straggler,
                "utilisation": cost.utilisation,
                "oversubscription": max(oversubscription(cost.round.layout).values()),
                "congestion": cost.congestion,
                "fidelity": cost.fidelity,
            }
            for name, cost in costs.items()
        },
    }


def network_text(summary: Mapping[str, Any]) -> RenderableType:
    """Return tables of what :func:`network_summary` says."""
    sites = Table(
        ["site", "clients", "up Mbit/s", "down Mbit/s", "delay ms", "behind", "s a step"],
        [
            (
                site["name"],
                str(site["clients"]),
                _capacity(site["up"], site["rate_spread"]),
                _capacity(site["down"], site["rate_spread"]),
                f"{site['delay_ms']:g}",
                site["link"],
                _spread(site["step_seconds"], site["step_spread"]),
            )
            for site in summary["sites"]
        ],
        title=": ".join(filter(None, [summary["network"], summary["summary"]])),
    )
    links = Table(
        ["link", "Mbit/s", "ω: demand / capacity"],
        [(link["name"], number(link["mbps"], 0), number(link["oversubscription"], 2)) for link in summary["links"]],
        title=f"shared links, with {summary['clients']} clients at once",
    )
    rounds = Table(
        ["algorithm", "clients", "ω", "seconds", "compute", "transfer", "waiting", "bound", "slowest client"],
        [
            (
                name,
                str(cost["clients"]),
                number(cost["oversubscription"], 2),
                *(number(cost[f"{part}seconds"], 2) for part in ("", "compute_", "transfer_", "waiting_", "bound_")),
                "–" if cost["straggler"] < 0 else str(cost["straggler"]),
            )
            for name, cost in summary["rounds"].items()
        ],
        title=f"a round there, mediators: {summary['placement']}",
    )
    traces = Table(
        ["site", "trace up", "trace down"],
        [
            (site["name"], *(site[side].get("trace", "–") for side in ("up", "down")))
            for site in summary["sites"]
            if "trace" in site["up"] or "trace" in site["down"]
        ],
        labels=3,
        title="capacity over time: mean (least to most)",
    )
    shown = [sites, *([traces] if traces.rows else []), links, *([rounds.transposed()] if rounds.rows else [])]
    return Group(*(table.rich() for table in shown))


def network_figure(network: Network, clients: int | None) -> Figure:
    """Draw sites, links and the server, links as wide as their capacity, with ω on each; see the summary."""
    layout = _laid_out(network, clients)
    omega = oversubscription(layout)
    figure = new_figure(9, max(2.4, 0.5 * len(network.sites) + 1))
    axis = figure.subplots()
    axis.axis("off")
    spots = {site: (0.0, -float(site)) for site in range(len(network.sites))}
    middle = -(len(network.sites) - 1) / 2
    core, server = (2.0, middle), (3.0, middle)
    for j, link in enumerate(network.links):
        behind = [spots[i][1] for i, site in enumerate(network.sites) if site.link == link.name] or [middle]
        spot = (1.0, float(np.mean(behind)))
        ends = core if link.to == "core" else spot
        up, down = _rates(link)
        label = f"{link.name}  {up:.4g}/{down:.4g}\nω {max(_of(omega, link.name)):.1f}"
        _line(axis, spot, ends, min(up, down), label)
        for i, site in enumerate(network.sites):
            if site.link == link.name:
                _line(axis, spots[i], spot, _rates(site)[0], "")
        axis.plot(*spot, "s", color=_GREEN, markersize=9, gid=f"link-{j}")
    for i, site in enumerate(network.sites):
        if site.link == "core":
            _line(axis, spots[i], core, _rates(site)[0], "")
        count = int((layout.site_of == i).sum())
        up, down = _rates(site)
        axis.plot(*spots[i], "o", color=BLUE, markersize=7)
        axis.annotate(
            f"{_name(network, i)}: {count} × {up:.4g} up, {down:.4g} down, {site.delay_ms:g} ms  ",
            spots[i],
            ha="right",
            va="center",
            fontsize=8,
        )
    sending, receiving = omega["server sends"], omega["server receives"]
    up, down = _rates(network.server)
    label = f"sends {up:.4g}, ω {sending:.1f}\nreceives {down:.4g}, ω {receiving:.1f}"
    _line(axis, core, server, min(up, down), label)
    axis.plot(*core, "o", color=GREY, markersize=12)
    axis.plot(*server, "D", color=ORANGE, markersize=11)
    axis.annotate("server", (server[0] + 0.1, server[1]), va="center")
    axis.set_xlim(-2.2, 3.6)
    axis.set_ylim(-len(network.sites) + 0.2, 0.8)
    axis.set_title(f"{network.name}: Mbit/s of links, with {len(layout.clients)} clients at once", fontsize=10)
    return figure


def round_figure(cost: RoundTime, title: str = "") -> Figure:
    """Draw one round as a timeline: who downloads, trains and uploads when, and the critical path marked."""
    from matplotlib.patches import Patch

    told = timeline(cost)
    shown = list(dict.fromkeys(bar["chain"] for bar in told["bars"]))[-_ROWS:]
    row = {chain: y for y, chain in enumerate(shown)}
    figure = new_figure(9, min(1.6 + 0.2 * len(shown), 9))
    axis = figure.subplots()
    for bar in told["bars"]:
        if bar["chain"] in row:
            y, start, end = row[bar["chain"]], bar["start"], bar["end"]
            axis.barh(y, end - start, left=start, height=0.8, color=PART_COLOURS[bar["part"]])
            if bar["critical"]:
                axis.plot([start, end], [y, y], color=ORANGE, linewidth=1.6, solid_capstyle="butt")
    axis.axvline(cost.bound, color="black", linestyle=":", linewidth=1)
    axis.set_xlabel("seconds")
    axis.set_ylabel("chains, by their end")
    axis.set_yticks([])
    axis.set_ylim(-0.7, max(len(shown), 1) - 0.3)
    axis.set_xlim(0, cost.seconds * 1.02 or 1)
    plain_axes(axis, "x")
    axis.spines["left"].set_visible(False)
    parts = {bar["part"] for bar in told["bars"]}
    labels = {part: colour for part, colour in PART_COLOURS.items() if part in parts} | {"critical path": ORANGE}
    handles = [Patch(color=color, label=label) for label, color in labels.items()]
    axis.legend(handles=handles, ncols=5, fontsize=8, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    figure.suptitle(
        title
        or f"{cost.seconds:.1f} s: {cost.compute:.1f} training, {cost.transfer:.1f} transfers, "
        f"{cost.waiting:.1f} waiting; lower bound {cost.bound:.1f} s (dotted)",
        fontsize=10,
    )
    return figure


def _links(layout: Layout) -> list[dict[str, Any]]:
    peak = layout.capacities.peak
    omega = oversubscription(layout)
    return [
        {"name": name, "mbps": float(peak[j] * 8e-6), "oversubscription": omega[name]}
        for j, name in enumerate(layout.names)
        if name
    ]


def _laid_out(network: Network, clients: int | None) -> Layout:
    members = network.members
    if members is None:
        return lay_out(network, range(100 if clients is None else clients))
    if clients is not None and clients > len(members):
        raise InputError(
            f"{network.called} names {len(members)} clients: ask for at most so many with --clients, or add a site "
            'with clients = "*"'
        )
    return lay_out(network, members[:clients])


def _ends(site: Site) -> dict[str, Any]:
    keys = ("delay_ms", "rate_spread", "step_seconds", "step_spread", "link")
    up, down = (_over_time(site, side) for side in ("up", "down"))
    return {"up_mbps": up["mean"], "down_mbps": down["mean"], "up": up, "down": down} | {
        key: getattr(site, key) for key in keys
    }


def _over_time(ends: Ends, side: Literal["up", "down"]) -> dict[str, Any]:
    """Return the mean capacity in Mbit/s, and where it varies the least, the most, and the trace that says so."""
    course, path = course_of(ends, side), ends.up_trace if side == "up" else ends.down_trace
    if path is None:
        return {"mean": float(course.mbps.max())}
    return {
        "mean": course.mean,
        "least": float(course.mbps.min()),
        "most": float(course.mbps.max()),
        "trace": path.name,
    }


def _rates(ends: Ends) -> tuple[float, float]:
    return _over_time(ends, "up")["mean"], _over_time(ends, "down")["mean"]


def _name(network: Network, site: int) -> str:
    return network.sites[site].name or f"site {site}"


def _of(omega: Mapping[str, float], link: str) -> list[float]:
    return [value for name, value in omega.items() if name in (link, f"{link} up", f"{link} down")]


def _capacity(told: Mapping[str, Any], spread: float) -> str:
    mean = _spread(float(f"{told['mean']:.4g}"), spread)
    return f"{mean} ({told['least']:.4g} to {told['most']:.4g})" if "trace" in told else mean


def _spread(median: float, spread: float) -> str:
    return f"{median:g}" if spread == 0 else f"{median:g} ×/÷ {np.exp(spread):.1f}"


def _line(axis: Axes, start: tuple[float, float], end: tuple[float, float], mbps: float, label: str) -> None:
    width = 0.6 + np.log10(1 + mbps)
    axis.plot([start[0], end[0]], [start[1], end[1]], color=_LIGHT, linewidth=width, zorder=0)
    if label:
        spot = start[0] + _ALONG * (end[0] - start[0]), start[1] + _ALONG * (end[1] - start[1])
        box = {"boxstyle": "square,pad=0.1", "color": "white"}
        axis.annotate(label, spot, ha="center", va="center", fontsize=7, bbox=box)
