"""A real SuperLink and its SuperNodes on loopback, over TLS, with authenticated nodes."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

APP = Path(__file__).parents[2] / "examples" / "flower-app"
SCRIPTS = Path(sys.executable).parent


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _die_with_parent() -> None:
    """Have Linux end this process when the one that started it is killed; Flower's own children then notice."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Deployment:
    """A SuperLink with ``nodes`` SuperNodes in ``folder``, for the runs of ``app``.

    All are registered, and all but the ``late`` last of them started. Leaving the context ends every process that it
    started.
    """

    def __init__(self, folder: Path, nodes: int, app: Path = APP, late: int = 0) -> None:
        self.folder, self.nodes, self.app, self.late = folder, nodes, app, late
        self.port, *self.node_ports = free_ports(nodes + 1)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        # Many short processes import the same modules: Python may keep what it compiles.
        left_out = ("FLWR_", "PYTHONDONTWRITEBYTECODE")
        keep = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        self.env = keep | {
            "FLWR_HOME": str(folder / "home"),
            "FLWR_TELEMETRY_ENABLED": "0",
            "FLWR_DISABLE_UPDATE_CHECK": "1",
            "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
        }

    def __enter__(self) -> Deployment:
        self.keys = self.folder / "keys"
        home = self.folder / "home"
        home.mkdir(parents=True)
        self._command(sys.executable, str(APP / "certificates.py"), str(self.keys), "--nodes", str(self.nodes))
        (home / "config.toml").write_text(
            '[superlink]\ndefault = "tls"\n\n[superlink.tls]\n'
            f'address = "127.0.0.1:{self.port}"\nroot-certificates = "{self.keys / "ca.crt"}"\n'
        )
        try:
            self.start_superlink()
            with ThreadPoolExecutor() as pool:
                list(pool.map(self._register, range(self.nodes)))
            for number in range(self.nodes - self.late):
                self.start_node(number)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self.processes):
            self.stop(name, signal.SIGTERM)
        for name in list(self.processes):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.processes[name].wait(timeout=10)
            self.kill(name)

    def start_superlink(self) -> None:
        """Start the SuperLink, with its state in a file, and wait until it answers."""
        self._start(
            "superlink",
            "flower-superlink",
            *("--ssl-certfile", self.keys / "server.pem", "--ssl-keyfile", self.keys / "server.key"),
            *("--ssl-ca-certfile", self.keys / "ca.crt", "--enable-supernode-auth"),
            *("--host", "127.0.0.1", "--port", self.port, "--database", self.folder / "state.db"),
            "--disable-runtime-dependency-installation",
        )
        self.wait_until(lambda: self._answers(self.port), 600, "the SuperLink to answer")

    def start_node(self, number: int) -> None:
        """Start a SuperNode."""
        self._start(
            f"node-{number}",
            "flower-supernode",
            *("--superlink", f"127.0.0.1:{self.port}", "--root-certificates", self.keys / "ca.crt"),
            *("--auth-supernode-private-key", self.keys / f"node-{number}.key"),
            *("--host", "127.0.0.1", "--port", self.node_ports[number]),
            *("--node-config", f"partition-id={number} num-partitions={self.nodes}"),
        )

    def run(self, **config: object) -> int:
        """Submit the app and return the run's id."""
        changes = " ".join(f"{name.replace('_', '-')}={json.dumps(value)}" for name, value in config.items())
        answer = self.flwr("run", str(self.app), "tls", "--run-config", changes, "--format", "json")
        return int(json.loads(answer[answer.index("{") :])["run-id"])

    def status(self, run: int) -> str:
        """Return a run's status, such as ``finished:completed``."""
        answer = self.flwr("list", "tls", "--run-id", str(run), "--format", "json")
        return str(json.loads(answer[answer.index("{") :])["runs"][0]["status"])

    def kill(self, name: str) -> None:
        """End a process and all that it started, at once."""
        self.stop(name, signal.SIGKILL)
        self.processes.pop(name).wait()

    def kill_server_app(self) -> None:
        """Kill the process of the one running ServerApp, and nothing else (on Linux)."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it ended meanwhile
                words = (process / "cmdline").read_bytes().split(b"\0")
                if f"127.0.0.1:{self.port}".encode() in words and any(
                    word.endswith(b"flwr-serverapp") for word in words
                ):
                    found.append(int(process.name))
        (only,) = found
        os.kill(only, signal.SIGKILL)

    def kill_in_visit(self, name: str, seconds: float) -> None:
        """Kill a SuperNode that has received a train message and has not answered it.

        It is halted before its log is read for good, so that no reply can slip out between the look and the kill.
        """

        def caught() -> bool:
            if not self._visiting(name):
                return False
            self.stop(name, signal.SIGSTOP)
            os.waitpid(self.processes[name].pid, os.WUNTRACED)
            if self._visiting(name):
                return True
            self.stop(name, signal.SIGCONT)
            return False

        self.wait_until(caught, seconds, f"a visit of {name}")
        self.kill(name)

    def _visiting(self, name: str) -> bool:
        log = self.log(name)
        return log.count("Receiving: train message") > log.count("Sending: train message")

    def stop(self, name: str, how: signal.Signals) -> None:
        """Send a signal to a process and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.processes[name].pid, how)

    def log(self, name: str) -> str:
        """Return what a process wrote."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def wait_until(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait for ``done()``; raise with the logs' ends if it takes longer or the SuperLink is gone."""
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline or self.processes["superlink"].poll() is not None:
                ends = "\n\n".join(f"{name}:\n{self.log(name)[-3000:]}" for name in self.processes)
                raise TimeoutError(f"waited in vain for {what}\n{ends}")
            time.sleep(0.1)

    def flwr(self, *arguments: str) -> str:
        """Run Flower's command line and return its output."""
        return self._command(str(SCRIPTS / "flwr"), *arguments)

    def _register(self, number: int) -> None:
        self.flwr("supernode", "register", str(self.keys / f"node-{number}.pub"), "tls")

    def _start(self, name: str, program: str, *arguments: object) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [str(SCRIPTS / program), *map(str, arguments)],
                env=self.env,
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that what it starts can be ended with it
                preexec_fn=_die_with_parent,
            )

    def _command(self, *arguments: str) -> str:
        done = subprocess.run(arguments, env=self.env, cwd=self.folder, capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stdout[-2000:]} {done.stderr[-2000:]}")
        return done.stdout

    def _answers(self, port: int) -> bool:
        with socket.socket() as one:
            one.settimeout(0.5)
            return one.connect_ex(("127.0.0.1", port)) == 0
