"""Who is there: the server's list of clients, with the label histogram of each, asked for once.

A client is known by its ``partition-id`` where its node has one, and else by its node's id; in that order clients
are numbered when they first answer, and a number never changes. So a node that is started anew, or that comes
later, disturbs nobody's random streams. A number belongs to the node that had it first, for as long as that is there.

What all clients are told, copies and the class prior, follows the sum of their histograms. It is renewed when several
of them are new, so that the difference of two priors is nobody's own.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from flwr.app import ConfigRecord
from flwr.serverapp import Grid
from numpy.typing import NDArray

from astraea.balance.bounds import bounded_counts
from astraea.balance.privacy import HistogramPrivacy, LocalDP, Plain, SecureSum
from astraea.balance.privacy.local_dp import believed
from astraea.errors import RunError
from astraea.flower.known_client import Client
from astraea.flower.messages import AUGMENTS, FEW_BITS, PARTITION, SAMPLES, Copying, Question
from astraea.flower.questions import Answers, Questions
from astraea.flower.secure_sum.gathering import gathered
from astraea.seeding import Purpose, stream

__all__ = ["ClientRegistry", "Held"]

_log = logging.getLogger("flwr")


class Held(NamedTuple):
    """Of how many samples a client says that it trains on them, and as how many it counts."""

    claimed: int
    counted: int


class ClientRegistry:
    """The clients in the order of their numbers.

    ``rebalance`` maps the class counts of all clients ``(N,)`` to what each is to do about them, ``None`` for
    nothing. No client counts for more than ``most`` times the median one. ``privacy`` is how clients tell their
    histograms, and ``together`` how many must be new before what clients are told is renewed.
    Without ``ask`` nobody is asked for a histogram: the plan then must not read any. With fewer ``bits`` than 32 nodes
    without the mod :func:`~astraea.flower.few_bits` are left out.
    """

    def __init__(
        self,
        rebalance: Callable[[NDArray[np.int64]], Copying | None],
        seed: int,
        config_key: str,
        *,
        ask: bool,
        most: float = np.inf,
        privacy: HistogramPrivacy | None = None,
        together: int = 1,
        bits: int = 32,
    ) -> None:
        self._most, self._together, self._way = most, together, privacy or Plain()
        self._key, self._bits = config_key, bits
        self._left: set[int] = set()  # nodes that dropped out of the last secure sum
        self._rebalance, self._seed, self._ask = rebalance, seed, ask
        noise = self._way.epsilon if isinstance(self._way, LocalDP) else None
        self._questions, self._draws = Questions(config_key, noise), Questions(config_key)
        self.clients: list[Client] = []
        self.copying: Copying | None = None
        self._stale: set[int] = set()  # nodes that are to be asked again
        self._bounded: NDArray[np.int64] | None = None

    @property
    def histograms(self) -> NDArray[np.int64]:
        """What each client trains on, shape ``(K, N)``, within bounds: what clients say is not verified."""
        if self._bounded is None:
            self._bounded = bounded_counts(np.stack([client.trained for client in self.clients]), self._most)
        return self._bounded

    @property
    def told(self) -> NDArray[np.int64]:
        """What is behind the class prior that clients are told: what some or all train on, ``(k, N)``."""
        return bounded_counts(np.stack([one.met for one in self.clients if one.met is not None]), self._most)

    def available(self, grid: Grid) -> NDArray[np.bool_]:
        """Return which clients are connected, shape ``(K,)``."""
        connected = set(grid.get_node_ids())
        return np.array([client.node in connected and client.node not in self._stale for client in self.clients])

    def node(self, client: int) -> int:
        """Return the node of a client that has answered."""
        node = self.clients[client].node
        assert node is not None
        return node

    def in_order(self, nodes: Iterable[int]) -> list[int]:
        """Return ``nodes`` in the order of their clients' numbers, those that are nobody's last."""
        places = {client.node: number for number, client in enumerate(self.clients)}
        return sorted(nodes, key=lambda node: (places.get(node, len(places)), node))

    def title(self, client: int) -> str:
        """Return what a client is called in the log."""
        one = self.clients[client]
        return f"client {client} at node {one.home if one.node is None else one.node}"

    def held(self, client: int, told: float) -> Held | None:
        """Return how many samples a client has by its histogram, where that is known.

        A number that it ``told`` is believed if it agrees, with copies or without.
        """
        if not self._ask:
            return None
        one = self.clients[client]
        if one.told not in (None, told):
            self.ask_again(client)  # its data may be others
        counted = one.sizes
        if one.told is None and told not in counted and isinstance(self._way, Plain):
            _log.info(
                "%s reports a weight of %g, its label histogram has %d samples", self.title(client), told, counted[1]
            )
        one.told = told
        claimed = int(told) if told in counted else counted[1]
        within = self.histograms[client].sum() / max(one.trained.sum(), 1)
        return Held(claimed, min(claimed, int(counted[1] * within)))

    def ask_again(self, client: int) -> None:
        """Ask this client for its histogram before the next round."""
        self._stale.add(self.node(client))

    def refresh(self, grid: Grid, timeout: float, config: ConfigRecord) -> None:
        """Ask whoever has not answered yet, or has new data; ``config`` goes with every question.

        Who did not answer in time, or not with a histogram, is asked again, but not waited for. Raises
        :class:`RunError` if no client gives a histogram that can be used.
        """
        self._bounded = None
        connected = list(grid.get_node_ids())
        known = {client.node for client in self.clients} - self._stale
        strangers = [node for node in connected if node not in known]
        if strangers and self._ask:
            if isinstance(self._way, SecureSum):
                answers = self._sum(strangers, connected, grid, timeout, config)
            else:
                answers = self._questions.ask(grid, dict.fromkeys(strangers), timeout, config)
            self._enter(answers, connected)
            if answers and self.clients:
                self._count_copies(grid, timeout, config)
                self._bounded = None
        elif strangers:
            nothing, by_name = np.ones(1, np.int64), {client.name: client for client in self.clients}
            for node in sorted(strangers):
                if node not in by_name:
                    by_name[node] = Client(node, nothing, nothing, False, nothing)
                    self.clients.append(by_name[node])
                by_name[node].node = by_name[node].home = node
        if not self.clients:
            reason = next(
                iter(self._questions.refused.values()), f"none of {len(connected)} nodes told its label histogram"
            )
            raise RunError(f"no client can take part: {reason}")

    def _sum(
        self, strangers: list[int], connected: list[int], grid: Grid, timeout: float, config: ConfigRecord
    ) -> Answers:
        """Return what a secure sum of all nodes gives, if enough are new for it to give away none of them."""
        assert isinstance(self._way, SecureSum)
        new = [node for node in strangers if node not in self._left]
        if not new or (self.clients and len(new) < max(self._together, 2)):
            return {}
        rng = stream(self._seed, Purpose.PRIVACY, len(self.clients))
        answers, refused = gathered(connected, self._way.epsilon, grid, timeout, config, self._key, rng)
        self._left = set(refused)
        for node, reason in refused.items():
            self._questions.refuse(node, reason)
        return answers

    def _enter(self, answers: Mapping[int, tuple[NDArray[np.int64], ConfigRecord]], connected: list[int]) -> None:
        by_name = {client.name: client for client in self.clients}

        def name(node: int) -> tuple[bool, int, bool]:
            remark = answers[node][1]
            own = (False, int(str(remark[PARTITION]))) if PARTITION in remark else (True, node)
            return *own, own[1] not in by_name or by_name[own[1]].home != node  # who had a number before comes first

        nodes = sorted(answers, key=name)
        sizes = Counter(len(answers[node][0]) for node in nodes)
        classes = len(self.clients[0].own) if self.clients else max(sizes, key=sizes.__getitem__, default=0)
        for node in nodes:
            counts, remark = answers[node]
            number = name(node)[1]
            if self._bits != 32 and not remark.get(FEW_BITS, False):
                mend = "give it ClientApp(mods=[astraea.flower.few_bits()])"
                self._questions.refuse(node, f"its ClientApp lacks the mod for models in {self._bits} bits: {mend}")
                continue
            if len(counts) != classes:
                self._questions.refuse(node, f"its label histogram has {len(counts)} classes, that of most {classes}")
                continue
            client = by_name.get(number)
            holder = None if client is None or client.home == node else client.home
            if holder in connected and (holder not in answers or name(holder)[1] == number):
                self._questions.refuse(
                    node,
                    f"it claims partition-id {number}, which is that of node {holder}: give each SuperNode its own "
                    "in --node-config",
                )
                continue
            if client is None:
                client = by_name[number] = Client(number, counts, counts, False, counts)
                self.clients.append(client)
            client.own = client.said = counts
            client.samples = client.drawn = _size(counts, remark)
            client.augments, client.node = bool(remark.get(AUGMENTS, False)), node
            client.home, client.told = node, None
            self._stale.discard(node)
            self._questions.accept(node)

    def _count_copies(self, grid: Grid, timeout: float, config: ConfigRecord) -> None:
        """Work out what each client trains on; where that is left to chance, ask those who draw."""
        if isinstance(self._way, LocalDP):
            rows = believed(np.stack([client.said for client in self.clients]), self._way.epsilon)
            for client, row in zip(self.clients, rows, strict=True):
                client.own = row
        renewed = self._renewed()
        own = np.stack([client.own for client in self.clients])
        bounded = bounded_counts(own, self._most)
        for number in np.flatnonzero((bounded != own).any(axis=1)).tolist():
            _log.warning(
                "%s claims %d samples, and counts as %d: no client counts for more than %g times the median one "
                "(balance.most_samples)",
                self.title(number),
                own[number].sum(),
                bounded[number].sum(),
                self._most,
            )
        counted = np.array([renewed or client.counted is not None for client in self.clients])
        if renewed or self.copying is None:
            self.copying = self._rebalance(bounded[counted].sum(axis=0))
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
            client.trained, client.drawn = client.own, client.samples
            if self.copying is not None and client.augments:
                client.trained = self.copying.rebalancing.expected_counts(client.own).round().astype(np.int64)
                by_chance = not self.copying.predictable or client.samples is not None
                if isinstance(self._way, Plain) and by_chance and client.node is not None:
                    questions[client.node] = Question(copying=self.copying.drawn_from(self._seed, number))
        if questions:
            answers = self._draws.ask(grid, questions, timeout, config)
            for client in self.clients:
                if client.node in answers and len(answers[client.node][0]) == len(client.own):
                    client.trained, client.drawn = answers[client.node][0], _size(*answers[client.node])
                elif client.node in questions:
                    self._stale.add(client.node)
        if renewed:
            for client in self.clients:
                client.counted, client.met = client.said, client.trained

    def _renewed(self) -> bool:
        """Return whether what clients are told is to follow all histograms: if several are new, or none was told."""
        new = [one for one in self.clients if one.new]
        if len(new) == len(self.clients) or len(new) >= self._together:
            return True
        if new:
            _log.info(
                "copies and class prior do not follow the labels of %d new clients yet: with fewer than %d new ones "
                "at once, others could tell their labels from what changes",
                len(new),
                self._together,
            )
        return False

    def dump(self) -> list[dict[str, Any]]:
        """Return what a resumed server must know, as JSON has it."""
        return [one.dump() for one in self.clients]

    def load(self, dumped: Iterable[Mapping[str, Any]], copying: Mapping[str, Any] | None = None) -> None:
        """Take over what :meth:`dump` gave; every node is asked anew, and gets its old number."""
        self.copying = None if copying is None else Copying.model_validate(copying)
        self.clients, self._bounded = [Client.load(one) for one in dumped], None


def _size(counts: NDArray[np.int64], remark: ConfigRecord) -> int | None:
    """Return how many samples a client said that it has; ``None`` if it did not.

    Each counts in one class or more, so that there are no more than its ``counts`` ``(N,)`` add up to.
    """
    told = remark.get(SAMPLES)
    return min(max(told, 1), int(counts.sum())) if isinstance(told, int) else None
