"""Who is there: the server's list of clients, with the label histogram of each, asked for once.

A client is known by its ``partition-id`` where its node has one, and else by its node's id; in that order clients
are numbered when they first answer, and a number never changes. So a node that is started anew, or that comes
later, disturbs nobody's random streams.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid
from numpy.typing import NDArray

from astraea.errors import RunError
from astraea.federation.walk import VisitError
from astraea.flower.messages import (
    AUGMENTS,
    HISTOGRAM_ACTION,
    HISTOGRAM_QUERY,
    KEY,
    PARTITION,
    Copying,
    Question,
    read_histogram,
    remarks,
)

__all__ = ["Client", "ClientRegistry", "wait_for_nodes"]

_log = logging.getLogger("flwr")

_POLL = 1.0  # seconds between two looks at who is connected

_FAULTS = (ErrorCode.LOAD_CLIENT_APP_EXCEPTION, ErrorCode.CLIENT_APP_RAISED_EXCEPTION)
"""Errors that asking again would not mend; others come from a node that is away, or from the way to it."""


@dataclass
class Client:
    """One client: ``own`` ``(N,)`` counts its samples, ``trained`` those that it trains on, copies included.

    ``node`` is ``None`` until it has answered this server, and ``augments`` says that it follows a rebalancing.
    """

    name: int
    own: NDArray[np.int64]
    trained: NDArray[np.int64]
    augments: bool
    node: int | None = None


class ClientRegistry:
    """The clients in the order of their numbers.

    ``rebalance`` maps the class counts of all clients ``(N,)`` to what each is to do about them, ``None`` for
    nothing. Without ``ask`` nobody is asked for a histogram: the plan then must not read any.
    """

    def __init__(
        self, rebalance: Callable[[NDArray[np.int64]], Copying | None], seed: int, config_key: str, *, ask: bool
    ) -> None:
        self._rebalance, self._seed, self._config_key, self._ask = rebalance, seed, config_key, ask
        self.clients: list[Client] = []
        self.copying: Copying | None = None
        self._stale: set[int] = set()  # nodes that are to be asked again
        self._refused: dict[int, str] = {}

    @property
    def histograms(self) -> NDArray[np.int64]:
        """What each client trains on, shape ``(K, N)``."""
        return np.stack([client.trained for client in self.clients])

    def available(self, grid: Grid) -> NDArray[np.bool_]:
        """Return which clients are connected, shape ``(K,)``."""
        connected = set(grid.get_node_ids())
        return np.array([client.node in connected and client.node not in self._stale for client in self.clients])

    def node(self, client: int) -> int:
        """Return the node of a client that has answered."""
        node = self.clients[client].node
        assert node is not None
        return node

    def fits(self, client: int, examples: float) -> bool:
        """Whether a number of training samples agrees with the client's histogram, with copies or without."""
        return examples in (self.clients[client].own.sum(), self.clients[client].trained.sum())

    def ask_again(self, client: int) -> None:
        """Ask this client for its histogram before the next round."""
        self._stale.add(self.node(client))

    def refresh(self, grid: Grid, timeout: float) -> None:
        """Ask whoever has not answered yet, or has new data.

        Raises :class:`RunError` if no client gives a histogram that can be used, or two claim the same partition.
        """
        connected = list(grid.get_node_ids())
        known = {client.node for client in self.clients} - self._stale
        strangers = [node for node in connected if node not in known and node not in self._refused]
        if strangers and self._ask:
            answers = self._histograms(grid, dict.fromkeys(strangers), timeout)
            self._enter(answers)
        elif strangers:
            nothing = np.ones(1, np.int64)
            self.clients += [Client(node, nothing, nothing, False, node) for node in sorted(strangers)]
        if not self.clients:
            reason = next(iter(self._refused.values()), f"none of {len(connected)} connected nodes answered")
            raise RunError(f"no client told its label histogram: {reason}")
        if strangers and self._ask:
            self._count_copies(grid, timeout)

    def _enter(self, answers: Mapping[int, tuple[NDArray[np.int64], ConfigRecord]]) -> None:
        def name(node: int) -> tuple[bool, int]:
            remark = answers[node][1]
            return (False, int(str(remark[PARTITION]))) if PARTITION in remark else (True, node)

        nodes = sorted(answers, key=name)
        sizes = Counter(len(answers[node][0]) for node in nodes)
        classes = len(self.clients[0].own) if self.clients else max(sizes, key=sizes.__getitem__, default=0)
        by_name = {client.name: client for client in self.clients}
        names: dict[int, int] = {}
        for node in nodes:
            counts, remark = answers[node]
            number = name(node)[1]
            if number in names:
                raise RunError(
                    f"nodes {names[number]} and {node} both have partition-id {number}: "
                    "give each SuperNode its own in --node-config"
                )
            names[number] = node
            if len(counts) != classes:
                self._refuse(node, f"its label histogram has {len(counts)} classes, that of most {classes}")
                continue
            client = by_name.get(number)
            if client is None:
                client = Client(number, counts, counts, False)
                self.clients.append(client)
            client.own, client.augments, client.node = counts, bool(remark.get(AUGMENTS, False)), node
            self._stale.discard(node)

    def _count_copies(self, grid: Grid, timeout: float) -> None:
        """Work out what each client trains on; where that is left to chance, ask those who draw."""
        self.copying = self._rebalance(np.sum([client.own for client in self.clients], axis=0))
        idle = [number for number, client in enumerate(self.clients) if self.copying and not client.augments]
        if idle:
            _log.warning(
                "%d of %d clients do not follow the rebalancing (the first is node %s): their ClientApp lacks the mod "
                "astraea.flower.augmentation",
                len(idle),
                len(self.clients),
                self.clients[idle[0]].node,
            )
        questions = {}
        for number, client in enumerate(self.clients):
            client.trained = client.own
            if self.copying is not None and client.augments:
                client.trained = self.copying.rebalancing.expected_counts(client.own).round().astype(np.int64)
                if not self.copying.predictable and client.node is not None:
                    questions[client.node] = Question(seed=self._seed, client=number, copying=self.copying)
        if questions:
            answers = self._histograms(grid, questions, timeout)
            for client in self.clients:
                if client.node in answers and len(answers[client.node][0]) == len(client.own):
                    client.trained = answers[client.node][0]
                elif client.node in questions:
                    self._stale.add(client.node)

    def _histograms(
        self, grid: Grid, questions: Mapping[int, Question | None], timeout: float
    ) -> dict[int, tuple[NDArray[np.int64], ConfigRecord]]:
        """Return what the nodes answer; those that do not are asked again, those that cannot are left out."""
        messages = []
        for node, question in questions.items():
            config = ConfigRecord() if question is None else ConfigRecord({KEY: question.model_dump_json()})
            content = RecordDict({self._config_key: config})
            messages.append(Message(content, node, HISTOGRAM_QUERY, group_id=str(node), ttl=timeout))
        answers: dict[int, tuple[NDArray[np.int64], ConfigRecord]] = {}
        for reply in grid.send_and_receive(messages, timeout=timeout):
            # Where the SuperLink answers in place of a node, only the group says which one was asked.
            node = int(reply.metadata.group_id or 0)
            if node not in questions or (reply.has_error() and reply.error.code not in _FAULTS):
                continue
            try:
                if reply.has_error():
                    raise VisitError(
                        f"it answered with an error ({_short(reply.error.reason)}); if its ClientApp has no such "
                        f"query, add app.query('{HISTOGRAM_ACTION}')(astraea.flower.label_histogram(...)) to it"
                    )
                remark = remarks(reply)
                if not isinstance(remark.get(PARTITION, 0), int):
                    raise VisitError(f"its {PARTITION} is {remark[PARTITION]!r}, not a whole number")
                answers[node] = (read_histogram(reply), remark)
            except VisitError as error:
                self._refuse(node, str(error))
        silent = [node for node in questions if node not in answers and node not in self._refused]
        if silent:
            _log.warning(
                "%d nodes did not tell their label histogram within %g s: asked again next round", len(silent), timeout
            )
        return answers

    def _refuse(self, node: int, reason: str) -> None:
        self._refused[node] = f"node {node} is left out: {reason}"
        _log.warning("%s", self._refused[node])

    def dump(self) -> list[dict[str, Any]]:
        """Return what a resumed server must know, as JSON has it."""
        return [
            {"name": one.name, "own": one.own.tolist(), "trained": one.trained.tolist(), "augments": one.augments}
            for one in self.clients
        ]

    def load(self, dumped: Iterable[Mapping[str, Any]] | Sequence[Mapping[str, Any]]) -> None:
        """Take over what :meth:`dump` gave; every node is asked anew, and gets its old number."""
        self.clients = [
            Client(one["name"], np.array(one["own"], np.int64), np.array(one["trained"], np.int64), one["augments"])
            for one in dumped
        ]


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
