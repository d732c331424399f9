"""The chains of a plan under way over a grid: each goes on as soon as a reply is there, whatever the others do.

Flower's nodes talk to the server only, so a mediator is a role here: it keeps its chain's last good model and hands it
on, as the client sent it. ``group_id`` of a message names the mediator. The last message of each chain is not sent
here: it is for Flower's own loop, which gives the replies to ``aggregate_train``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from flwr.app import ArrayRecord, Message, RecordDict
from flwr.serverapp import Grid
from torch import Tensor

from astraea.federation.plan import Chain, ChainResult, ChainState, RoundPlan, Visit
from astraea.federation.walk import LateError, VisitError, Walk, room_for_sum
from astraea.flower.messages import AWAY, bytes_of
from astraea.flower.post import Post
from astraea.flower.replies import Reading
from astraea.network.exchanges import Exchange

__all__ = ["ChainWalks"]

_log = logging.getLogger("flwr")

_EVERY = 10.0  # seconds between two lines of progress
_STRANGE = 0.5  # share of a client's change that a defence leaves, below which the log names it
_LARGE = (
    "; it says that it holds more than it counts for: if that is true and it is trusted, "
    "balance={'most_samples': 100} and server={'defence': 'finite'} train on all of it"
)


@dataclass(slots=True)
class _UnderWay:
    """One chain: ``place`` is that of its next visit, ``last`` says that no message follows the one under way.

    ``down`` is the size of the message under way, ``spoilt`` why its last reply was no good.
    """

    walk: Walk
    arrays: ArrayRecord | None
    place: int = 0
    waiting: Visit | None = None
    down: int = 0
    last: bool = False
    silent: set[int] = field(default_factory=set)
    spoilt: str | None = "it had no last reply"


class ChainWalks:
    """Walks the chains of ``plan``, which start with ``arrays``, or with what ``pack`` gives.

    ``pack(walk)`` makes arrays of the model that a chain sends, ``write(visit, chain, arrays)`` a visit's message,
    ``read(client, state, reply)`` raises :class:`VisitError` if a reply to a visit that began at ``state`` cannot be
    understood; ``title(client)`` is what a client is called in the log. ``room`` is that of a :class:`Walk`.
    """

    def __init__(
        self,
        plan: RoundPlan,
        arrays: ArrayRecord | None,
        pack: Callable[[Walk], ArrayRecord],
        write: Callable[[Visit, Chain, ArrayRecord], Message],
        read: Callable[[int, ChainState, Message], Reading],
        title: Callable[[int], str],
        room: Callable[[Tensor], Tensor] = room_for_sum,
    ) -> None:
        self.plan, self._pack, self._write, self._read, self._title = plan, pack, write, read, title
        self._chains = {chain.id: _UnderWay(Walk(plan, chain, room=room), arrays) for chain in plan.chains}
        self._contents: list[tuple[tuple[int, int], RecordDict]] = []
        self._longest = max(len(chain.visits) for chain in plan.chains)
        self._done, self._told = 0, time.monotonic()
        self._counting = 0
        self.exchanges: dict[int, list[Exchange]] = {chain.id: [] for chain in plan.chains}
        """The visits of each chain that came to a reply, in order: how many bytes and steps they took."""

    def walk(self, grid: Grid, timeout: float) -> Iterator[Message]:
        """Yield the last message of each chain as it gets there; all others are sent and waited for meanwhile."""
        post = Post[int](grid, self._asked)
        for number, chain in self._chains.items():
            yield from self._onward(number, chain, post, timeout)
        for number, reply, _ in post.fetch():
            self._take(self._chains[number], reply)
            yield from self._onward(number, self._chains[number], post, timeout)

    def _onward(self, number: int, chain: _UnderWay, post: Post[int], timeout: float) -> Iterator[Message]:
        """Send the chain's next message, or yield it if it is the last. Who was silent before is not asked again."""
        visits = chain.walk.chain.visits
        self._skip_silent(chain)
        if chain.place == len(visits):
            return
        chain.waiting = visit = visits[chain.place]
        chain.last = all(later.client in chain.silent for later in visits[chain.place + 1 :])
        chain.arrays = chain.arrays or self._pack(chain.walk)
        message = self._write(visit, chain.walk.chain, chain.arrays)
        chain.down = bytes_of(message.content)
        if chain.last:
            yield message
        else:
            post.send(number, message, timeout)

    def _asked(self, number: int) -> str:
        visit = self._chains[number].waiting
        return "nobody" if visit is None else self._title(visit.client)

    def _take(self, chain: _UnderWay, reply: Message | None) -> None:
        visit, walk = chain.waiting, chain.walk
        assert visit is not None
        steps = 0
        try:
            if reply is None or (reply.has_error() and reply.error.code in AWAY):
                chain.silent.add(visit.client)
                reason = "" if reply is None else f" ({' '.join((reply.error.reason or '').split())[-300:]})"
                raise LateError(f"it did not answer in time{reason}")
            reading = self._read(visit.client, walk.state, reply)
        except VisitError as error:
            walk.skip(visit, error)
        else:
            steps = reading.trained.steps if reading.steps else self._guessed(reading.trained.samples)
            if walk.take(visit, reading.trained):
                place = self._longest - len(walk.chain.visits) + chain.place
                self._contents.append(((place, walk.chain.id), reading.content))
                self._counting += reading.steps
                chain.arrays = reading.arrays if walk.state.params is reading.trained.params else None
        if reply is not None and visit.client not in chain.silent:
            up = bytes_of(reply.content) if reply.has_content() else 0
            self.exchanges[walk.chain.id].append(Exchange(visit.client, chain.down, up, steps))
        self._report(chain, visit)
        if chain.last:
            chain.spoilt = walk.reports[-1].skipped
        chain.place, chain.waiting = chain.place + 1, None

    def _guessed(self, samples: int) -> int:
        """Return the steps that going over ``samples`` takes as the plan has it, for a client that counts none."""
        training = self.plan.training
        return training.epochs * -(-samples // (training.epochs * training.batch_size))

    def _skip_silent(self, chain: _UnderWay) -> None:
        visits = chain.walk.chain.visits
        while chain.place < len(visits) and visits[chain.place].client in chain.silent:
            chain.walk.skip(visits[chain.place], LateError("it did not answer earlier in this round"))
            self._report(chain, visits[chain.place])
            chain.place += 1

    def _report(self, chain: _UnderWay, visit: Visit) -> None:
        self._done += 1
        report, round_ = chain.walk.reports[-1], self.plan.round + 1
        skipped, clipped = report.skipped, report.clipped
        if clipped < _STRANGE and self.plan.round > 0:  # in the first round nothing says yet what is usual
            _log.warning(
                "round %d, mediator %d: client %d is clipped: its change was %.3g times too long (%s)%s",
                round_,
                chain.walk.chain.id,
                visit.client,
                1 / clipped,
                self._title(visit.client),
                _LARGE if report.bounded else "",
            )
        if skipped is not None:
            _log.warning(
                "round %d, mediator %d: client %d is skipped: %s (%s)",
                round_,
                chain.walk.chain.id,
                visit.client,
                skipped,
                self._title(visit.client),
            )
        if time.monotonic() - self._told >= _EVERY:
            self._told = time.monotonic()
            _log.info("round %d: %d of %d visits are done", round_, self._done, self.plan.visits)

    def results(self, replies: Iterable[Message] | None = None, *, only_last: bool = False) -> Iterator[ChainResult]:
        """Yield the result of each chain, and forget it; ``replies`` are those to the last messages.

        A chain without a good one keeps the model that it had; with ``only_last`` it counts as untrained. Without
        ``replies`` the last visits are left out.
        """
        by_chain = {reply.metadata.group_id: reply for reply in replies or ()}
        for number in list(self._chains):
            chain = self._chains.pop(number)
            if chain.waiting is not None and replies is not None:
                self._take(chain, by_chain.pop(str(number), None))
                self._skip_silent(chain)
            result = chain.walk.result()
            failed = chain.spoilt if only_last else None
            del chain  # and with it the model's memory, once the result is added up
            if failed is not None:
                reports = tuple(report._replace(skipped=report.skipped or failed) for report in result.reports)
                result = replace(result, reports=reports)
            yield result
            del result

    @property
    def counts_steps(self) -> bool:
        """Whether most clients counted their steps, as those of ``client_app`` do, which train at the rates told."""
        return 2 * self._counting > len(self._contents)

    @property
    def contents(self) -> list[RecordDict]:
        """What good replies held beside their arrays, in the order in which waves of visits would have given them."""
        return [content for _, content in sorted(self._contents, key=lambda one: one[0])]
