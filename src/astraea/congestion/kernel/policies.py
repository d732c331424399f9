"""A policy as the kernel's program reads it: the bytes of ``struct policy`` in ``source/flow.h``."""

from __future__ import annotations

import struct
from itertools import pairwise

from astraea.congestion.connection.fixed_point import SHIFT
from astraea.congestion.connection.motion import units
from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.policy import quantised, residual
from astraea.congestion.policy.law import LAW
from astraea.congestion.policy.layers import MOST_LAYERS, MOST_WEIGHTS
from astraea.congestion.policy.policy import Policy
from astraea.errors import InputError

__all__ = ["SIZE", "packed"]

_FIELDS = ("refresh_after", "rtt_least", "rtt_most", "window_most", "jitter_most", "limited_most")
_FORM = f"<Ii{len(_FIELDS)}q{len(LAW)}i4I{3 * MOST_LAYERS}I{MOST_WEIGHTS}i4x"
SIZE = struct.calcsize(_FORM)
"""Bytes of a policy in the map."""

_SCALES = {"law": (0, 0), "residual": (SHIFT, residual.LEAK), "quantised": (quantised.WEIGHT, quantised.LEAK)}
_KINDS = list(_SCALES)  # in the order of the program's


def packed(policy: Policy) -> bytes:
    """Return ``policy`` as the program reads it.

    Raises :class:`InputError` unless it drives a window, in integers, and fits into the program's room.
    """
    head = policy.header
    if head.controller != "policy" or head.observation != ObservationSettings():
        raise InputError(
            "the kernel runs policies that drive a window by the features 'packets', and this one does not: train one "
            "with --recipe law"
        )
    if not head.control.rivals:
        raise InputError(
            "the kernel's window believes in rivals, and this policy's does not: write it anew with control.rivals true"
        )
    if head.kind == "network":
        raise InputError(
            "this policy is a network in floating point, which a kernel has not: 'astraea congestion policy FILE "
            "--quantise OUT' writes it in integers"
        )
    numbers = policy.weights.tolist()
    law, weights = (numbers[: len(LAW)], numbers[len(LAW) :]) if head.kind != "quantised" else ([0] * len(LAW), numbers)
    layers = list(pairwise(head.widths))
    if len(layers) > MOST_LAYERS or len(weights) > MOST_WEIGHTS:
        raise InputError(
            f"the kernel's program has room for {MOST_LAYERS} layers and {MOST_WEIGHTS} weights, and this network has "
            f"{len(layers)} and {len(weights)}: train a smaller one"
        )
    shape, at = [], 0
    for into, out in layers:
        shape += [into, out, at]
        at += (into + 1) * out
    fields = head.control.fields()
    return struct.pack(
        _FORM,
        1,
        units(fields["gain"]),
        *(fields[name] for name in _FIELDS),
        *law,
        *(_KINDS.index(head.kind), len(layers), *_SCALES[head.kind]),
        *shape,
        *[0] * (3 * MOST_LAYERS - len(shape)),
        *weights,
        *[0] * (MOST_WEIGHTS - len(weights)),
    )
