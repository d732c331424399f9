"""Fills pages that are made from the code itself when the site is built, so that they cannot go stale."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from html import unescape
from importlib import import_module
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from astraea.experiment.keys import Key

__all__ = ["PUBLIC", "on_page_content", "on_page_markdown", "public_names"]

PUBLIC = (
    "astraea",
    "astraea.data",
    "astraea.balance",
    "astraea.parts",
    "astraea.congestion",
    "astraea.network",
    "astraea.flower",
    "astraea.flower.tables",
    "astraea.errors",
)
"""The packages whose names are promised to stay."""


_ELSEWHERE = re.compile(r"(?<=-->)\n> The built site .*?(?=\n\n|\n?\Z)", re.S)
"""What stands under a mark for readers of the sources, who do not see what takes its place."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the marks of pages that are generated: settings, arguments, networks, names, the API of a package."""
    markdown = _ELSEWHERE.sub("", markdown)
    markdown = re.sub(r"<!-- settings ?([\w.]*) -->", lambda mark: _settings(mark[1]), markdown)
    markdown = re.sub(r"<!-- model ([\w.:]+) -->", lambda mark: _model(mark[1]), markdown)
    markdown = re.sub(r"<!-- arguments ([\w.:]+) -->", lambda mark: _arguments(mark[1]), markdown)
    if "<!-- network -->" in markdown:
        markdown = markdown.replace("<!-- network -->", _network())
    if "<!-- variations -->" in markdown:
        markdown = markdown.replace("<!-- variations -->", _variations())
    if "<!-- public -->" in markdown:
        markdown = markdown.replace("<!-- public -->", _public())
    return re.sub(r"<!-- api ([a-z.]+) -->", lambda mark: _api(mark[1]), markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Turn formulas into MathML, which browsers draw without a script."""
    from latex2mathml.converter import convert

    def formula(mark: re.Match[str]) -> str:
        display = "block" if mark[1] == "div" else "inline"
        return f'<{mark[1]} class="arithmatex">{convert(unescape(mark[2]), display=display)}</{mark[1]}>'

    return re.sub(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', formula, html, flags=re.S)


def _arguments(path: str) -> str:
    """Return the table of what a class is made with, from its signature and the ``Args`` of its docstring."""
    module, _, name = path.partition(":")
    kind = getattr(import_module(module), name)
    told = re.search(r"^Args:\n(.*?)^(?=\S)", inspect.cleandoc(kind.__doc__), re.DOTALL | re.MULTILINE)
    assert told is not None, f"{path} explains no arguments"
    texts = dict(re.findall(r"^    (\w+): (.*?)(?=^    \w|\Z)", told[1], re.DOTALL | re.MULTILINE))
    keywords = [one for one in inspect.signature(kind).parameters.values() if one.kind is one.KEYWORD_ONLY]
    lines = ["| argument | default | meaning |", "|---|---|---|"]
    for one in keywords:
        text = re.sub(
            r":\w+:`~?([\w.]+)`", lambda link: f"`{link[1].rpartition('.')[2]}`", " ".join(texts[one.name].split())
        )
        lines.append(f"| `{one.name}` | `{one.default}` | {text.replace('``', '`')} |")
    return "\n".join(lines)


def _network() -> str:
    from astraea.experiment.keys import describe_network

    found = describe_network().items()
    return "\n\n".join(f"## {title or 'At the top'}\n\n{_table(keys, of=False)}" for title, keys in found)


def public_names(package: str) -> dict[str, str]:
    """Return the public names of ``package``, in order, and where each is defined; ``""`` for plain values."""
    module = import_module(package)
    names = {}
    for name in sorted(module.__all__, key=str.lower):
        value = getattr(module, name)
        home = getattr(value, "__module__", "")
        names[name] = f"{home}.{value.__qualname__}" if home.startswith("astraea") else ""
    return names


def _settings(section: str) -> str:
    """Return tables of all keys, a section's, or those under one key, such as ``train.loss``."""
    from astraea.experiment.keys import describe

    keys = describe()
    if section:
        return _table(key for key in keys if re.match(rf"{re.escape(section)}($|[. ])", key.name))
    sections = {key.name.partition(".")[0] for key in keys if "." in key.name}

    def place(name: str) -> str:
        first = re.split("[. ]", name)[0]
        return first if first in sections else ""

    found = groupby(keys, key=lambda key: place(key.name))
    return "\n\n".join(f"## {name or 'The run'}\n\n{_table(of)}" for name, of in found)


def _model(path: str) -> str:
    """Return the table of one class of settings, which is not part of a run's."""
    from astraea.experiment.keys import describe

    module, _, name = path.partition(":")
    return _table(describe(getattr(import_module(module), name)))


def _table(keys: Iterable[Key], *, of: bool = True) -> str:
    """Return a table of keys, with the part that has each if ``of``."""
    titles = ["key", "default", "range", *(["of"] if of else []), "meaning"]
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for key in keys:
        default, meaning = f"`{key.default}`" if key.default else "", key.description.replace("|", "\\|")
        cells = [f"`{key.name}`", default, key.allowed, *([key.part] if of else []), meaning]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _variations() -> str:
    from astraea.experiment.arms import VARIATIONS
    from astraea.experiment.keys import toml

    lines = ["| variation | changes |", "|---|---|"]
    for name, changes in VARIATIONS.items():
        lines.append(f"| `{name}` | {', '.join(f'`{key} = {toml(value)}`' for key, value in changes.items())} |")
    return "\n".join(lines)


def _public() -> str:
    lines = ["| package | names |", "|---|---|"]
    for package in PUBLIC:
        page = f"api/{package.removeprefix('astraea.')}.md"
        names = ", ".join(f"`{name}`" for name in public_names(package))
        lines.append(f"| [`{package}`]({page}) | {names} |")
    return "\n".join(lines)


def _api(package: str) -> str:
    parts = [(import_module(package).__doc__ or "").split("\n\n")[0]]
    for name, home in public_names(package).items():
        target = home or f"{package}.{name}"
        parts.append(f"::: {target}\n    options:\n      heading: {package}.{name}\n      toc_label: {name}")
    return "\n\n".join(parts)
