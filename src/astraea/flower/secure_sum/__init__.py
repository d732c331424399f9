"""A sum of which the server sees no part: masks that cancel, and shares of what is needed to take them off."""

from __future__ import annotations
