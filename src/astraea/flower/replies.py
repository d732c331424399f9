"""What a client's reply to a visit gives: read once, checked, and ready to be handed on as it came."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import torch
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict

from astraea.federation.plan import ChainState
from astraea.federation.walk import Trained, VisitError
from astraea.flower.arrays import Layout
from astraea.flower.client_registry import Held
from astraea.flower.messages import EXAMPLES, MOST, remarks
from astraea.flower.packing import Packing

__all__ = ["Reading", "averageable", "read_reply"]

_log = logging.getLogger("flwr")

_LARGEST = 2.0**60
"""Numbers from here on, whose squares are not far from the largest there are, may overflow in a sum of many models."""

_FRACTION = 2**20
"""A weight that is no number of samples counts in parts of this size."""


class Reading(NamedTuple):
    """A reply that can be understood.

    ``arrays`` are those of the reply if they are what the next visit is to be sent, else ``None``; ``content`` is the
    reply without its arrays, ``steps`` says whether it counted its optimiser steps.
    """

    trained: Trained
    arrays: ArrayRecord | None
    content: RecordDict
    steps: bool


def read_reply(
    reply: Message,
    layout: Layout,
    before: ChainState,
    epochs: int,
    weight: str,
    held: Callable[[float], Held | None],
    *,
    measured: bool = False,
    signs: int | None = None,
    packing: Packing | None = None,
) -> Reading:
    """Read a reply to a visit that began at ``before`` and went over the client's samples ``epochs`` times.

    ``weight`` names the metric that says how much the model is to count; ``held`` returns, given that, how many
    samples the client has, ``None`` if the server does not know. Where the metric is a number of samples, what the
    server knows counts. ``measured`` says that a defence will ask how far the model moved, and ``signs``, the seed of a
    sketch, that it will ask which way. With ``packing`` the reply must hold a change in few bits. Raises
    :class:`VisitError` if the reply cannot be understood.
    """
    if reply.has_error():
        raise VisitError(f"it answered with an error: {_explained(reply.error.reason)}")
    records = list(reply.content.values())
    arrays = [record for record in records if isinstance(record, ArrayRecord)]
    metrics = [record for record in records if isinstance(record, MetricRecord)]
    if len(arrays) != 1 or len(metrics) != 1:
        raise VisitError(
            f"its reply holds {len(arrays)} ArrayRecords and {len(metrics)} MetricRecords, not one of each"
        )
    told = metrics[0].get(weight)
    if not isinstance(told, int | float) or not 0 < told < MOST or (weight == EXAMPLES and told < 1):
        raise VisitError(f"its metric '{weight}' is {told!r}, not a number of samples")
    start = before.params if measured else None
    if packing is None:
        vectors = layout.vectors(arrays[0], before, start, signs)
    else:
        vectors = packing.returned(before, arrays[0])
    params, counters, exact, square, direction = vectors
    largest = 0.0 if square < _LARGEST**2 else float(torch.linalg.vector_norm(params, math.inf))
    if _LARGEST <= largest < math.inf:  # what is not finite at all is refused where every engine refuses it
        raise VisitError(f"its model holds numbers as large as {largest:.1g}, which no average of models can hold")
    has = held(told) or Held(int(told), int(told))
    examples = has.counted if weight == EXAMPLES else max(1, round(told * _FRACTION))
    remark = remarks(reply)
    steps, loss = max(0, int(_number(remark, "steps", 0.0))), _number(metrics[0], "train_loss", math.nan)
    # What local rules send along stays as it is: between clients of Flower's only the model travels.
    trained = Trained(
        params,
        counters,
        before.extras,
        {},
        examples,
        max(1, has.counted) * epochs,
        steps,
        loss,
        finite=largest < math.inf,
        length=math.sqrt(square) if measured and math.isfinite(square) else None,
        bounded=has.counted < has.claimed,
        direction=direction,
        rounded=packing is not None,
    )
    content = RecordDict({name: one for name, one in reply.content.items() if not isinstance(one, ArrayRecord)})
    return Reading(trained, arrays[0] if exact else None, content, "steps" in remark)


def averageable(contents: Iterable[RecordDict], round_: int) -> list[RecordDict]:
    """Return the metrics of ``contents`` as far as all report the same: no others have an average."""
    records = [next(iter(content.metric_records.values())) for content in contents]
    kinds = [
        {(name, len(value) if isinstance(value, list) else None) for name, value in record.items()}
        for record in records
    ]
    shared = {name for name, _ in set.intersection(*kinds)} if kinds else set()
    unlike = sorted({name for kind in kinds for name, _ in kind} - shared)
    if unlike:
        _log.warning(
            "round %d: metric '%s' has no average, since not all clients report it alike", round_, "', '".join(unlike)
        )
    return [
        RecordDict({"metrics": MetricRecord({name: record[name] for name in record if name in shared})})
        for record in records
    ]


def _explained(reason: str | None) -> str:
    text = " ".join((reason or "no reason given").split())[-500:]
    if "secagg" in text.lower():
        return f"{text}; SecAgg+ belongs to Flower's old interface: leave secaggplus_mod out of the ClientApp's mods"
    if "fitins.parameters" in text:
        return f"{text}; its ClientApp is of Flower's old interface: give it @app.train(), not client_fn"
    return text


def _number(values: Mapping[str, object], name: str, otherwise: float) -> float:
    value = values.get(name)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else otherwise
