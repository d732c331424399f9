"""Tables on Flower: each node reads its own, all agree on one input form first, and then train on rows in that form.

The server asks every node once for the sums of its table (:mod:`astraea.data.agreement`). What follows from them is
the ``inputs.json`` of a run's folder; it goes with every later message, so that a node that comes late has it too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid
from pydantic import ValidationError
from torch import nn

from astraea.data.agreement import TableSums, TableTerms, agreed, apart, column_sums, encode, table_of
from astraea.data.column_signs import doubts
from astraea.data.columns import labelled, named
from astraea.data.dataset import Samples
from astraea.data.holdout import hold_out
from astraea.data.inputs import Inputs
from astraea.data.source import source_of
from astraea.data.unlike import unlike_training
from astraea.errors import AstraeaError, InputError, RunError
from astraea.files import write_text
from astraea.flower.client import client_app
from astraea.flower.messages import HISTOGRAM_ACTION, KEY, PARTITION, remarks
from astraea.flower.post import Post
from astraea.flower.questions import wait_for_nodes
from astraea.seeding import Purpose, stream

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["TableTerms", "agree_on_table", "agreed", "as_config", "column_sums", "encode", "table_app"]

_log = logging.getLogger("flwr")

_ACTION = "table_sums"
_SUMS = "table-sums"
_INPUTS = "astraea-table"  # where the agreed form stands in a message's configuration


def table_app(
    model: Callable[[Inputs], nn.Module],
    read: Callable[[Context], DataFrame],
    terms: TableTerms,
    *,
    test_share: float = 0.0,
    **options: Any,
) -> ClientApp:
    """Return a ClientApp for nodes with a table each: it tells the table's sums, and trains in the agreed form.

    ``read(context)`` returns the node's rows, always in the same order, and ``model(inputs)`` builds the model for the
    agreed form: ``inputs.form.shape`` and ``inputs.reader.class_names``. ``test_share`` of each class, drawn alike
    every time, is held out: no sum reads it, nothing trains on it, and evaluation measures on it. ``options`` are those
    of :func:`client_app`.

    What is wrong with a table is told in the node's own log. The server learns that something is, since the sentence
    may quote a cell.
    """
    if not 0 <= test_share < 1:
        raise InputError(f"test_share is {test_share:g}: give the share of rows to hold out, from 0 to below 1")
    app, table = ClientApp(), _Table(model, read, terms, test_share, options)

    @app.query(_ACTION)
    def tell(message: Message, context: Context) -> Message:
        number = {PARTITION: context.node_config[PARTITION]} if PARTITION in context.node_config else {}
        remark = ConfigRecord({_SUMS: table.sums(context).model_dump_json(), **number})
        return Message(RecordDict({KEY: remark}), reply_to=message)

    def answer(message: Message, context: Context) -> Message:
        return table.app(_told(message))(message, context)

    app.query(HISTOGRAM_ACTION)(answer)
    app.train()(answer)
    app.evaluate()(answer)
    return app


class _Table:
    """The tables of the nodes that answer in one process, and the app that trains on them in the form last agreed."""

    def __init__(
        self,
        model: Callable[[Inputs], nn.Module],
        read: Callable[[Context], DataFrame],
        terms: TableTerms,
        share: float,
        options: dict[str, Any],
    ) -> None:
        self._model, self._read, self._terms, self._share, self._options = model, read, terms, share, options
        self._built: tuple[str, ClientApp] | None = None
        self._kept: dict[tuple[int, bool], tuple[DataFrame, Samples]] = {}

    def sums(self, context: Context) -> TableSums:
        """Return what the node tells of the rows that it trains on; those held out must be usable too."""
        with _kept_at_home():
            frame = self._read(context)
            told = column_sums(frame, self._terms)
            kinds = [[one.name for one in told.columns if one.kind == kind] for kind in ("whole numbers", "numbers")]
            for doubt in doubts(frame, *kinds):
                _log.warning("%s", doubt)
            return column_sums(self._part(frame, test=False), self._terms) if self._share else told

    def app(self, text: str) -> ClientApp:
        """Return the app for the form that ``text`` is the JSON of."""
        if self._built is None or self._built[0] != text:
            inputs = Inputs.model_validate_json(text)
            self._kept.clear()

            def data(context: Context) -> Samples:
                return self._samples(context, inputs, test=False)

            def held_out(context: Context) -> Samples:
                return self._samples(context, inputs, test=True)

            options = ({"test": held_out} if self._share else {}) | self._options
            app = client_app(lambda: self._model(inputs), data, len(inputs.reader.class_names), **options)
            self._built = (text, app)
        return self._built[1]

    def _samples(self, context: Context, inputs: Inputs, *, test: bool) -> Samples:
        with _kept_at_home():
            frame = self._read(context)
            found = self._kept.get((context.node_id, test))
            if found is None or found[0] is not frame:
                own = self._part(frame, test=test)
                found = (frame, encode(own, inputs))
                if not test:
                    for doubt in unlike_training(table_of(inputs).columns, named(own), "this node's table"):
                        _log.warning("%s", doubt)
                self._kept[context.node_id, test] = found
            return found[1]

    def _part(self, frame: DataFrame, *, test: bool) -> DataFrame:
        """Return the rows to train on, or those to test on."""
        if not self._share:
            return frame
        labels = labelled(frame, self._terms.label_column, source_of(frame)).astype(str)
        numbered = np.unique(labels, return_inverse=True)[1].astype(np.int64)
        held = hold_out(numbered, self._share, stream(0, Purpose.VALIDATION))
        rows = held if test else np.setdiff1d(np.arange(len(frame)), held, assume_unique=True)
        return frame.iloc[rows]


def agree_on_table(
    grid: Grid,
    terms: TableTerms,
    *,
    nodes: int,
    kept: Path | str | None = None,
    patience: float = 600.0,
    timeout: float = 600.0,
) -> Inputs:
    """Return the input form that ``nodes`` and more connected nodes agree on, from the sums of their tables.

    ``kept`` is the file that keeps it: if that is there already, it holds and nobody is asked, so that a run which goes
    on later, or with new nodes, has the form that its model was trained in. ``patience`` and ``timeout`` are seconds to
    wait for nodes and for their answers.

    Raises :class:`RunError` if nodes do not answer, and :class:`InputError` if their tables do not fit together.
    """
    path = None if kept is None else Path(kept)
    if path is not None and path.is_file():
        try:
            inputs = Inputs.model_validate_json(path.read_text(encoding="utf-8"))
        except (ValidationError, UnicodeDecodeError) as error:
            raise InputError(f"{path} does not hold an input form: remove it, to have the nodes agree anew") from error
        _log.info("The input form is that in %s: nodes are not asked for their tables' sums", path)
        return inputs
    wait_for_nodes(grid, nodes, "nodes", patience)
    told = _ask(grid, timeout)
    sites = list(told)
    for doubt in apart(list(told.values()), sites):
        _log.warning("%s", doubt)
    inputs = agreed(list(told.values()), terms, sites)
    _log.info(
        "%d nodes agree on %d columns, %d features and the classes %s",
        len(told),
        len(table_of(inputs).columns),
        inputs.form.shape[0],
        ", ".join(inputs.reader.class_names),
    )
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, inputs.model_dump_json(indent=2))
    return inputs


def as_config(inputs: Inputs) -> ConfigRecord:
    """Return the agreed form as what ``AstraeaStrategy.start`` takes as ``train_config`` and ``evaluate_config``."""
    return ConfigRecord({_INPUTS: inputs.model_dump_json()})


def _ask(grid: Grid, timeout: float) -> dict[str, TableSums]:
    """Return the sums of all connected nodes by their names, in the order of their numbers."""
    post = Post[int](grid)
    for node in grid.get_node_ids():
        content = RecordDict({"config": ConfigRecord()})
        message = Message(content, node, f"query.{_ACTION}", group_id=str(node), ttl=timeout)
        post.send(node, message, timeout)
    found: list[tuple[tuple[int, Any], str, TableSums]] = []
    failed: list[str] = []
    for node, reply, _ in post.fetch():
        if reply is None or reply.has_error():
            why = f"no answer within {timeout:g} s" if reply is None else " ".join((reply.error.reason or "").split())
            failed.append(f"node {node} ({why})")
            continue
        remark = remarks(reply)
        number = remark.get(PARTITION)
        name = f"node {node}" if number is None else f"node {node} ({PARTITION} {number!r})"
        try:
            sums = TableSums.model_validate_json(str(remark.get(_SUMS)))
        except ValidationError as error:
            failed.append(f"{name} (its sums are not understood: {error.errors()[0]['msg']})")
            continue
        order = (0, number) if isinstance(number, int) else (1, str(node))
        found.append((order, name, sums))
    if failed:
        raise RunError(f"the sums of tables are missing from {'; '.join(sorted(failed))}: mend or stop them")
    return {name: sums for _, name, sums in sorted(found, key=lambda one: one[:2])}


def _told(message: Message) -> str:
    for record in message.content.config_records.values():
        if _INPUTS in record:
            return str(record[_INPUTS])
    raise InputError(
        "the message brings no agreed table: give AstraeaStrategy.start() train_config=as_config(inputs), and "
        "evaluate_config=as_config(inputs), with the inputs of agree_on_table()"
    )


@contextmanager
def _kept_at_home() -> Iterator[None]:
    """Keep what is wrong with a table in the log of its own node."""
    try:
        yield
    except (AstraeaError, OSError) as error:
        _log.error("this node's table cannot be used: %s", error)
    else:
        return
    raise InputError("its table cannot be used: the reason is in the log of that node")
