"""The compiled program and what is set in it before it is loaded."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from astraea.congestion.kernel.libbpf import Object, arguments_of, look_up, update
from astraea.congestion.kernel.machine import linux_version
from astraea.congestion.kernel.policies import packed
from astraea.congestion.policy.policy import Policy, shipped_policy
from astraea.errors import InputError

__all__ = ["OPERATIONS", "Counters", "Program", "cgroup_default", "loaded", "named", "opened", "shipped"]

OPERATIONS = "congestion_control"  # the variable of the operations in the source
_NAME = b"name_of_its_own\0"  # what stands in the object where the name goes
_ARGUMENTS = struct.pack("<I", 0xA57EAEA)  # and where it is told how many arguments cong_control has
_LONGEST = 15


class Counters(NamedTuple):
    """What all connections of a program have done together; times are nanoseconds of their lives, summed."""

    opened: int
    closed: int
    decisions: int
    decision_ns: int
    time_ns: int
    fallback_ns: int

    @classmethod
    def read(cls, fd: int) -> Counters:
        """Return what stands in the map ``counted`` at the descriptor ``fd``."""
        form = f"<{len(cls._fields)}Q"
        return cls(*struct.unpack(form, look_up(fd, 0, struct.calcsize(form))))

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return self.opened - self.closed

    @property
    def decision_us(self) -> float:
        """Mean time of a decision, its features included, in microseconds; 0 where none was made."""
        return self.decision_ns / self.decisions / 1000 if self.decisions else 0.0

    @property
    def fallback(self) -> float:
        """Share of the connections' time in fallback, from 0 to 1; 0 where none has passed."""
        return self.fallback_ns / self.time_ns if self.time_ns else 0.0


@dataclass(frozen=True)
class Program:
    """A congestion control that is loaded."""

    name: str
    policies: int  # descriptors of its maps
    chosen: int
    counted: int

    def follow(self, policy: Policy) -> None:
        """Let all connections go by ``policy`` from their next decision on.

        It is written beside the one in use, and takes over by one number. Raises :class:`InputError` as
        :func:`astraea.congestion.kernel.policies.packed` does.
        """
        value = packed(policy)
        other = 1 - struct.unpack("<I", look_up(self.chosen, 0, 4))[0]
        update(self.policies, other, value)
        update(self.chosen, 0, struct.pack("<I", other))

    def counters(self) -> Counters:
        """Return what its connections have done so far."""
        return Counters.read(self.counted)


def shipped(name: str) -> bytes:
    """Return the compiled object ``name`` of the package."""
    return (files(__package__) / "objects" / f"{name}.bpf.o").read_bytes()


def opened(name: str) -> Object:
    """Return the program, not yet loaded, as the congestion control ``name``, fit for this kernel.

    Raises :class:`InputError` for a name that the kernel does not take.
    """
    if not (0 < len(name) <= _LONGEST and name.isascii() and name.replace("_", "").isalnum()):
        raise InputError(f"a congestion control has a name of 1 to {_LONGEST} letters, digits or '_', not '{name}'")
    code = named("astraea", name)
    four = (arguments_of("tcp_congestion_ops", "cong_control") or 0) == 4
    return Object(_written(code, _ARGUMENTS, struct.pack("<I", four)))


def named(program: str, name: str) -> bytes:
    """Return the object ``program`` with the ``name`` of the congestion control in it."""
    return _written(shipped(program), _NAME, name.encode().ljust(len(_NAME), b"\0"))


def _written(code: bytes, mark: bytes, value: bytes) -> bytes:
    if code.count(mark) != 1:
        raise AssertionError("the compiled program is not of this version: build it anew")
    return code.replace(mark, value)


@contextmanager
def loaded(name: str = "astraea", policy: Policy | None = None) -> Iterator[Program]:
    """Load the congestion control under ``name`` while the context lasts; ``policy`` is the shipped one by default.

    Any socket of the machine may then choose it (``setsockopt(TCP_CONGESTION)``, ``iperf3 -C``). It ends with the
    context, and with the process however that ends (from Linux 6.4 on: before, a killed process leaves it behind).
    Connections that live on keep the program until they end. Raises :class:`astraea.errors.RunError` where the kernel
    refuses; :func:`astraea.congestion.kernel.obstacle` says beforehand whether it can work.
    """
    program = opened(name)
    try:
        if linux_version() >= (6, 4):
            program.link_operations(OPERATIONS)
        program.load()
        made = Program(name, program.map("policies"), program.map("chosen"), program.map("counted"))
        made.follow(policy or shipped_policy())
        program.register(OPERATIONS, lasting=False)
        yield made
    finally:
        program.close()


@contextmanager
def cgroup_default(name: str, cgroup: Path) -> Iterator[None]:
    """Let new connections of ``cgroup``, of version 2, begin under the congestion control ``name`` meanwhile.

    Raises :class:`astraea.errors.RunError` where the kernel refuses.
    """
    chooser = Object(named("cgroup", name))
    try:
        chooser.load()
        chooser.attach("choose", cgroup, lasting=False)
        yield
    finally:
        chooser.close()
