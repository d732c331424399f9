"""Waiting for nodes, and asking for their label histograms: who does not answer costs one wait, not one a round."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

import numpy as np
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid
from numpy.typing import NDArray

from astraea.errors import RunError
from astraea.federation.walk import VisitError
from astraea.flower.messages import (
    AWAY,
    HISTOGRAM_ACTION,
    HISTOGRAM_QUERY,
    KEY,
    PARTITION,
    Question,
    read_histogram,
    remarks,
)
from astraea.flower.post import Post

__all__ = ["Answers", "Questions", "read_answer", "wait_for_nodes"]

_log = logging.getLogger("flwr")

_POLL = 1.0  # seconds between two looks at who is connected

Answers = dict[int, tuple[NDArray[np.int64], ConfigRecord]]
"""The histogram and the remarks of each node that answered."""


class Questions:
    """Questions under way; ``refused`` says of nodes that are left out why. All others that fail are asked again."""

    def __init__(self, config_key: str, epsilon: float | None = None) -> None:
        self._config_key, self._epsilon = config_key, epsilon
        self._post: Post[int] | None = None
        self._failed: set[int] = set()  # nodes whose last answer was none: nobody waits for the next one
        self.refused: dict[int, str] = {}

    def ask(
        self, grid: Grid, questions: Mapping[int, Question | None], timeout: float, config: ConfigRecord
    ) -> Answers:
        """Return what nodes answer, within ``timeout`` seconds; ``config`` goes with every question.

        A node that failed before is asked, but its answer may come with a later call.
        """
        if self._post is None or self._post.grid is not grid:
            self._post = Post(grid)
        awaited = questions.keys() - self._failed
        for node in questions.keys() - self._post.tags:
            question = questions[node]
            if question is None and self._epsilon is not None:
                question = Question(epsilon=self._epsilon)
            own = ConfigRecord({**config} if question is None else {**config, KEY: question.model_dump_json()})
            content = RecordDict({self._config_key: own})
            message = Message(content, node, HISTOGRAM_QUERY, group_id=str(node), ttl=timeout)
            self._post.send(node, message, timeout)
        answers: Answers = {}
        silent = []
        for node, reply, _ in [*self._post.look(), *self._post.fetch(awaited)]:
            if reply is None or (reply.has_error() and reply.error.code in AWAY):
                if node not in self._failed:
                    silent.append(str(node))
                self._failed.add(node)
                continue
            try:
                answers[node] = read_answer(reply, self._epsilon)
            except VisitError as error:
                self.refuse(node, str(error))
        if silent:
            _log.warning(
                "no label histogram from node %s within %g s: asked again, and not waited for",
                ", ".join(sorted(silent)),
                timeout,
            )
        return answers

    def refuse(self, node: int, reason: str) -> None:
        """Leave a node out until it gives a better answer."""
        self._failed.add(node)
        text = f"node {node} is left out: {reason}"
        if self.refused.get(node) != text:
            _log.warning("%s", text)
        self.refused[node] = text

    def accept(self, node: int) -> None:
        """Take a node in, and wait for its answers from now on."""
        self._failed.discard(node)
        if self.refused.pop(node, None):
            _log.info("node %d takes part from now on", node)


def read_answer(reply: Message, epsilon: float | None) -> tuple[NDArray[np.int64], ConfigRecord]:
    """Return the histogram ``(N,)``, with noise of ``epsilon`` where that is given, and the remarks in a reply.

    Raises :class:`VisitError` if it holds none.
    """
    if reply.has_error():
        raise VisitError(_explained(reply.error.code, _short(reply.error.reason)))
    remark = remarks(reply)
    if not isinstance(remark.get(PARTITION, 0), int):
        raise VisitError(
            f"its {PARTITION} is {remark[PARTITION]!r}, not a whole number: give it one in --node-config, or call that "
            "setting otherwise"
        )
    return read_histogram(reply, epsilon), remark


def _explained(code: int, reason: str) -> str:
    """Return what to do about an error in the place of a histogram."""
    add = f"add app.query('{HISTOGRAM_ACTION}')(astraea.flower.label_histogram(...)) to it"
    if code == ErrorCode.MOD_FAILED_PRECONDITION:
        return (
            f"a mod of its ClientApp refused the question for its label histogram ({reason}): move that mod from "
            "ClientApp(mods=...) to @app.train(mods=...)"
        )
    if "client_fn" in reason or "Invalid message type" in reason:  # of an app that has one, whatever it is asked
        return f"its ClientApp is of Flower's old interface ({reason}): give it @app.train(), not client_fn, and {add}"
    return f"it answered with an error ({reason}); if its ClientApp has no such query, {add}"


def _short(reason: str | None) -> str:
    text = " ".join((reason or "no reason given").split())
    return text if len(text) <= 200 else f"... {text[-200:]}"


def wait_for_nodes(grid: Grid, needed: int, setting: str, patience: float) -> None:
    """Wait until ``needed`` nodes are connected, as ``setting`` asks.

    Raises :class:`RunError` if they are not after ``patience`` seconds.
    """
    deadline = time.monotonic() + patience
    while (connected := len(list(grid.get_node_ids()))) < needed:
        if time.monotonic() > deadline:
            raise RunError(
                f"{connected} nodes are connected after {patience:g} s, {setting} asks for {needed}: "
                "start more SuperNodes, or lower it"
            )
        _log.info("Waiting for nodes: %d of %d are connected", connected, needed)
        time.sleep(_POLL)
