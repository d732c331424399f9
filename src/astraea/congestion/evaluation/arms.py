"""Who is evaluated: controllers by name, and learned policies from files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from astraea.congestion.compiled import digest_of as digest_of_code
from astraea.congestion.controllers.catalogue import BUILT_IN, controllers, self_driven
from astraea.congestion.controllers.controller import Controller, state_of
from astraea.errors import InputError, unknown_name
from astraea.parts.imports import Typed

if TYPE_CHECKING:
    from astraea.congestion.policy import Policy

__all__ = ["Arm", "digest_of", "load", "parse_arms", "playable"]


def playable() -> tuple[str, ...]:
    """Return the controllers that an evaluation takes: ``policy``, and those that need no more than acknowledgements.

    ``fixed`` needs a rate, and ``mltcp`` the size of a transfer, which most flows of the suites do not have.
    """
    return tuple(name for name in self_driven() if name != "fixed" and not controllers()[name].sized)


@dataclass(frozen=True)
class Arm:
    """A contestant: the ``controller`` of its flows, and the file of its policy (``None``: the shipped one)."""

    name: str
    controller: str
    file: Path | None = None


def parse_arms(texts: Sequence[str], policy: Path | None = None) -> tuple[Arm, ...]:
    """Return the arms written as ``cubic``, ``policy`` or ``NAME=FILE``, a policy of one's own under any new name.

    ``policy``: the file that the arm ``policy`` takes in place of the shipped one. Raises :class:`InputError` for an
    unknown controller (naming the nearest), a name given twice, and no name at all.
    """
    arms = [_arm(text.strip(), policy) for text in texts if text.strip()]
    names = [arm.name for arm in arms]
    if not arms:
        raise InputError(f"nobody is evaluated: name arms, such as cubic,bbr,policy (known: {', '.join(playable())})")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(
            f"two arms are called '{twice}': write one of them NAME=FILE with another name, or leave it out"
        )
    if policy is not None and not any(arm.file == policy for arm in arms):
        raise InputError(f"the policy {policy} takes no part: add 'policy' to the arms, or leave it out")
    return tuple(arms)


def load(arm: Arm) -> Policy | None:
    """Return what drives the arm's flows from outside, ``None`` for a classic controller.

    Raises what :func:`astraea.congestion.policy.load_policy` raises for a file that is not a policy.
    """
    if not Controller.find(arm.controller).external:
        return None
    from astraea.congestion.policy import load_policy, shipped_policy

    return shipped_policy() if arm.file is None else load_policy(arm.file)


def digest_of(arm: Arm, policy: Policy | None) -> str:
    """Return a text that differs between different policies and controllers; empty for one of the package's own."""
    found = Controller.find(arm.controller)
    if policy is not None:
        header = policy.header.model_dump_json().encode()
        return sha256(header + policy.weights.tobytes()).hexdigest()[:16]  # its card changes nothing
    return "" if found in BUILT_IN else digest_of_code((found.name, found.events, state_of(found).descr))


def _arm(text: str, policy: Path | None) -> Arm:
    name, equals, file = text.partition("=")
    if not equals:
        if ":" in name:  # an import path
            return Arm(name, Controller.find(Typed(name)).name)
        if name not in playable():
            raise unknown_name("arm", name, playable())
        return Arm(name, name, policy if name == "policy" else None)
    if name != "policy" and name in controllers():
        raise InputError(f"'{name}' is a classic controller and takes no file: give the policy another name")
    if not name or not file:
        raise InputError(f"'{text}' is not an arm: write a policy of your own as NAME=FILE")
    return Arm(name, "policy", Path(file))
