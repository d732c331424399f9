"""Charts as Vega-Lite specifications: plain mappings. Their rows stand apart, so that no name in them is read as code.

In a specification the words ``@x``, ``@x_title``, ``@y`` and so on stand for what the reader has chosen.
Vega-Lite: https://vega.github.io/vega-lite/ (Satyanarayan et al., TVCG 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from astraea.figures import BLUE, GREY, ORANGE, PART_COLOURS, arm_style

__all__ = ["Chart", "bars", "curves", "dots", "heat", "lines", "spans"]

Rows = Sequence[dict[str, Any]]
Choice = Sequence[tuple[str, str]]

_DASHES = {"-": [1, 0], "--": [6, 4], ":": [2, 3], "-.": [6, 3, 2, 3]}


@dataclass(frozen=True)
class Chart:
    """A chart under a heading: ``choices["x"]`` and ``["y"]`` are the ``(field, words)`` that a reader chooses from."""

    title: str
    rows: Rows
    spec: dict[str, Any]
    note: str = ""
    choices: dict[str, Choice] = field(default_factory=dict)


def curves(title: str, rows: Rows, arms: Sequence[str], x: Choice, y: Choice, note: str = "") -> Chart:
    """Return a line and band for each arm; rows have ``arm``, the fields of ``x``, and of ``y`` with low and high."""
    across = {
        "field": "@x",
        "type": "quantitative",
        "title": "@x_title",
        "axis": {"tickMinStep": "@x_step", "tickCount": 8},
        "scale": {"nice": False},
    }
    up = {"field": "@y", "type": "quantitative", "title": "@y_title", "scale": {"zero": False}}
    layer: list[dict[str, Any]] = [
        {
            "mark": {"type": "area", "opacity": 0.18},
            "encoding": {
                "x": across,
                "y": up | {"field": "@y_low"},
                "y2": {"field": "@y_high"},
                "color": _colour(arms),
            },
        },
        {
            "mark": {"type": "line", "strokeWidth": 2},
            "encoding": {"x": across, "y": up, "color": _colour(arms), "strokeDash": _dash(arms)},
        },
        {
            "mark": {"type": "point", "opacity": 0, "size": 120},
            "encoding": {
                "x": across,
                "y": up,
                "tooltip": [
                    {"field": "arm", "title": "arm"},
                    {"field": "@x", "title": "@x_title", "format": ",.4~g"},
                    {"field": "@y", "title": "@y_title", "format": ".4~g"},
                ],
            },
        },
    ]
    return Chart(title, rows, {"height": 320, "layer": layer}, note, {"x": x, "y": y})


def lines(title: str, rows: Rows, names: Sequence[str], x: str, y: str | Choice, note: str = "") -> Chart:
    """Return a line for each of ``names``; rows have ``name``, ``x`` and ``y``, and ``x`` and ``y`` are their words.

    With a choice as ``y``, rows have its fields in place of ``y``.
    """
    chosen = not isinstance(y, str)
    encoding = {
        "x": {
            "field": "x",
            "type": "quantitative",
            "title": x,
            "axis": {"tickCount": 8, **({"tickMinStep": 1} if x == "rounds" else {})},
            "scale": {"nice": False},
        },
        "y": {"field": "@y" if chosen else "y", "type": "quantitative", "title": "@y_title" if chosen else y},
        "color": _colour(names, "name"),
        "strokeDash": _dash(names, "name"),
    }
    spec = {"height": 220, "mark": {"type": "line", "tooltip": True}, "encoding": encoding}
    return Chart(title, rows, spec, note, {} if isinstance(y, str) else {"y": y})


def dots(
    title: str, rows: Rows, arms: Sequence[str], order: Sequence[str], across: str, up: str, note: str = ""
) -> Chart:
    """Return a dot for each arm and category; rows have ``arm``, ``category``, ``value``, and ``low`` and ``high``."""
    x = _categories("category", across, order)
    shift = {"xOffset": {"field": "arm", "type": "nominal", "sort": list(arms)}} if len(arms) > 1 else {}
    colour = _colour(arms) if len(arms) > 1 else {"value": BLUE}
    y = {"type": "quantitative", "title": up}
    layer = [
        {
            "mark": {"type": "rule", "opacity": 0.5},
            "encoding": {"x": x, **shift, "y": y | {"field": "low"}, "y2": {"field": "high"}, "color": colour},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 45, "opacity": 1},
            "encoding": {
                "x": x,
                **shift,
                "y": y | {"field": "value"},
                "color": colour,
                "tooltip": [
                    *([{"field": "arm", "title": "arm"}] if len(arms) > 1 else []),
                    {"field": "category", "title": across},
                    {"field": "value", "title": up, "format": ".4~g"},
                ],
            },
        },
    ]
    return Chart(title, rows, {"height": 260, "layer": layer}, note)


def bars(
    title: str, rows: Rows, parts: Sequence[str], order: Sequence[str], across: str, up: str, note: str = ""
) -> Chart:
    """Return stacked bars; rows have ``category``, ``part``, ``value`` and, for the order of a stack, ``place``."""
    colour = {
        "scale": {"domain": list(parts), "range": [BLUE, ORANGE, GREY][: len(parts)]},
        "legend": _LEGEND | {"symbolType": "square"},
    }
    encoding = {
        "x": _categories("category", across, order),
        "y": {"field": "value", "type": "quantitative", "title": up},
        "color": {"field": "part", "type": "nominal", "title": None, **colour},
        "order": {"field": "place"},
        "tooltip": [
            {"field": "category", "title": across},
            {"field": "part", "title": "what"},
            {"field": "value", "title": up, "format": ",.4~g"},
        ],
    }
    return Chart(title, rows, {"height": 220, "mark": "bar", "encoding": encoding}, note)


def heat(
    title: str, rows: Rows, down: tuple[str, Sequence[str]], across: tuple[str, Sequence[str]], note: str = ""
) -> Chart:
    """Return a heat map; rows have ``row``, ``column``, ``share`` and ``count``; an axis is its words and an order."""
    encoding = {
        "x": _categories("column", *across),
        "y": {"field": "row", "type": "nominal", "sort": list(down[1]), "title": down[0]},
        "color": {
            "field": "share",
            "type": "quantitative",
            "title": "share",
            "scale": {"scheme": "blues", "domainMin": 0},
            "legend": {"format": ".0%"},
        },
        "tooltip": [
            {"field": "row", "title": down[0]},
            {"field": "column", "title": across[0]},
            {"field": "count", "title": "samples", "format": ",d"},
            {"field": "share", "title": "share", "format": ".1%"},
        ],
    }
    height = max(110, min(600, 14 * len(down[1])))
    return Chart(title, rows, {"height": height, "mark": "rect", "encoding": encoding}, note)


def spans(title: str, rows: Rows, order: Sequence[str], down: str, bound: float, note: str = "") -> Chart:
    """Return bars of time; rows have ``row``, ``part``, ``client``, ``start``, ``end`` and ``critical``, in seconds.

    What is ``critical`` is underlined. A dotted line stands at ``bound``.
    """
    x = {"field": "start", "type": "quantitative", "title": "seconds", "axis": {"tickCount": 8}}
    y = {"field": "row", "type": "nominal", "sort": list(order), "title": down, "axis": {"ticks": False}}
    parts = {"domain": list(PART_COLOURS), "range": list(PART_COLOURS.values())}
    told = [("client", "client", {}), ("part", "what", {}), ("start", "from, s", _SECONDS), ("end", "to, s", _SECONDS)]
    layer = [
        {
            "mark": {"type": "bar", "height": {"band": 0.85}},
            "encoding": {
                "x": x,
                "x2": {"field": "end"},
                "y": y,
                "color": {
                    "field": "part",
                    "type": "nominal",
                    "title": None,
                    "scale": parts,
                    "legend": _LEGEND | {"symbolType": "square", "symbolStrokeWidth": 0},
                },
                "tooltip": [{"field": key, "title": words, **form} for key, words, form in told],
            },
        },
        {
            "transform": [{"filter": "datum.critical"}],
            "mark": {"type": "rule", "strokeWidth": 3, "color": ORANGE},
            "encoding": {"x": x, "x2": {"field": "end"}, "y": y},
        },
        {
            "mark": {"type": "rule", "strokeDash": [2, 3], "color": GREY, "strokeWidth": 2},
            "encoding": {"x": {"datum": bound}},
        },
    ]
    return Chart(title, rows, {"height": max(90, min(600, 18 * len(order))), "layer": layer}, note)


_SECONDS = {"format": ",.4~g"}
_LEGEND = {"orient": "top", "title": None, "labelLimit": 300, "columns": 4, "symbolOpacity": 1, "symbolStrokeWidth": 2}


def _categories(key: str, words: str, order: Sequence[str]) -> dict[str, Any]:
    """Return the axis of categories, whose names lie level where they are short."""
    angle = 0 if max(map(len, order), default=0) <= 3 else -45
    return {"field": key, "type": "nominal", "sort": list(order), "title": words, "axis": {"labelAngle": angle}}


def _colour(names: Sequence[str], key: str = "arm") -> dict[str, Any]:
    scale = {"domain": list(names), "range": [arm_style(i).colour for i in range(len(names))]}
    shown = _LEGEND if len(names) > 1 else None
    return {"field": key, "type": "nominal", "title": None, "scale": scale, "legend": shown}


def _dash(names: Sequence[str], key: str = "arm") -> dict[str, Any]:
    scale = {"domain": list(names), "range": [_DASHES[arm_style(i).line] for i in range(len(names))]}
    return {
        "field": key,
        "type": "nominal",
        "title": None,
        "scale": scale,
        "legend": _LEGEND if len(names) > 1 else None,
    }
