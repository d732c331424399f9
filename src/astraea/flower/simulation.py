"""The Flower engine: a run's chains on Flower's simulation, in Ray's processes; one message carries a whole chain.

There an exchange between server and client takes 0.2 s however small the model is, since both sides look for
messages ten times a second: a chain's visits follow one another at the client instead.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import pickle
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from queue import Queue
from typing import Any, BinaryIO

import cloudpickle
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.simulation import run_simulation
from torch import nn

from astraea.engines.serial import SerialEngine
from astraea.errors import InputError, RunError
from astraea.federation.clients import Population
from astraea.federation.plan import Chain, ChainResult, RoundPlan
from astraea.federation.rule import LocalRule
from astraea.federation.walk import given_up

__all__ = ["FlowerEngine"]

_RECORD = "chain"
_POLL = 0.02  # seconds between two looks for replies
_PATIENCE = 120.0  # seconds that Ray may take to start


class FlowerEngine:
    """Executes plans on Flower's simulation, ``workers`` chains at a time; it starts with the first plan.

    Every client of the population is a node of the simulation; a chain's message goes to its first client. The
    bytes are those of the serial engine.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        workers: int,
        device: str = "cpu",
        threads: int = 1,
        visit_deadline: float | None = None,
    ) -> None:
        if importlib.util.find_spec("ray") is None:
            raise InputError("engine.name = 'flower' needs Ray, which is not installed: pip install 'flwr[simulation]'")
        self._settings = (module.cpu(), device, threads, visit_deadline)
        self._workers, self._gpu = workers, device.startswith("cuda")
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._file: BinaryIO | None = None
        self._population: Population | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: list[BaseException] = []

    def execute(self, plan: RoundPlan, rule: LocalRule, population: Population) -> Iterator[ChainResult]:
        """Yield the result of each chain, in plan order."""
        if self._population is not population:
            self.close()
            self._start(population)
        nodes = sorted(self._grid.get_node_ids())
        messages = [_message(plan, chain, rule, nodes[chain.clients[0] % len(nodes)]) for chain in plan.chains]
        waiting = dict(zip(self._grid.push_messages(messages), plan.chains, strict=True))
        done: dict[int, ChainResult] = {}
        for chain in plan.chains:
            while chain.id not in done:
                self._check()
                for reply in self._grid.pull_messages(list(waiting)):
                    arrived = waiting.pop(reply.metadata.reply_to_message_id)
                    done[arrived.id] = _result(plan, arrived, reply)
                if chain.id not in done:
                    time.sleep(_POLL)
            yield done.pop(chain.id)

    def close(self) -> None:
        """End the simulation and its processes."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
        self._population = None

    def _start(self, population: Population) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="astraea-flower-")
        self._file, path = publish(Path(self._folder.name) / "clients.pickle", (self._settings, population))
        _quieten()
        self._stop, self._failure = threading.Event(), []
        grids: Queue[Grid] = Queue()
        self._thread = threading.Thread(
            target=self._simulate, args=(grids, self._stop, path, len(population)), name="flower", daemon=True
        )
        self._thread.start()
        began = time.monotonic()
        while grids.empty():
            self._check()
            if time.monotonic() - began > _PATIENCE:
                raise RunError(
                    f"Flower's simulation did not start within {_PATIENCE:g} s: use engine.name = 'processes'"
                )
            time.sleep(_POLL)
        self._grid, self._population = grids.get(), population

    def _simulate(self, grids: Queue[Grid], stop: threading.Event, path: str, nodes: int) -> None:
        server = ServerApp()

        @server.main()
        def main(grid: Grid, context: Context) -> None:
            grids.put(grid)
            stop.wait()

        resources: dict[str, Any] = {"num_cpus": 1, "num_gpus": 1 / self._workers if self._gpu else 0.0}
        start: dict[str, Any] = {
            "num_cpus": self._workers,
            "include_dashboard": False,
            "log_to_driver": False,
            "_node_ip_address": "127.0.0.1",
        }
        try:
            run_simulation(
                server, _client_app(path), nodes, backend_config={"init_args": start, "client_resources": resources}
            )
        except BaseException as error:  # told to whoever waits for results
            self._failure.append(error)

    def _check(self) -> None:
        if self._failure or self._thread is None or not self._thread.is_alive():
            reason = f"{self._failure[0]}" if self._failure else "it ended by itself"
            raise RunError(f"Flower's simulation broke down ({reason}): use engine.name = 'processes'")


def publish(path: Path, value: object) -> tuple[BinaryIO, str]:
    """Return an open file with ``value``, and where other processes read it for as long as the file is open.

    The file is gone with this process, however that ends, where the system can do that; else it is ``path``.
    """
    file = path.open("w+b")
    file.write(cloudpickle.dumps(value))
    file.flush()
    nameless = Path(f"/proc/{os.getpid()}/fd/{file.fileno()}")
    if not nameless.exists():
        return file, str(path)
    path.unlink()
    return file, str(nameless)


def _client_app(path: str) -> ClientApp:
    """Return the app of every node; it holds no more than a path, since Ray sends it with each message."""
    app = ClientApp()

    @app.train()
    def walk(message: Message, context: Context) -> Message:
        engine, population = _published(path)
        plan, rule = pickle.loads(_bytes(message))
        (result,) = engine.execute(plan, rule, population)
        return Message(_packed(result), reply_to=message)

    return app


@lru_cache(maxsize=1)
def _published(path: str) -> tuple[SerialEngine, Population]:
    """Return what the engine wrote to ``path``, read once in each process."""
    (module, device, threads, visit_deadline), population = pickle.loads(Path(path).read_bytes())
    return SerialEngine(module.to(device), threads=threads, visit_deadline=visit_deadline), population


def _message(plan: RoundPlan, chain: Chain, rule: LocalRule, node: int) -> Message:
    states = {client: plan.client_states[client] for client in chain.clients if client in plan.client_states}
    own = replace(plan.part(chain), client_states=states)
    return Message(_packed((own, rule)), node, "train", group_id=str(chain.id))


def _packed(value: object) -> RecordDict:
    return RecordDict({_RECORD: ConfigRecord({_RECORD: cloudpickle.dumps(value)})})


def _bytes(message: Message) -> bytes:
    value = message.content[_RECORD][_RECORD]
    assert isinstance(value, bytes)
    return value


def _result(plan: RoundPlan, chain: Chain, reply: Message) -> ChainResult:
    """Return the chain's result; where its process broke down, a result in which every visit was skipped."""
    if reply.has_content():
        result: ChainResult = pickle.loads(_bytes(reply))
        return result
    why = f"the simulation's process failed: {' '.join((reply.error.reason or '').split())[-300:]}"
    return given_up(plan, chain, why)


def _quieten() -> None:
    """Keep Flower and Ray from reporting home, and their logs from the terminal; who sets otherwise is heard."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray warns of a change to come
    logger = logging.getLogger("flwr")
    if logger.level < logging.ERROR:
        logger.setLevel(logging.ERROR)
