"""The server side, which goes with any algorithm: from a round's models to the next one, and to the one in use."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from astraea.data.scenario import Scenario
from astraea.federation.server.aggregation import Aggregator, Mean, SampleMean, Sum
from astraea.federation.server.averaging import averaged
from astraea.federation.server.fedadam import FedAdam
from astraea.federation.server.fedavgm import FedAvgM
from astraea.federation.server.fednova import FedNova
from astraea.federation.server.optimizer import NoOptimizer, ServerOptimizer, ServerState
from astraea.federation.server.own_weights import OwnWeights
from astraea.federation.server.realignment import Classifier, find_classifier, realigned
from astraea.federation.server.settings import ServerSettings
from astraea.federation.vector import VectorModel

__all__ = [
    "Aggregator",
    "FedAdam",
    "FedAvgM",
    "FedNova",
    "Mean",
    "NoOptimizer",
    "OwnWeights",
    "SampleMean",
    "Server",
    "ServerOptimizer",
    "ServerSettings",
    "Sum",
    "make_server",
]

_AVERAGE = "average"


@dataclass(frozen=True)
class Server:
    """Settings, and where things lie in a model's vector.

    ``weights``: the trainable part is the first so many numbers, and all else are buffers, which are averaged but
    not optimised (``None``: there are none); ``classifier``: the final layer, if it is to be realigned.
    """

    settings: ServerSettings = field(default_factory=ServerSettings)
    weights: int | None = None
    classifier: Classifier | None = None

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

    Raises :class:`InputError` if the model has no final layer that could be realigned, or a client no weight.
    """
    if scenario is not None:
        settings = settings.model_copy(update={"aggregation": settings.aggregation.among(scenario)})
    classifier = None if settings.realign is None else find_classifier(model, classes)
    return Server(settings, len(model.weights), classifier)
