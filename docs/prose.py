"""How long the documentation's sentences are, and what a linter of English says: ``python docs/prose.py``."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import median

__all__ = ["lengths", "linted", "ninth_decile", "pages", "sentences"]

ROOT = Path(__file__).parents[1]
_CHECKS = {
    "typography": False,  # straight quotes and three dots are code's; 'resume' is a command
    "lexical_illusions": False,  # "cubic cubic" is a race of two
    "dates_times": False,  # ranges of numbers are no dates
    "misc.but": False,  # a list item is no paragraph
}


def pages() -> list[Path]:
    """Return the README and every page that is written by hand."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def sentences(markdown: str) -> list[str]:
    """Return the sentences of running text and lists, without code, tables, headings, formulas and addresses."""
    text = re.sub(r"```.*?```|<!--.*?-->|\$\$.*?\$\$", "\n\n", markdown, flags=re.S)
    found = []
    for block in re.split(r"\n\s*\n|\n(?=\s*[-*] |\s*\d+\. |#|\||!!!|:::)", text):
        block = re.sub(r"^([-*]|\d+\.) ", "", block.strip())
        if not block or block[0] in "#|:!<":
            continue
        block = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", block)
        block = " ".join(re.sub(r"`[^`]*`", "code", block).split())
        found += [one for one in re.split(r"(?<=[.!?])\s+", block) if len(one.split()) >= 3]
    return found


def lengths(paths: Iterable[Path]) -> list[int]:
    """Return the words of every sentence, ascending."""
    return sorted(len(one.split()) for path in paths for one in sentences(path.read_text(encoding="utf-8")))


def ninth_decile(ascending: list[int]) -> int:
    """Return the length that nine sentences of ten do not exceed."""
    return ascending[int(0.9 * (len(ascending) - 1))]


def linted(paths: Iterable[Path]) -> list[str]:
    """Return what proselint finds in the sentences, a line each with the page it is in."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "proselint.json"
        config.write_text(json.dumps({"checks": _CHECKS}))
        names = []
        for number, path in enumerate(paths):
            names.append(str(path.relative_to(ROOT)))
            (Path(folder) / f"{number}.md").write_text("\n\n".join(sentences(path.read_text(encoding="utf-8"))))
        texts = [str(Path(folder) / f"{number}.md") for number in range(len(names))]
        command = [sys.executable, "-m", "proselint", "check", "--config", str(config), *texts]
        shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        lines = re.findall(r"^.*?(\d+)\.md:\d+:\d+: (.*)$", shown, flags=re.M)
    return [f"{names[int(number)]}: {told}" for number, told in lines]


if __name__ == "__main__":
    for name, found in [
        *((str(page.relative_to(ROOT)), lengths([page])) for page in pages()),
        ("all", lengths(pages())),
    ]:
        if found:
            sys.stdout.write(f"{median(found):5.1f} {ninth_decile(found):4d} {len(found):5d}  {name}\n")
    sys.stdout.write("(median, ninth decile, count)\n" + "\n".join(linted(pages())))
