"""How a client tells its label histogram: as it is, with noise, or in a secure sum, and never more than it allows.

What was told is kept in the node's state. So the same labels get the same noise, however often they are asked for: who
asks a hundred times could else average it away.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict
from numpy.typing import ArrayLike, NDArray

from astraea.balance.augmentation import augmented_rows
from astraea.balance.histograms import client_histograms
from astraea.balance.privacy import HistogramPrivacy, LocalDP, SecureSum
from astraea.balance.privacy.local_dp import noisy_counts
from astraea.errors import InputError
from astraea.flower.messages import (
    AUGMENTS,
    BYTES,
    COUNTS,
    EPSILON,
    EXAMPLES,
    KEY,
    PARTITION,
    SAMPLES,
    SPENT,
    Question,
    SumStage,
    read_if_told,
)
from astraea.flower.secure_sum.client import answered

__all__ = ["Handler", "label_histogram", "labels_changed", "tells_exactly"]

Handler = Callable[[Message, Context], Message]
"""What answers a message at a client."""

_TOLD = "astraea-told"  # in the context's state: the counts behind what the server was last told, and that


def label_histogram(
    labels: Callable[[Context], ArrayLike],
    classes: int,
    histograms: HistogramPrivacy | str | Mapping[str, Any] = "plain",
) -> Handler:
    """Return the handler that tells the server a client's label histogram, the only thing about its data it tells.

    Register it with ``app.query("label_histogram")(label_histogram(labels, classes))``. ``labels(context)`` returns
    the labels ``(n,)`` of the client's training samples, from 0 to ``classes`` - 1, in the order in which
    :func:`augmented` gets them; where samples have several labels, rows of 0 and 1 ``(n, classes)``. ``histograms``
    is a way of ``privacy.histograms``: with ``"local-dp"`` the client adds noise whatever the server asks for, with
    ``"secure-sum"`` it tells its counts in a secure sum alone. A server that asks for more privacy is followed.
    Raises :class:`InputError` for a way that is unknown.
    """
    allowed = HistogramPrivacy.of(histograms)

    def answer(message: Message, context: Context) -> Message:
        own = _labels(labels(context), classes)
        counts = client_histograms(own, [np.arange(len(own))], classes)[0]
        question = read_if_told(message, Question) or Question()
        if question.sum is not None:
            return _summed(message, context, counts, allowed, question.sum)
        if isinstance(allowed, SecureSum):
            raise InputError(
                "this client tells its label histogram in a secure sum alone: give AstraeaStrategy "
                "privacy={'histograms': 'secure-sum'}"
            )
        epsilon = smallest(allowed.epsilon if isinstance(allowed, LocalDP) else None, question.epsilon)
        if epsilon is not None:
            told, spent = _noisy(context, counts, epsilon)
            return _answer(message, context, told, {EPSILON: epsilon, SPENT: spent})
        context.state[_TOLD] = MetricRecord({"counts": counts.tolist()})
        several = own.ndim == 2
        if (asked := question.copying) is not None:
            own = own[augmented_rows(own, np.arange(len(own)), asked.rebalancing, asked.streams.generator).rows]
            counts = client_histograms(own, [np.arange(len(own))], classes)[0]
        return _answer(message, context, counts, {SAMPLES: len(own)} if several else None)

    return answer


def _labels(given: ArrayLike, classes: int) -> NDArray[Any]:
    """Return labels ``(n,)``, or rows ``(n, classes)`` that say in which classes each sample counts.

    Raises :class:`InputError` for what is neither.
    """
    found = np.asarray(given)
    rows = found.ndim == 2 and found.shape[1] == classes > 1
    if not rows and found.size != len(found):
        raise InputError(
            f"labels(context) gives an array of shape {found.shape}: give a label for each sample (n,), or rows of 0 "
            f"and 1 (n, {classes})"
        )
    try:
        with np.errstate(invalid="ignore"):  # NaN becomes a number, and so another
            whole = found.astype(np.int64)
    except (TypeError, ValueError, OverflowError):
        whole = np.full(found.shape, -1)
    if found.dtype.kind not in "biuUS" and not np.array_equal(whole, found):
        odd = found[whole != found].reshape(-1)[0]
        raise InputError(f"labels(context) gives {odd!r:.60}: class labels are whole numbers from 0 to {classes - 1}")
    if found.dtype.kind in "US" and found.size and whole.min() < 0:
        raise InputError(
            f"labels(context) gives names, such as {found.reshape(-1)[0]!r:.60}: give the number of each class, "
            f"0 to {classes - 1}, alike at all clients"
        )
    if rows and not np.isin(whole, (0, 1)).all():
        raise InputError(f"labels(context) gives rows of {classes} values that are not all 0 or 1")
    return whole.astype(np.bool_) if rows else whole.reshape(-1)


def labels_changed(context: Context, counts: NDArray[np.int64]) -> bool:
    """Return whether a client's class counts ``(N,)`` are others than those behind what it told last."""
    told = context.state.get(_TOLD)
    return isinstance(told, MetricRecord) and told["counts"] != counts.tolist()


