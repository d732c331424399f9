"""Lets docstrings' references, written as in Sphinx, be read as code on the pages of the API."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

__all__ = ["Roles"]


class Roles(Extension):
    """Turns ``:class:`name``` into the name as code, and ``::`` before a block of code into a colon."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Change the docstring of one object."""
        if obj.docstring is not None:
            text = re.sub(r":[a-z]+:`~?([^`]+)`", r"`\1`", obj.docstring.value)
            obj.docstring.value = re.sub(r"::\n", ":\n", text).replace("``", "`")
