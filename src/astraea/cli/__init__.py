"""The commands, thin: they parse, call, and print."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the ``astraea`` command."""
    from astraea.cli.app import app

    app()
