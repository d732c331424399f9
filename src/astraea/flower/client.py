"""A whole ClientApp from a model and a client's samples: it trains with the same code as the local engines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from flwr.app import ArrayRecord, ConfigRecord, Context, Error, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode
from numpy.typing import NDArray
from torch import nn

from astraea.balance.losses import Loss
from astraea.balance.privacy import HistogramPrivacy
from astraea.data.dataset import Samples
from astraea.data.regression import Regression
from astraea.engines.serial import repeatable
from astraea.errors import InputError
from astraea.federation.clients import Population, as_input
from astraea.federation.evaluation import evaluate
from astraea.federation.models import fitted
from astraea.federation.training import Trainer
from astraea.federation.vector import VectorModel
from astraea.flower.arrays import sendable
from astraea.flower.few_bits import few_bits
from astraea.flower.messages import DATA_CHANGED, EXAMPLES, HISTOGRAM_ACTION, KEY, Instructions, OwnCopying, read_config
from astraea.flower.mods import Mod, augmentation, balanced
from astraea.flower.telling import label_histogram, labels_changed, tells_exactly

__all__ = ["client_app"]


def client_app(
    model: Callable[[], nn.Module],
    data: Callable[[Context], Samples],
    classes: int,
    *,
    test: Callable[[Context], Samples] | None = None,
    mods: Sequence[Mod] = (),
    histograms: HistogramPrivacy | str | Mapping[str, Any] = "plain",
    threads: int = 1,
    device: str = "cpu",
    regression: Regression | None = None,
) -> ClientApp:
    """Return a ClientApp for :class:`~astraea.flower.AstraeaStrategy`.

    ``model()`` builds the model whose weights travel. ``data(context)`` returns the client's training samples with
    labels from 0 to ``classes`` - 1, always in the same order; when their labels have changed, the server is told
    and asks for the histogram again. ``test(context)`` returns the samples on which evaluation measures accuracy
    and loss; without it the client has no answer to evaluation messages. ``mods`` are further mods of Flower's.
    ``histograms`` is how much the client tells of its labels: see :func:`label_histogram`. Unless that is ``"plain"``,
    it tells neither the number of its samples nor of its steps.
    The server averages half-precision models in float32, and what travels of bfloat16 is float32. Samples with several
    labels (``sets``) or with numbers to be predicted (``targets``) need such a loss at the server,
    ``train={"loss": "binary-cross-entropy"}`` or ``"squared-error"``; ``regression``, which all clients have alike,
    scales the latter and cuts them into the ``classes`` that are balanced. ``model()`` may take several inputs by name.
    With ``threads`` 1 a visit gives the bytes of the serial engine, on any number of cores.
    """
    app = ClientApp(mods=[few_bits(), *mods, augmentation()])
    kept = _Kept(model, device, classes, regression)

    app.query(HISTOGRAM_ACTION)(label_histogram(lambda context: _counted(data(context)), classes, histograms))

    @app.train()
    def train(message: Message, context: Context) -> Message:
        visit = read_config(message, Instructions)
        samples = data(context)
        trained = kept.model(samples)
        _check_loss(visit.train.loss, samples)
        _load(trained.module, message)
        plan = visit.plan(*trained.read())
        with repeatable(trained.device, threads):
            clients = [kept.population(context.node_id, samples, visit.copying)[0]]
            rule = visit.train.local_rule(len(trained.weights))
            trainer = Trainer(trained, rule, plan.training, prior=plan.prior)
            result = trainer.walk(plan, plan.chains[0], clients, [visit.stream])
        (report,) = result.reports
        if report.skipped is not None:
            return Message(Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, report.skipped), reply_to=message)
        trained.write(result.end.params, result.end.counters)
        exactly = tells_exactly(context)  # else the server is to count by what it was told, and to learn no size here
        metrics = MetricRecord({EXAMPLES: result.end.examples if exactly else 1, "train_loss": report.loss})
        remark = ConfigRecord({DATA_CHANGED: labels_changed(context, samples.counts(classes))})
        if exactly:
            remark["steps"] = report.steps
        content = RecordDict({"arrays": _arrays(trained.module, message), "metrics": metrics, KEY: remark})
        return Message(content, reply_to=message)

    if test is not None:

        @app.evaluate()
        def measure(message: Message, context: Context) -> Message:
            samples = test(context)
            module = kept.model(samples).module
            _load(module, message)
            measured = evaluate(module.eval(), samples, classes, regression=regression)
            metrics = MetricRecord({EXAMPLES: len(samples), "accuracy": measured.accuracy, "loss": measured.loss})
            return Message(RecordDict({"metrics": metrics}), reply_to=message)

    return app


class _Kept:
    """The model that visits take turns in, and what each node trains on while its samples and copies stay the same."""

    def __init__(
        self, build: Callable[[], nn.Module], device: str, classes: int, regression: Regression | None
    ) -> None:
        self._build, self._device, self._classes, self._regression = build, device, classes, regression
        self._nodes: dict[int, tuple[Samples, OwnCopying | None, Population]] = {}
        self._model: VectorModel | None = None
        self._outputs = classes

    def model(self, samples: Samples) -> VectorModel:
        """Return the model, made for such samples when it is first asked for."""
        if self._model is None:
            outputs = 1 if samples.targets is not None else None if samples.sets is not None else self._classes
            x = as_input(torch.tensor(samples.x[:2]), samples.form).to(self._device)
            module, self._outputs = fitted(self._build().to(self._device), x, samples.form, outputs)
            self._model = VectorModel(module)
        return self._model

    def population(self, node: int, samples: Samples, asked: OwnCopying | None) -> Population:
        kept = self._nodes.get(node)
        if kept is None or kept[0] is not samples or kept[1] != asked:
            population = balanced(samples, self._classes, asked)
            if samples.targets is not None:
                if self._regression is None:
                    raise InputError(
                        "the samples hold numbers to be predicted: give client_app the regression= that cuts and "
                        "scales them alike at all clients"
                    )
                population = population.regressing(self._regression.scaled(samples.targets))
            if samples.sets is not None:
                population = population.regressing(samples.sets[:, : self._outputs].astype(np.float32))
            kept = (samples, asked, population)
            self._nodes[node] = kept
        return kept[2]


def _counted(samples: Samples) -> NDArray[Any]:
    """Return what a histogram counts of samples: their labels, or in which classes each is."""
    return samples.y if samples.sets is None else samples.sets


def _check_loss(loss: Loss, samples: Samples) -> None:
    """Raise :class:`InputError` for a loss of classes where samples have none, or the other way round."""
    wanted = (samples.targets is not None, samples.sets is not None)
    if loss.regression not in (None, wanted[0]) or loss.several not in (None, wanted[1]):
        name = "squared-error" if wanted[0] else "binary-cross-entropy" if wanted[1] else "cross-entropy"
        raise InputError(
            f"loss '{loss.name}' does not fit the samples of this client: give AstraeaStrategy "
            f"train={{'loss': '{name}'}}"
        )


def _load(module: nn.Module, message: Message) -> None:
    """Give ``module`` the weights in ``message``; what does not travel stays as it was built."""
    received = next(iter(message.content.array_records.values())).to_torch_state_dict()
    lacking = [name for name, value in module.named_parameters() if value.requires_grad and name not in received]
    if lacking:
        raise InputError(f"the server's model lacks '{lacking[0]}': build the same model on server and clients")
    try:
        unknown = module.load_state_dict(received, strict=False).unexpected_keys
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"the server's model differs ({reason}): build the same on server and clients") from error
    if unknown:
        raise InputError(f"the server's model has an unknown '{unknown[0]}': build the same on server and clients")


def _arrays(module: nn.Module, message: Message) -> ArrayRecord:
    """Return the weights of ``module`` under the names that ``message`` came with."""
    state = module.state_dict()
    return ArrayRecord({name: sendable(state[name]) for name in next(iter(message.content.array_records.values()))})
