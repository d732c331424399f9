"""Flower in one process: a grid that runs an unmodified ServerApp and ClientApp without Ray, sockets or waiting.

Everything that this file takes from Flower beyond its public names is marked below; the tests hold it to its
contract on the lowest and on the newest supported version.
"""

from __future__ import annotations

import copy
import logging
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import uuid4

from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid, ServerApp

from astraea.errors import InputError

__all__ = ["InProcessGrid", "run_in_process"]

_RUN_ID = 1
_SERVER = 1
_log = logging.getLogger("flwr")


class InProcessGrid(Grid):
    """``nodes`` virtual SuperNodes, each with a context of its own, that answer in the calling thread.

    Node ``i`` has ``partition-id`` i and ``num-partitions`` in its ``node_config``, as in Flower's simulation, and
    what ``node_config(i)`` adds to that. A ClientApp that raises is answered for with an error, as Flower does.
    Raises :class:`InputError` if ``nodes`` is below 1.
    """

    def __init__(
        self,
        client_app: ClientApp,
        nodes: int,
        run_config: Mapping[str, Any] | None = None,
        node_config: Callable[[int], Mapping[str, Any]] | None = None,
    ) -> None:
        if nodes < 1:
            raise InputError(f"a grid needs at least 1 node, not {nodes}")
        self._app = client_app
        self._replies: dict[str, Message] = {}
        self._run: Any = None
        self._contexts: dict[int, Context] = {}
        _identify()
        for place in range(nodes):
            own = {} if node_config is None else dict(node_config(place))
            node = _SERVER + 1 + place
            self._contexts[node] = Context(
                run_id=_RUN_ID,
                node_id=node,
                node_config={"partition-id": place, "num-partitions": nodes} | own,
                state=RecordDict(),
                run_config=dict(run_config or {}),
            )

    def set_run(self, run: Any) -> None:
        """Set what :attr:`run` returns."""
        self._run = run

    @property
    def run(self) -> Any:
        """What was last given to :meth:`set_run`; there is no SuperLink that would know of a run."""
        return self._run

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        """Return a message; Flower prefers its constructor."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:
        """Return the ids of all nodes, in the order of their partitions."""
        return list(self._contexts)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Have each message answered, and return the messages' ids; one to an unknown node stays unanswered."""
        ids = []
        for message in messages:
            # Flower's own grids set the id in the same way: nothing public does.
            message.metadata.__dict__["_message_id"] = str(uuid4())
            ids.append(message.metadata.message_id)
            if message.metadata.dst_node_id in self._contexts:
                self._replies[ids[-1]] = self._answer(message)
        return ids

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Return the replies to the messages, each once."""
        return [self._replies.pop(number) for number in message_ids if number in self._replies]

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        """Return the replies to ``messages``, in their order."""
        return self.pull_messages(self.push_messages(messages))

    def _answer(self, message: Message) -> Message:
        context = self._contexts[message.metadata.dst_node_id]
        # A client gets a copy of its own, as over a network; the arrays in it are immutable bytes and shared.
        received = copy.copy(message)
        received.__dict__["_content"] = copy.deepcopy(message.content)
        try:
            reply = self._app(received, context)
            if not isinstance(reply, Message):
                raise TypeError(f"the ClientApp returned {type(reply).__name__}, not a Message")
        except Exception as error:  # whatever a ClientApp raises is that client's affair
            _log.error("node %d: %s", context.node_id, traceback.format_exc())
            reason = f"{type(error)}:<'{error}'>"
            reply = Message(Error(code=ErrorCode.CLIENT_APP_RAISED_EXCEPTION, reason=reason), reply_to=message)
        reply.metadata.__dict__["_message_id"] = str(uuid4())
        return reply


def run_in_process(
    server_app: ServerApp,
    client_app: ClientApp,
    nodes: int,
    run_config: Mapping[str, Any] | None = None,
    node_config: Callable[[int], Mapping[str, Any]] | None = None,
) -> Context:
    """Run a whole Flower app in this process and return the ServerApp's context.

    ``run_config`` is what ``[tool.flwr.app.config]`` of the app would say. Errors of the ServerApp are raised.
    """
    grid = InProcessGrid(client_app, nodes, run_config, node_config)
    context = Context(
        run_id=_RUN_ID, node_id=_SERVER, node_config={}, state=RecordDict(), run_config=dict(run_config or {})
    )
    server_app(grid, context)
    return context


def _identify() -> None:
    """Say who sends: newer versions of Flower keep that beside the message, in a class that is not public."""
    try:
        from flwr.supercore.task_identity import TaskIdentity
    except ImportError:  # older versions ask nobody
        return
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, _RUN_ID, _SERVER
