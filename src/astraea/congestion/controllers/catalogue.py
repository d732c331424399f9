"""The controllers by name: what a user may choose, readable without compiling anything."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "AURORA",
    "BBR",
    "BBR3",
    "CONTROLLERS",
    "COPA",
    "CUBIC",
    "FIXED",
    "NEWRENO",
    "POLICY",
    "SELF_DRIVEN",
    "VEGAS",
    "ControllerKind",
]

FIXED, NEWRENO, CUBIC, VEGAS, COPA, BBR, BBR3, AURORA, POLICY = range(9)


@dataclass(frozen=True)
class ControllerKind:
    """A controller's number in compiled code and what the surroundings must know of it."""

    number: int
    summary: str
    conserves: bool = False  # whether proportional rate reduction governs its window during recovery
    external: bool = False  # whether it waits for actions from outside at each control interval


CONTROLLERS: dict[str, ControllerKind] = {
    "fixed": ControllerKind(FIXED, "a fixed window that reacts to nothing"),
    "newreno": ControllerKind(NEWRENO, "additive increase, multiplicative decrease (RFC 5681)", conserves=True),
    "cubic": ControllerKind(CUBIC, "window as a cubic of time, HyStart++ (RFC 9438, RFC 9406)", conserves=True),
    "vegas": ControllerKind(VEGAS, "two to four packets of its own in the queue", conserves=True),
    "copa": ControllerKind(COPA, "rate inverse to the queueing delay, with a mode for competition"),
    "bbr": ControllerKind(BBR, "model of bandwidth and base round-trip time, version 1"),
    "bbr3": ControllerKind(BBR3, "the same, version 3: gives way where losses say so (draft-ietf-ccwg-bbr)"),
    "aurora": ControllerKind(AURORA, "a rate driven from outside", external=True),
    "policy": ControllerKind(POLICY, "a window driven from outside, by a learned policy", external=True),
}

SELF_DRIVEN = tuple(name for name, kind in CONTROLLERS.items() if not kind.external or name == "policy")
"""Controllers that need nobody outside a simulation: all but those whose policy must be brought along."""
