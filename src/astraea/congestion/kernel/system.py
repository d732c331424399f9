"""The policy installed in the kernel of this machine until it is uninstalled, or the machine starts anew."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

from astraea.congestion.kernel import boot
from astraea.congestion.kernel.libbpf import descriptor_of, look_up, maps, remove
from astraea.congestion.kernel.machine import obstacles
from astraea.congestion.kernel.places import Place, choose_in_cgroup, choose_in_namespace, give_back
from astraea.congestion.kernel.policies import packed
from astraea.congestion.kernel.program import OPERATIONS, Counters, Program, opened, shipped
from astraea.congestion.policy.policy import Policy
from astraea.errors import InputError, RunError
from astraea.files import write_json

__all__ = ["NAME", "Installed", "available", "install", "installed", "uninstall"]

NAME = "astraea"
_NOTES = Path("/run/astraea/kernel.json")  # gone when the machine starts anew, as the program is
_STRUCT_OPS, _IN_USE = 26, 1  # the kind of the map of operations, and its state while they are registered for good
_MAPS = ("policies", "chosen", "counted")


@dataclass(frozen=True)
class Installed:
    """What is installed: numbers of its maps, which program and policy it is, and where it is the default."""

    operations: int
    maps: dict[str, int] = field(default_factory=dict)
    program: str = ""  # digest of the compiled object
    policy: str = ""  # where the policy came from
    places: tuple[Place, ...] = ()

    def counters(self) -> Counters:
        """Return what its connections have done. Raises :class:`RunError` if it is not known any more."""
        with descriptor_of(self._number("counted")) as fd:
            return Counters.read(fd)

    def follow(self, policy: Policy) -> None:
        """Let its connections go by ``policy``."""
        with (
            descriptor_of(self._number("policies")) as policies,
            descriptor_of(self._number("chosen")) as chosen,
        ):
            Program(NAME, policies, chosen, -1).follow(policy)

    def _number(self, name: str) -> int:
        if name not in self.maps:
            raise RunError(f"{_NOTES} is gone, so what is installed cannot be told from here: uninstall and install")
        return self.maps[name]


def available() -> bool:
    """Return whether the kernel knows the congestion control, which anybody may ask."""
    return NAME in Path("/proc/sys/net/ipv4/tcp_available_congestion_control").read_text(encoding="utf-8").split()


def installed() -> Installed | None:
    """Return what is installed, or None. Raises :class:`RunError` where this process may not look."""
    number = _registered()
    if number is None:
        return None
    try:
        notes = json.loads(_NOTES.read_text(encoding="utf-8"))
        notes["places"] = tuple(Place(**place) for place in notes["places"])
        found = Installed(**notes)
    except (OSError, ValueError, TypeError, KeyError):
        return Installed(number)
    return found if found.operations == number else Installed(number)


def install(
    policy: Policy,
    source: str,
    *,
    default: bool = False,
    namespaces: Sequence[str] = (),
    cgroups: Sequence[Path] = (),
    at_boot: Sequence[str] | None = None,
) -> Installed:
    """Load ``policy``, which comes from ``source``, or let it take the place of the one that is installed.

    It becomes the default of the system (the network namespace of this process), of ``namespaces`` by name and of
    ``cgroups`` as told; with ``at_boot``, the arguments of the command, whenever the machine starts. Where something
    is in the way nothing is changed. Raises :class:`InputError` or :class:`RunError` for it.
    """
    if lacking := obstacles():
        raise RunError("; ".join(lacking))
    packed(policy)
    if at_boot is not None:
        boot.check()
    found = installed()
    if found is None:
        found, fresh = _load(policy), True
    elif found.program != _digest():
        raise InputError("another version of the program is installed: 'astraea congestion kernel uninstall' first")
    else:
        fresh = False
    chosen: list[Place] = []
    try:
        known = {(place.namespace, place.cgroup) for place in found.places}
        if default and ("", "") not in known:
            chosen.append(choose_in_namespace(NAME))
        chosen += [choose_in_namespace(NAME, one) for one in namespaces if (one, "") not in known]
        chosen += [choose_in_cgroup(NAME, one) for one in cgroups if ("", str(one)) not in known]
        if not fresh:
            found.follow(policy)
        made = Installed(found.operations, found.maps, found.program, source, (*found.places, *chosen))
        _NOTES.parent.mkdir(parents=True, exist_ok=True)
        write_json(_NOTES, asdict(made))
        if at_boot is not None:
            boot.write(at_boot)
    except BaseException:
        for place in chosen:
            give_back(place, NAME)
        if fresh:
            _unregister(found.operations)
            _NOTES.unlink(missing_ok=True)
        raise
    return made


def uninstall() -> list[str]:
    """Leave the system as it was before; return what was done, a sentence each; nothing if nothing was installed.

    Connections that live on keep the program until they end. Raises :class:`RunError` if it cannot be taken out.
    """
    if lacking := obstacles():
        raise RunError("; ".join(lacking))
    found = installed()
    done = []
    if boot.remove():
        done.append("it no longer starts with the machine")
    if found is None:
        return done
    for place in found.places:
        trouble = give_back(place, NAME)
        back = f"has {place.before} again" if place.before else "chooses for itself again"
        done.append(trouble or f"{place.words} {back}")
    living = 0
    with suppress(RunError):
        living = found.counters().connections
    _unregister(found.operations)
    _NOTES.unlink(missing_ok=True)
    with suppress(OSError):
        _NOTES.parent.rmdir()
    done.append("the congestion control 'astraea' is gone")
    if living:
        done.append(f"{living} open connections keep it until they end")
    return done


def _load(policy: Policy) -> Installed:
    program = opened(NAME)
    try:
        program.load()
        numbers = {name: program.number(name) for name in _MAPS}
        Program(NAME, *(program.map(name) for name in _MAPS)).follow(policy)
        program.register(OPERATIONS, lasting=True)
        return Installed(program.number(OPERATIONS), numbers, _digest())
    finally:
        program.close()


def _registered() -> int | None:
    """Return the number of the map of the operations that are registered for good under our name."""
    for info in maps():
        if info.kind == _STRUCT_OPS and OPERATIONS.startswith(info.name):
            value = look_up(info.fd, 0, info.value_size)
            state = struct.unpack_from("<I", value, 4)[0]
            if state == _IN_USE and b"\0" + NAME.encode() + b"\0" in value:
                return info.id
    return None


def _unregister(number: int) -> None:
    with descriptor_of(number) as fd:
        remove(fd, 0)


def _digest() -> str:
    return sha256(shipped("astraea")).hexdigest()[:16]
