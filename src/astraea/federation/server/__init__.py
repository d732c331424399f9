"""The server side, which goes with any algorithm: from a round's models to the next one, and to the one in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from astraea.data.scenario import Scenario
from astraea.federation.defences import Defence, Guard
from astraea.federation.defences.base import ProbeSamples
from astraea.federation.defences.probe import probe_samples
from astraea.federation.handover import Ranges, in_few_bits
from astraea.federation.server.aggregation import Aggregator, Mean, SampleMean, Sum
from astraea.federation.server.averaging import averaged
from astraea.federation.server.centred_clipping import CentredClipping
from astraea.federation.server.fedadam import FedAdam
from astraea.federation.server.fedavgm import FedAvgM
from astraea.federation.server.fednova import FedNova
from astraea.federation.server.gathered import RobustAggregator
from astraea.federation.server.median import CoordinateMedian
from astraea.federation.server.multi_krum import MultiKrum
from astraea.federation.server.optimizer import NoOptimizer, ServerOptimizer, ServerState
from astraea.federation.server.own_weights import OwnWeights
from astraea.federation.server.realignment import Classifier, find_classifier, realigned
from astraea.federation.server.settings import ServerSettings
from astraea.federation.server.trimmed_mean import TrimmedMean
from astraea.federation.vector import VectorModel

__all__ = [
    "Aggregator",
    "CentredClipping",
    "CoordinateMedian",
    "FedAdam",
    "FedAvgM",
    "FedNova",
    "Mean",
    "MultiKrum",
    "NoOptimizer",
    "OwnWeights",
    "RobustAggregator",
    "SampleMean",
    "Server",
    "ServerOptimizer",
    "ServerSettings",
    "Sum",
    "TrimmedMean",
    "make_server",
]

_AVERAGE = "average"


@dataclass(frozen=True)
class Server:
    """Settings, and where things lie in a model's vector.

    ``weights``: the trainable part is the first so many numbers, and all else are buffers, which are averaged but
    not optimised (``None``: there are none); ``in_few_bits``: where the weights lie of which ``algorithm.bits`` speaks
    (``None``: all do); ``classifier``: the final layer, if it is to be realigned; ``probe``:
    samples of the server's own, for a defence that needs them.
    """

    settings: ServerSettings = field(default_factory=ServerSettings)
    weights: int | None = None
    in_few_bits: Ranges | None = None
    classifier: Classifier | None = None
    probe: ProbeSamples | None = None

    @property
    def defence(self) -> Defence:
        """What checks each hand-over before it is passed on."""
        return self.settings.defence

    def guard(self, memory: Mapping[str, Tensor]) -> Guard | None:
        """Return the defence of a round; ``None`` where it does no more than what is always done."""
        return self.defence.guard(memory, self.probe) if self.settings.defended else None

    @property
    def aggregator(self) -> Aggregator:
        """What adds up a round's models."""
        return self.settings.aggregation

    def next(
        self, params: Tensor, mean: Tensor, stretch: float, round_: int, memory: ServerState
    ) -> tuple[Tensor, ServerState]:
        """Return the next model, and what the server remembers.

        ``params`` ``(P,)`` is the model that the round began with, ``mean`` the weighted average of what came
        back, and ``stretch`` the factor by which its change is to be lengthened; ``round_`` counts from 1.
        """
        settings = self.settings
        own: ServerState = {}
        if not settings.optimizer.keeps_average or stretch != 1.0:
            trained = slice(self.weights)
            step, own = settings.optimizer.step(stretch * (mean[trained] - params[trained]), memory)
            mean = torch.cat([params[trained] + step, mean[len(step) :]])
        if settings.average:
            own = {**own, _AVERAGE: averaged(memory.get(_AVERAGE), mean, round_, settings.average)}
        return mean, own

    def deploy(self, params: Tensor, memory: ServerState) -> Tensor:
        """Return the model to use, ``(P,)``."""
        used = memory.get(_AVERAGE, params)
        if self.classifier is None or self.settings.realign is None:
            return used
        return realigned(used, self.classifier, self.settings.realign)


def make_server(settings: ServerSettings, model: VectorModel, classes: int, scenario: Scenario | None = None) -> Server:
    """Return the server side for ``model`` and the clients of ``scenario``.

    Raises :class:`InputError` if the model has no final layer that could be realigned, a client no weight, or a
    defence no samples.
    """
    if scenario is not None:
        settings = settings.model_copy(update={"aggregation": settings.aggregation.among(scenario)})
    classifier = None if settings.realign is None else find_classifier(model, classes)
    named = model.named(model.weights).items()
    few = in_few_bits((name, tuple(weights.shape)) for name, weights in named)
    return Server(settings, len(model.weights), few, classifier, probe_samples(settings.defence, scenario))
