"""A page as one HTML text: its parts, its scripts, and a policy that lets nothing else run or load."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from importlib.resources import files

import astraea
from astraea.report.page.charts import Chart

__all__ = ["Page", "Section", "to_html"]


@dataclass(frozen=True)
class Section:
    """Charts, then HTML that is already escaped, under a heading and a sentence."""

    title: str
    charts: Sequence[Chart] = ()
    html: str = ""
    lead: str = ""


@dataclass(frozen=True)
class Page:
    """What a page says: ``advice`` is what to do next, the most urgent first."""

    title: str
    lead: str
    advice: Sequence[str]
    sections: Sequence[Section] = field(default_factory=tuple)


def to_html(page: Page, *, live: str | None = None) -> str:
    """Return the page. Its content-security policy allows its own two scripts and its own style, and no connection.

    With ``live``, the stamp of what it shows, the page asks the server it came from every two seconds for a newer one.
    """
    library, script, style = (_asset(name) for name in ("charts.js", "page.js", "page.css"))
    charts = [chart for section in page.sections for chart in section.charts]
    data = [{"rows": _columns(chart), "spec": chart.spec, "choices": chart.choices} for chart in charts]
    more = "; connect-src 'self'" if live else ""
    policy = (
        f"default-src 'none'; script-src {_digest(library)} {_digest(script)}; style-src {_digest(style)}; "
        f"img-src data:; base-uri 'none'; form-action 'none'{more}"
    )
    numbers = iter(range(len(charts)))
    body = "\n".join(_section(section, [next(numbers) for _ in section.charts]) for section in page.sections)
    advice = "".join(f"<li>{escape(line)}</li>" for line in page.advice)
    return f"""<!DOCTYPE html>
<html lang="en"{f' data-live="{escape(live)}"' if live else ""}>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(page.title)}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{escape(page.title)}</h1>
<p>{escape(page.lead)}</p>
{f"<aside><h2>What to do next</h2><ul>{advice}</ul></aside>" if advice else ""}
</header>
<main>
{body}
</main>
<footer>Made with Astraea {escape(astraea.__version__)}.</footer>
<script type="application/json" id="data">{_inert(data)}</script>
<script>{library}</script>
<script>{script}</script>
</body>
</html>
"""


def _section(section: Section, numbers: Sequence[int]) -> str:
    figures = "\n".join(_figure(chart, number) for chart, number in zip(section.charts, numbers, strict=True))
    lead = f"<p>{escape(section.lead)}</p>" if section.lead else ""
    return (
        f'<section><h2>{escape(section.title)}</h2>{lead}\n{figures}\n<div class="wide">{section.html}</div></section>'
    )


def _figure(chart: Chart, number: int) -> str:
    switches = "".join(
        f'<label>{words} <select data-chart="{number}" data-axis="{axis}">'
        + "".join(f'<option value="{escape(key)}">{escape(title)}</option>' for key, title in chart.choices[axis])
        + "</select></label>"
        for axis, words in (("y", "Show"), ("x", "over"))
        if len(chart.choices.get(axis, ())) > 1
    )
    note = f'<p class="note">{escape(chart.note)}</p>' if chart.note else ""
    return (
        f"<figure><figcaption>{escape(chart.title)}</figcaption>{switches}"
        f'<div class="chart" id="chart-{number}"></div>{note}</figure>'
    )


def _columns(chart: Chart) -> dict[str, object]:
    """Return the rows of a chart as columns, which is half the size."""
    keys = list(dict.fromkeys(key for row in chart.rows for key in row))
    return {key: [row.get(key) for row in chart.rows] for key in keys}


def _inert(data: object) -> str:
    """Return ``data`` as JSON that cannot end the script it stands in."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _asset(name: str) -> str:
    return (files("astraea.report.page") / "assets" / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
