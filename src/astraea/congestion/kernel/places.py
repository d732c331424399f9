"""Where a congestion control is the default: the system, a network namespace or a cgroup."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from astraea.congestion.kernel.libbpf import Object, detach
from astraea.congestion.kernel.program import named
from astraea.errors import InputError, RunError

__all__ = ["Place", "choose_in_cgroup", "choose_in_namespace", "give_back"]

_SETTING = "/proc/sys/net/ipv4/tcp_congestion_control"
_NAMESPACES = Path("/run/netns")


@dataclass(frozen=True)
class Place:
    """A place whose default was changed, and what takes it back."""

    namespace: str = ""  # by name; empty: the one in which the command ran
    before: str = ""  # its default until then
    cgroup: str = ""  # by path, instead of a namespace
    program: int = 0  # number of the program that chooses for it

    @property
    def words(self) -> str:
        """The place in words."""
        if self.cgroup:
            return f"the cgroup {self.cgroup}"
        return f"the network namespace {self.namespace}" if self.namespace else "the system"


def choose_in_namespace(name: str, namespace: str = "") -> Place:
    """Make ``name`` the default of new connections there. Raises :class:`InputError` or :class:`RunError`."""
    if namespace and not (_NAMESPACES / namespace).exists():
        known = ", ".join(sorted(path.name for path in _NAMESPACES.glob("*"))) or "none"
        raise InputError(f"there is no network namespace '{namespace}' (known to 'ip netns': {known})")
    before = _default(namespace)
    _set_default(name, namespace)
    return Place(namespace=namespace, before=before)


def choose_in_cgroup(name: str, cgroup: Path) -> Place:
    """Let new connections of ``cgroup`` begin under ``name``. Raises :class:`RunError` unless it is of version 2."""
    chooser = Object(named("cgroup", name))
    try:
        chooser.load()
        return Place(cgroup=str(cgroup), program=chooser.attach("choose", cgroup, lasting=True))
    finally:
        chooser.close()


def give_back(place: Place, name: str) -> str | None:
    """Take back that ``name`` is the default there; return a sentence if something is in the way.

    A default that has been changed since, and a place that is gone, are left alone.
    """
    if place.cgroup:
        detach(place.program, Path(place.cgroup))
        return None
    if place.namespace and not (_NAMESPACES / place.namespace).exists():
        return None
    try:
        if _default(place.namespace) == name:
            _set_default(place.before, place.namespace)
    except RunError as error:
        return str(error)
    return None


def _default(namespace: str) -> str:
    return _in(namespace, ["cat", _SETTING]).strip()


def _set_default(name: str, namespace: str) -> None:
    _in(namespace, ["tee", _SETTING], name)


def _in(namespace: str, command: list[str], given: str = "") -> str:
    entered = ["nsenter", f"--net={_NAMESPACES / namespace}", *command] if namespace else command
    try:
        done = subprocess.run(entered, input=given, capture_output=True, text=True)
    except OSError as error:
        raise RunError(f"'{entered[0]}' cannot be run: {error.strerror}") from None
    if done.returncode != 0:
        raise RunError(f"the default congestion control cannot be changed: {done.stderr.strip()}")
    return done.stdout
