"""Every shell command of the docs is one: bash reads it, and Astraea's commands have the options that it names.

``scripts/run-docs`` runs them all, which takes longer.
"""

from __future__ import annotations

import importlib.util
import shlex
import subprocess
import sys
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import click
import pytest
import typer

from astraea.cli.app import app

SCRIPT = Path(__file__).parents[2] / "scripts" / "run-docs"


def _script() -> ModuleType:
    loader = SourceFileLoader("run_docs", str(SCRIPT))
    spec = importlib.util.spec_from_loader("run_docs", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["run_docs"] = module
    loader.exec_module(module)
    return module


docs = _script()


def typed(text: str) -> list[list[str]]:
    """Return the words of each call of astraea in a shell text."""
    calls: list[list[str]] = []
    for line in text.replace("\\\n", " ").splitlines():
        if "astraea " not in line:
            continue
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
        lexer.whitespace_split = True
        words: list[str] | None = None
        for word in lexer:
            if word.rpartition("/")[2] == "astraea":
                words = []
                calls.append(words)
            elif set(word) <= set(";&|"):
                words = None
            elif words is not None:
                words.append(word)
    return calls


def parsed(words: list[str]) -> None:
    """Parse a call as Astraea would, without doing it."""
    command: click.Command = typer.main.get_command(app)
    context = click.Context(command, info_name="astraea")
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, f"no command '{words[0]}'"
        command, words = found, words[1:]
        context = click.Context(command, parent=context, info_name=command.name)
    with suppress(click.exceptions.Exit):  # of --help
        command.make_context(command.name, list(words), parent=context.parent)


@pytest.mark.parametrize("page", docs.pages(), ids=lambda page: page.stem)
def test_the_commands_of_a_page_are_commands(page: Path) -> None:
    for step in docs.steps(page.read_text(encoding="utf-8")):
        if step.language == "bash":
            for text in (step.text, step.twin):
                subprocess.run(["bash", "-n"], input=text, text=True, check=True)
                for words in typed(text):
                    parsed(words)


def test_what_is_printed_wrongly_is_found() -> None:
    (step,) = docs.steps("text\n\n```console\n$ astraea run --no-such\nout\n```\n")
    assert step.text == "astraea run --no-such\n"
    with pytest.raises(click.UsageError):
        parsed(typed(step.text)[0])


def test_twins_and_files_are_told_from_what_is_printed() -> None:
    text = (
        "<!-- reader: touch a -->\n\nThis is `a.toml`:\n\n```toml\nx = 1\n```\n\n<!-- hours: b -->\n```bash\nc\n```\n"
    )
    assert [(step.language, step.text, step.file, step.twin) for step in docs.steps(text)] == [
        ("bash", "touch a", "", ""),
        ("toml", "x = 1\n", "a.toml", ""),
        ("bash", "c\n", "", "b"),
    ]
