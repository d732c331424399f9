"""What all commands are made of: an app whose commands show the help of their arguments under any version of click."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_type_hints

import typer
from typer.core import TyperArgument, TyperCommand
from typer.models import ArgumentInfo

__all__ = ["App", "Command"]


class Command(TyperCommand):
    """A command. Click from 8.5 on loses the help of arguments that earlier versions of typer made; it is put back."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        inner = getattr(self.callback, "__wrapped__", self.callback)
        hints = get_type_hints(inner, include_extras=True) if inner is not None else {}
        for parameter in self.params:
            if isinstance(parameter, TyperArgument) and parameter.help is None:
                told = getattr(hints.get(parameter.name or ""), "__metadata__", ())
                parameter.help = next((one.help for one in told if isinstance(one, ArgumentInfo)), None)


class App(typer.Typer):
    """A group of commands, plain text in their help."""

    def __init__(self, name: str, help: str, **options: Any) -> None:  # noqa: A002  typer's own name
        super().__init__(name=name, help=help, no_args_is_help=True, pretty_exceptions_enable=False, **options)

    def command(self, name: str | None = None, **options: Any) -> Callable[..., Any]:
        """Add a command, as typer does."""
        return super().command(name, **{"cls": Command, **options})
