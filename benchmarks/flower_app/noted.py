"""The federation of ``flower_rounds.py``, whose folder must be on the path, on machines that note when what happens.

Notes go to the folder ``notes`` of the run's configuration, so all of it must share a file system and a clock.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from flower_rounds import DEPLOYED, App
from flwr.app import Context, Message
from flwr.serverapp import Grid, ServerApp

server = ServerApp()


@server.main()
def main(grid: Grid, context: Context) -> None:
    """Train, and note when each round ended, and when each exchange of train messages began and ended."""
    exchanges: list[tuple[float, float]] = []
    send_and_receive = grid.send_and_receive

    def watched(messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        messages, began = list(messages), time.monotonic()
        replies = list(send_and_receive(messages, timeout=timeout))
        if messages and messages[0].metadata.message_type == "train":
            exchanges.append((began, time.monotonic()))
        return replies

    grid.send_and_receive = watched  # type: ignore[method-assign]
    rounds = App(str(context.run_config["algorithm"]), DEPLOYED).strategy(grid)
    folder = Path(str(context.run_config["notes"]))
    (folder / "partial").write_text(json.dumps({"rounds": rounds, "exchanges": exchanges}))
    os.replace(folder / "partial", folder / "server.json")


def note(message: Message, context: Context, call_next: Callable[[Message, Context], Message]) -> Message:
    """Note when this process began, and when the visit began and ended."""
    began, entered = time.monotonic() - _age(), time.monotonic()
    reply = call_next(message, context)
    if message.metadata.message_type == "train":
        path = Path(str(context.run_config["notes"])) / f"visit-{os.getpid()}.json"
        path.write_text(json.dumps([began, entered, time.monotonic()]))
    return reply


def _age() -> float:
    """Return for how many seconds this process has been there, as Linux tells it."""
    started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


client = App("fedavg", DEPLOYED).app(mods=[note])
