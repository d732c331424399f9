"""A policy as a value, and as a safetensors file that says what it belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import as_file, files
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open

from astraea.congestion.connection.motion import UNIT
from astraea.congestion.connection.settings import PolicySettings
from astraea.congestion.controllers.controller import Steered
from astraea.congestion.observation.features import OBSERVATION_VERSION, ObservationSettings
from astraea.congestion.policy.law import LAW, decide
from astraea.congestion.policy.layers import WIDEST
from astraea.congestion.policy.network import forward
from astraea.congestion.policy.quantised import WEIGHT, decide_quantised
from astraea.congestion.policy.residual import SEEN, TURNED, decide_residual
from astraea.congestion.settings import Settings
from astraea.errors import InputError
from astraea.files import write_tensors
from astraea.parts.sentences import sentence

__all__ = ["Policy", "PolicyHeader", "load_policy", "shipped_policy"]

_FORMAT = "astraea-policy"
_SHIPPED, _DEEP = "policy.safetensors", "deep"


class PolicyHeader(Settings):
    """What a policy belongs to: it means nothing to flows that observe or act differently."""

    kind: Literal["law", "network", "residual", "quantised"] = Field(
        description="a law of few numbers in integers, a network, a law whose numbers a network turns, or a network "
        "in integers"
    )
    controller: Steered = Field("policy", description="what its actions drive: a window (policy) or a rate (aurora)")
    observation_version: int = Field(OBSERVATION_VERSION, description="version of the observation")
    observation: ObservationSettings = Field(ObservationSettings(), description="what it observes")
    control: PolicySettings = Field(PolicySettings(), description="how its actions are applied")
    widths: tuple[int, ...] = Field((), description="widths of a network's layers, from what it sees to what it says")


@dataclass(frozen=True)
class Policy:
    """From an observation to an action in [-1, 1].

    ``weights`` is a flat array: int32 of a law (in 1/1024, in the order of
    :data:`astraea.congestion.policy.law.LAW`), of a residual as well (the law's, then the network's), float32 of a
    network, int32 of a quantised one (in 1/2**16). ``card`` says how it was made.
    Raises :class:`astraea.errors.InputError` if the weights do not fit the header.
    """

    header: PolicyHeader
    weights: NDArray[Any]
    card: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        head, dtype = self.header, (np.float32 if self.header.kind == "network" else np.int32)
        if head.kind in ("law", "residual") and head.observation != ObservationSettings():
            raise InputError(
                f"a {head.kind} reads the features 'packets' with 4 slots of history: give it this observation"
            )
        count = len(LAW) if head.kind in ("law", "residual") else 0
        if head.kind != "law":
            plain, widths = head.kind != "residual", head.widths
            size, ends = (head.observation.size, 1) if plain else (len(SEEN), len(TURNED))
            if len(widths) < 2 or widths[0] != size or widths[-1] != ends or min(widths) < 1:
                raise InputError(f"a {head.kind}'s widths must lead from {size} to {ends}, got {list(widths)}")
            if head.kind != "network" and max(widths) > WIDEST:
                raise InputError(f"a {head.kind}'s layers are at most {WIDEST} wide, got {list(widths)}")
            count += sum((into + 1) * out for into, out in pairwise(widths))
        if self.weights.shape != (count,) or self.weights.dtype != dtype or not np.isfinite(self.weights).all():
            raise InputError(
                f"a {head.kind} of this form has {count} finite numbers of type {np.dtype(dtype)}, but "
                f"{self.weights.size} of type {self.weights.dtype} were given"
            )

    def action(self, features: NDArray[np.int32]) -> float:
        """Return the action for the ``features`` (in 1/1024) of one observation."""
        if self.header.kind == "law":
            return decide(self.weights.astype(np.int64), features) / UNIT
        if self.header.kind == "residual":
            rooms = np.zeros((2, max(self.header.widths)), np.int64), np.zeros(len(LAW), np.int64)
            weights, widths = self.weights.astype(np.int64), np.array(self.header.widths)
            return decide_residual(weights, widths, features, *rooms) / UNIT
        if self.header.kind == "quantised":
            room = np.zeros((2, max(self.header.widths)), np.int64)
            weights, widths = self.weights.astype(np.int64), np.array(self.header.widths)
            return decide_quantised(weights, widths, features, room) / UNIT
        plain = np.zeros((2, max(self.header.widths)))
        return float(forward(self.weights.astype(np.float64), np.array(self.header.widths), features, plain))

    def quantised(self) -> Policy:
        """Return a network in integers, as the kernel and, from then on, the simulator play it.

        Raises :class:`astraea.errors.InputError` for a policy that is none, or whose layers or weights are too large.
        """
        if self.header.kind != "network":
            raise InputError(f"a {self.header.kind} is in integers already: give it as it is")
        weights = np.rint(self.weights.astype(np.float64) * (1 << WEIGHT))
        if np.abs(weights).max() > np.iinfo(np.int32).max:
            raise InputError(f"a weight of {np.abs(self.weights).max():g} is too large for 32 bits: train it anew")
        header = self.header.model_copy(update={"kind": "quantised"})
        return Policy(header, weights.astype(np.int32), self.card)

    def save(self, path: Path) -> None:
        """Write the policy to ``path``, a safetensors file. Raises :class:`astraea.errors.RunError` if it cannot be."""
        notes = {"format": _FORMAT, "header": self.header.model_dump_json(), **self.card}
        write_tensors(path, {"weights": self.weights}, notes)


def load_policy(path: Path | str) -> Policy:
    """Return the policy that :meth:`Policy.save` wrote to ``path``; ``deep`` is that of the package with a network.

    Raises :class:`astraea.errors.InputError` if there is none, or it belongs to another version of the observation.
    """
    path = Path(path)
    if str(path) == _DEEP and not path.exists():
        return _packaged(f"{_DEEP}.safetensors")
    if not path.is_file():
        raise InputError(f"there is no policy at {path}: name a file that 'astraea congestion train' has written")
    try:
        with safe_open(path, framework="numpy") as file:
            notes: dict[str, str] = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError:
        raise InputError(f"{path} is not a safetensors file, so it holds no policy") from None
    if notes.pop("format", None) != _FORMAT or "header" not in notes or set(tensors) != {"weights"}:
        raise InputError(f"{path} is not a policy: name a file that 'astraea congestion train' has written")
    try:
        header = PolicyHeader.model_validate_json(notes.pop("header"))
    except (ValidationError, InputError) as error:
        why = sentence(error) if isinstance(error, ValidationError) else error
        raise InputError(f"{path} has a header that cannot be read: {why}") from None
    if header.observation_version != OBSERVATION_VERSION:
        raise InputError(
            f"{path} was trained on version {header.observation_version} of the observation, this is version "
            f"{OBSERVATION_VERSION}: train it anew"
        )
    return Policy(header, tensors["weights"], notes)


def shipped_policy() -> Policy:
    """Return the policy that comes with the package."""
    return _packaged(_SHIPPED)


@cache
def _packaged(name: str) -> Policy:
    with as_file(files(__package__) / name) as path:
        return load_policy(path)
