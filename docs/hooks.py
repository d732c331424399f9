"""Fills pages that are made from the code itself when the site is built, so that they cannot go stale."""

from __future__ import annotations

from itertools import groupby
from typing import Any


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the mark of the settings page by a table for each section of the settings."""
    return markdown.replace("<!-- settings -->", _settings()) if "<!-- settings -->" in markdown else markdown


def _settings() -> str:
    from astraea.experiment.keys import describe

    text = []
    for section, keys in groupby(describe(), key=lambda key: key.name.split(".")[0] if "." in key.name else ""):
        text.append(f"\n## {section or 'The run'}\n\n| key | default | meaning |\n|---|---|---|")
        for key in keys:
            meaning = key.description.replace("|", "\\|")
            text.append(f"| `{key.name}` | `{key.default}` | {meaning} |")
    return "\n".join(text)
