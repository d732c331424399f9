"""What AstraeaStrategy and a ClientApp tell each other beside Flower's own records.

Every instruction is one JSON text under ``config["astraea"]`` of a message, every answer one ConfigRecord
``"astraea"`` of a reply: so whatever reads or changes a single ArrayRecord, MetricRecord and ConfigRecord, as
Flower's own mods do, goes on to work.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import numpy as np
import torch
from flwr.app import ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.common.constant import ErrorCode
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from astraea.balance.rebalancing import Rebalancing
from astraea.balance.settings import TransformSettings
from astraea.errors import InputError
from astraea.federation.plan import Chain, ChainState, RoundPlan, Visit
from astraea.federation.settings import TrainingSettings
from astraea.federation.walk import VisitError
from astraea.seeding import CopyStreams, copy_streams

__all__ = [
    "AUGMENTS",
    "AWAY",
    "BYTES",
    "COUNTS",
    "DATA_CHANGED",
    "EPSILON",
    "EXAMPLES",
    "FEW_BITS",
    "HISTOGRAM_ACTION",
    "HISTOGRAM_QUERY",
    "KEY",
    "MOST",
    "PARTITION",
    "SAMPLES",
    "SPENT",
    "Copying",
    "FewBits",
    "Instructions",
    "OwnCopying",
    "Question",
    "SumStage",
    "bytes_of",
    "read_config",
    "read_histogram",
    "read_if_told",
    "remark_on",
    "remarks",
]

KEY = "astraea"
"""Where instructions stand in a message's configuration, and the name of the record with a reply's remarks."""

HISTOGRAM_ACTION = "label_histogram"
HISTOGRAM_QUERY = f"query.{HISTOGRAM_ACTION}"
"""The message type that asks a client for its label histogram."""

SAMPLES = "samples"
"""A remark of a client whose samples have several labels, which its counts do not say: how many samples it has."""
COUNTS, EXAMPLES = "label-histogram", "num-examples"
"""Names of the two values in the answer: class counts, and the samples that they must add up to."""

AUGMENTS, FEW_BITS, DATA_CHANGED, PARTITION = "augments", "few-bits", "data-changed", "partition-id"
"""A client's remarks: that it follows the server's rebalancing and takes models in few bits, that its data are new, and
its number."""

EPSILON, SPENT, BYTES = "epsilon", "epsilon-spent", "bytes"
"""A client's remarks on privacy: the ε of the noise on its histogram, and what this and earlier noise add up to. What a
secure sum sends, either way, is beside them."""

AWAY = (
    ErrorCode.UNKNOWN,
    ErrorCode.MESSAGE_UNAVAILABLE,
    ErrorCode.REPLY_MESSAGE_UNAVAILABLE,
    ErrorCode.NODE_UNAVAILABLE,
)
"""Errors with which the SuperLink answers in the place of a node that did not."""

MOST = 2**53
"""Up to here whole numbers survive as floating point numbers, so no count may reach it."""


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Copying(_Told):
    """The rebalancing that a client is to apply to its samples: see :class:`~astraea.balance.Rebalancing`.

    ``on_the_fly`` and ``transform_all`` are those of :meth:`Population.from_samples`.
    """

    copies: tuple[float, ...]
    keep: tuple[float, ...]
    on_the_fly: bool
    transform_all: bool = False
    transforms: TransformSettings

    def drawn_from(self, seed: int, client: int) -> OwnCopying:
        """Return what the client of a number is told."""
        return OwnCopying(**dict(self), streams=copy_streams(seed, client))

    @property
    def rebalancing(self) -> Rebalancing:
        """What becomes of a sample of each class."""
        return Rebalancing(np.array(self.copies), np.array(self.keep))

    @property
    def predictable(self) -> bool:
        """Whether counts alone say what a client will hold: nothing is dropped and no copy is left to chance."""
        return all(share == 1 for share in self.keep) and all(number % 1 == 0 for number in self.copies)


class OwnCopying(Copying):
    """A rebalancing with the ``streams`` from which one client draws its copies."""

    streams: CopyStreams


class SumStage(_Told):
    """One exchange of a secure sum: see :mod:`astraea.flower.secure_sum.protocol`.

    ``epsilon`` is that of the noisy histogram beside the keys, 0 for none; ``place`` the client's among the keys that
    come with the question, ``places`` those of the clients that sent shares or, in the last exchange, are in the sum.
    """

    name: Literal["keys", "shares", "masked", "reveal"]
    epsilon: float = 0.0
    place: int = -1
    places: tuple[int, ...] = ()


class Question(_Told):
    """Asks for a label histogram: of the samples as they are, or as they are after ``copying``.

    With ``epsilon`` it is to come with noise, and with ``sum`` the question is one of a secure sum.
    """

    copying: OwnCopying | None = None
    epsilon: float | None = None
    sum: SumStage | None = None


class FewBits(_Told):
    """In how many ``bits`` each weight of a message's model comes, and the change to it is to go back.

    ``seed`` is that of the change's rounding; ``arrays`` are name, shape and dtype of each array of the whole model.
    """

    bits: Literal[4, 8]
    seed: int
    arrays: tuple[tuple[str, tuple[int, ...], str], ...]


class Instructions(_Told):
    """Everything a client needs for one visit, so that it trains the same bytes as a local engine would.

    ``stream`` is the seed of the visit, from which its batches are drawn. Neither the run's seed is told, nor the
    client's number, nor its place in a chain: from these it could work out who trains before it. ``prior`` is the
    effective class prior ``(N,)`` for losses that read it, ``progress`` the share of the run that is done. Where
    ``train.decay`` is ``visits``, the rate in ``train`` is the visit's own, which tells about how far its chain is.
    """

    stream: int
    progress: float
    epochs: int
    train: TrainingSettings
    prior: tuple[float, ...] | None = None
    copying: OwnCopying | None = None
    few_bits: FewBits | None = None

    def plan(self, params: Tensor, counters: Tensor) -> RoundPlan:
        """Return the plan of this one visit, for the model of ``params`` ``(P,)`` and ``counters`` ``(Q,)``."""
        return RoundPlan(
            round=0,
            seed=0,
            start=ChainState(params, counters),
            chains=(Chain(0, (Visit(0),)),),
            training=self.train.local(self.epochs, self.progress),
            prior=None if self.prior is None else torch.tensor(self.prior, dtype=torch.float32),
        )


Kind = TypeVar("Kind", bound=_Told)


def bytes_of(content: RecordDict) -> int:
    """Return the bytes that ``content`` takes in a message, but for what Flower puts around it."""
    total = 0
    for record in content.values():
        if isinstance(record, ArrayRecord):
            total += record.count_bytes()
            continue
        for name, value in record.items():
            values = value if isinstance(value, list) else [value]
            total += len(name) + sum(len(one) if isinstance(one, str | bytes) else 8 for one in values)
    return total


def read_config(message: Message, kind: type[Kind]) -> Kind:
    """Return what the server told this client in ``message``.

    Raises :class:`InputError` if it told nothing, or something that this version does not understand.
    """
    found = read_if_told(message, kind)
    if found is None:
        raise InputError("the message holds no instructions of Astraea: use astraea.flower.AstraeaStrategy to send it")
    return found


def read_if_told(message: Message, kind: type[Kind]) -> Kind | None:
    """Return what the server told this client in ``message``, ``None`` if it told nothing.

    Raises :class:`InputError` if this version does not understand it.
    """
    texts = [record[KEY] for record in message.content.config_records.values() if KEY in record]
    if not texts:
        return None
    try:
        return kind.model_validate_json(str(texts[0]))
    except ValidationError as error:
        raise InputError(
            f"the instructions of the server are not understood ({error.errors()[0]['msg']}): "
            "install the same version of astraea on server and clients"
        ) from error


def read_histogram(reply: Message, epsilon: float | None = None) -> NDArray[np.int64]:
    """Return the label histogram ``(N,)`` in a client's answer; with ``epsilon`` it must have noise of that or less.

    Raises :class:`VisitError` if it is not one, or contradicts the client's own number of samples.
    """
    noise = remarks(reply).get(EPSILON)
    if epsilon is not None and not (isinstance(noise, int | float) and 0 <= noise <= epsilon):
        raise VisitError(
            f"its label histogram has no noise of ε = {epsilon:g}, as privacy.histograms asks for: give its ClientApp "
            "astraea.flower.label_histogram of this version"
        )
    metrics = {name: value for record in reply.content.metric_records.values() for name, value in record.items()}
    counts, examples = metrics.get(COUNTS), metrics.get(EXAMPLES)
    if noise is not None and isinstance(counts, list) and counts and all(_is_count(abs(one)) for one in counts):
        return np.array(counts, np.int64)  # which may be negative, and add up to anything
    if not isinstance(counts, list) or not counts or not all(_is_count(value) for value in counts):
        raise VisitError(f"its label histogram is {counts!r:.80}, not a list of class counts")
    if not _is_count(examples) or sum(counts) != examples:
        raise VisitError(f"its label histogram adds up to {sum(counts)} samples, and it says that it has {examples}")
    if not sum(counts):
        raise VisitError("it holds no sample")
    return np.array(counts, np.int64)


def remark_on(reply: Message, name: str) -> Message:
    """Return a client's answer to a question with a further remark: that it does what ``name`` says."""
    remark = reply.content.get(KEY) if reply.has_content() else None
    if isinstance(remark, ConfigRecord):
        remark[name] = True
    return reply


def remarks(reply: Message) -> ConfigRecord:
    """Return what a client remarks in a reply; an empty record if it remarks nothing."""
    found: Any = reply.content.get(KEY)
    return found if isinstance(found, ConfigRecord) else ConfigRecord()


def _is_count(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value < MOST and value == int(value)
