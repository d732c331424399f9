"""Messages under way: sent one at a time, and their replies fetched as they come.

Flower's own ``send_and_receive`` looks for replies every three seconds on a deployment, and returns when all are there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

from flwr.app import Message, RecordDict
from flwr.serverapp import Grid

__all__ = ["Arrival", "Post", "PromptGrid"]

_log = logging.getLogger("flwr")

Tag = TypeVar("Tag", bound=Hashable)

_SHORTEST, _LONGEST = 0.02, 3.0  # seconds between two looks for replies, each of which costs the SuperLink CPU time
_SHARE = 0.1  # the time between two looks grows with the time that a message has been waiting, as this share of it
_EARLY = 0.75  # nobody looks before this share of the time that the quickest reply took so far
_TELL = 10.0  # seconds without any reply after which the log says who is waited for, and again after twice as many


class Arrival(NamedTuple, Generic[Tag]):
    """What became of the message with a ``tag``: ``reply``, or ``None`` if none came within its time."""

    tag: Tag
    reply: Message | None
    seconds: float


class _Waiting(NamedTuple, Generic[Tag]):
    tag: Tag
    sent: float
    until: float


class Post(Generic[Tag]):
    """Messages on ``grid`` that wait for their replies, each known by a tag; ``title`` names its node in the log."""

    def __init__(self, grid: Grid, title: Callable[[Tag], str] = "node {}".format) -> None:
        self.grid, self._title = grid if isinstance(grid, PromptGrid) else PromptGrid(grid), title
        self._waiting: dict[str, _Waiting[Tag]] = {}
        self._lost: list[Tag] = []

    def __len__(self) -> int:
        return len(self._waiting) + len(self._lost)

    @property
    def tags(self) -> set[Tag]:
        """Tags of the messages that wait for a reply."""
        return {waiting.tag for waiting in self._waiting.values()} | set(self._lost)

    def send(self, tag: Tag, message: Message, timeout: float | None) -> None:
        """Send ``message``, whose reply may take ``timeout`` seconds; ``None`` is for ever."""
        now = time.monotonic()
        number = next(iter(self.grid.push_messages([message])), None)
        if number is None:  # the SuperLink did not take it
            self._lost.append(tag)
        else:
            self._waiting[number] = _Waiting(tag, now, now + (float("inf") if timeout is None else timeout))

    def look(self) -> list[Arrival[Tag]]:
        """Return what has arrived, and whose time is over, without waiting."""
        found = [Arrival(tag, None, 0.0) for tag in self._lost]
        self._lost = []
        if self._waiting:
            replies = list(self.grid.pull_messages(list(self._waiting)))
            now = time.monotonic()
            for reply in replies:
                waiting = self._waiting.pop(reply.metadata.reply_to_message_id, None)
                if waiting is not None:
                    self.grid.note(reply, now - waiting.sent)
                    found.append(Arrival(waiting.tag, reply, now - waiting.sent))
            over = [number for number, waiting in self._waiting.items() if now >= waiting.until]
            lost = [self._waiting.pop(number) for number in over]
            found += [Arrival(waiting.tag, None, now - waiting.sent) for waiting in lost]
        return found

    def fetch(self, awaited: Collection[Tag] | None = None) -> Iterator[Arrival[Tag]]:
        """Yield one arrival after the other; more may be sent meanwhile.

        Ends when nothing is waited for any more, or nothing of ``awaited``.
        """
        began, tell = time.monotonic(), _TELL
        while len(self) if awaited is None else not self.tags.isdisjoint(awaited):
            found = self.look()
            yield from found
            if found:
                began, tell = time.monotonic(), _TELL
            elif self._waiting:
                now = time.monotonic()
                if now - began >= tell:
                    tell *= 2
                    who = ", ".join(sorted(self._title(one.tag) for one in self._waiting.values()))
                    _log.info("waiting for %s: nothing has come for %d s", who, now - began)
                time.sleep(self._pause(now))

    def _pause(self, now: float) -> float:
        """Return how long to wait before the next look at what is under way ``now``."""
        soonest = _EARLY * self.grid.soonest
        pauses = (
            max(_SHARE * (now - one.sent), _SHORTEST, soonest - (now - one.sent)) for one in self._waiting.values()
        )
        ends = min(one.until for one in self._waiting.values()) - now
        return max(0.0, min(*pauses, _LONGEST, ends))


class PromptGrid(Grid):
    """``grid``, but messages are sent as they are made, and replies fetched as they come.

    ``soonest`` is in how many seconds the quickest reply came so far, 0 before the first.
    """

    def __init__(self, grid: Grid) -> None:
        self._grid, self.soonest = grid, 0.0

    def note(self, reply: Message, seconds: float) -> None:
        """Take notice of how long a reply took; errors may come from the SuperLink, and say nothing about nodes."""
        if not reply.has_error():
            self.soonest = min(self.soonest or seconds, seconds)

    def set_run(self, run: Any) -> None:
        """Set what :attr:`run` returns."""
        self._grid.set_run(run)

    @property
    def run(self) -> Any:
        """The run."""
        return self._grid.run

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        """Return a message; Flower prefers its constructor."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:
        """Return the ids of connected nodes."""
        return self._grid.get_node_ids()

    def get_nodes(self) -> Any:
        """Return what newer versions of Flower tell about connected nodes."""
        return self._grid.get_nodes()

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Send messages."""
        return self._grid.push_messages(messages)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Return the replies that are there."""
        return self._grid.pull_messages(message_ids)

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        """Send ``messages`` one by one, and return the replies that come within ``timeout`` seconds of each."""
        nodes: list[int] = []
        post = Post[int](self, lambda number: f"node {nodes[number]}")
        for number, message in enumerate(messages):
            nodes.append(message.metadata.dst_node_id)
            post.send(number, message, timeout)
        return [arrival.reply for arrival in post.fetch() if arrival.reply is not None]
