"""A whole ClientApp from a model and a client's samples: it trains with the same code as the local engines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from flwr.app import ArrayRecord, ConfigRecord, Context, Error, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode
from torch import nn

from astraea.balance.privacy import HistogramPrivacy
from astraea.data.dataset import Samples
from astraea.engines.serial import repeatable
from astraea.errors import InputError
from astraea.federation.clients import Population
from astraea.federation.evaluation import evaluate
from astraea.federation.training import Trainer
from astraea.federation.vector import VectorModel
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
) -> ClientApp:
    """Return a ClientApp for :class:`~astraea.flower.AstraeaStrategy`.

    ``model()`` builds the model whose weights travel. ``data(context)`` returns the client's training samples with
    labels from 0 to ``classes`` - 1, always in the same order; when their labels have changed, the server is told
    and asks for the histogram again. ``test(context)`` returns the samples on which evaluation measures accuracy
    and loss; without it the client has no answer to evaluation messages. ``mods`` are further mods of Flower's.
    ``histograms`` is how much the client tells of its labels: see :func:`label_histogram`. Unless that is ``"plain"``,
    it tells neither the number of its samples nor of its steps.
    With ``threads`` 1 a visit gives the bytes of the serial engine, on any number of cores.
    """
    app = ClientApp(mods=[*mods, augmentation()])
    kept = _Kept(model, device)

    app.query(HISTOGRAM_ACTION)(label_histogram(lambda context: data(context).y, classes, histograms))

    @app.train()
    def train(message: Message, context: Context) -> Message:
        visit = read_config(message, Instructions)
        samples = data(context)
        trained = kept.model
        _load(trained.module, message)
        plan = visit.plan(*trained.read())
        with repeatable(trained.device, threads):
            clients = [kept.population(context.node_id, samples, classes, visit.copying)[0]]
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
            module = kept.model.module
            _load(module, message)
            measured = evaluate(module.eval(), samples, classes)
            metrics = MetricRecord({EXAMPLES: len(samples), "accuracy": measured.accuracy, "loss": measured.loss})
            return Message(RecordDict({"metrics": metrics}), reply_to=message)

    return app


class _Kept:
    """The model that visits take turns in, and what each node trains on while its samples and copies stay the same."""

    def __init__(self, build: Callable[[], nn.Module], device: str) -> None:
        self._build, self._device = build, device
        self._nodes: dict[int, tuple[Samples, OwnCopying | None, Population]] = {}

    @cached_property
    def model(self) -> VectorModel:
        return VectorModel(self._build().to(self._device))

    def population(self, node: int, samples: Samples, classes: int, asked: OwnCopying | None) -> Population:
        kept = self._nodes.get(node)
        if kept is None or kept[0] is not samples or kept[1] != asked:
            kept = (samples, asked, balanced(samples, classes, asked))
            self._nodes[node] = kept
        return kept[2]


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
    return ArrayRecord({name: state[name] for name in next(iter(message.content.array_records.values()))})
