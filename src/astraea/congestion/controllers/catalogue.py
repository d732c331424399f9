"""The controllers by name: what a user may choose, readable without compiling anything."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CONTROLLERS", "FIXED", "NEWRENO", "POLICY", "ControllerKind"]

FIXED, NEWRENO, POLICY = range(3)


@dataclass(frozen=True)
class ControllerKind:
    """A controller's number in compiled code and what the surroundings must know of it."""

    number: int
    summary: str
    conserves: bool = True  # whether proportional rate reduction governs its window during recovery
    external: bool = False  # whether it waits for actions from outside at each control interval


CONTROLLERS: dict[str, ControllerKind] = {
    "fixed": ControllerKind(FIXED, "a fixed window that reacts to nothing", conserves=False),
    "newreno": ControllerKind(NEWRENO, "additive increase, multiplicative decrease (RFC 5681)"),
    "policy": ControllerKind(
        POLICY, "a window driven from outside, by a learned policy", conserves=False, external=True
    ),
}
