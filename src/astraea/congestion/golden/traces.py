"""The traces that come with the package, and how they are read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from astraea.congestion.golden.sender import Decision

__all__ = ["FILE", "Trace", "load_traces"]

FILE = "traces.json"


@dataclass(frozen=True)
class Trace:
    """One connection under the policy that comes with the package; ``control`` are changes of how it is applied."""

    name: str
    control: dict[str, Any]
    events: list[tuple[str, list[int]]]  # name, and numbers: see Sender.tell
    decisions: list[Decision]  # one for each event called "interval"


def load_traces() -> list[Trace]:
    """Return the traces of the package."""
    text = (files(__package__) / FILE).read_text(encoding="utf-8")
    return [_read(trace) for trace in json.loads(text)["traces"]]


def _read(trace: dict[str, Any]) -> Trace:
    events = [(event[0], event[1:]) for event in trace["events"]]
    return Trace(trace["name"], trace["control"], events, [Decision(*values) for values in trace["decisions"]])