def tells_exactly(context: Context) -> bool:
    """Return whether the server knows the client's counts exactly: else it is to be told no exact size either."""
    told = context.state.get(_TOLD)
    return not isinstance(told, MetricRecord) or SPENT not in told


def smallest(*epsilons: float | None) -> float | None:
    """Return the smallest ε that is given, ``None`` if none is."""
    return min((one for one in epsilons if one is not None), default=None)


def _noisy(context: Context, counts: NDArray[np.int64], epsilon: float) -> tuple[NDArray[np.int64], float]:
    """Return the counts with noise, and the ε that this and earlier noise add up to."""
    record = context.state.get(_TOLD)
    kept: dict[str, Any] = dict(record) if isinstance(record, MetricRecord) else {}
    if kept.get("counts") == counts.tolist() and kept.get(EPSILON, math.inf) <= epsilon:
        return np.array(kept["told"], np.int64), float(kept[SPENT])
    told = noisy_counts(counts, epsilon, secrets.randbelow)
    spent = epsilon + float(kept.get(SPENT, 0.0))
    context.state[_TOLD] = MetricRecord(
        {"counts": counts.tolist(), "told": told.tolist(), EPSILON: epsilon, SPENT: spent}
    )
    return told, spent


def _summed(
    message: Message, context: Context, counts: NDArray[np.int64], allowed: HistogramPrivacy, stage: SumStage
) -> Message:
    """Take part in an exchange of a secure sum; the first one brings the noisy histogram too."""
    remark: dict[str, Any] = {}
    told = np.zeros(len(counts), np.int64)
    if stage.name == "keys":
        own = allowed.epsilon if isinstance(allowed, LocalDP | SecureSum) else None
        epsilon = smallest(own, stage.epsilon)
        if epsilon:
            told, spent = _noisy(context, counts, epsilon)
            remark = {EPSILON: epsilon, SPENT: spent}
        else:
            context.state[_TOLD] = MetricRecord({"counts": counts.tolist(), "told": [], SPENT: 0.0})
            remark = {EPSILON: 0.0, SPENT: 0.0}
    beside: list[Any] = [record[BYTES] for record in message.content.config_records.values() if BYTES in record]
    sent = b"".join(one for one in beside if isinstance(one, bytes))
    remark[BYTES] = answered(context.state, stage, sent, counts)
    return _answer(message, context, told, remark)


def _answer(
    message: Message, context: Context, counts: NDArray[np.int64], more: Mapping[str, Any] | None = None
) -> Message:
    remark = ConfigRecord({AUGMENTS: False, **(more or {})})
    if PARTITION in context.node_config:
        number = str(context.node_config[PARTITION])
        remark[PARTITION] = int(number) if number.isdecimal() else number  # what is no number, the server refuses
    metrics = MetricRecord({COUNTS: counts.tolist(), EXAMPLES: int(counts.sum())})
    return Message(RecordDict({"histogram": metrics, KEY: remark}), reply_to=message)
