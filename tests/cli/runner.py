"""What runs commands in tests: standard output and standard error apart, whatever version of click there is."""

from __future__ import annotations

import inspect
from typing import Any

from typer.testing import CliRunner

__all__ = ["RUNNER"]

_OLD: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
RUNNER = CliRunner(**_OLD)
