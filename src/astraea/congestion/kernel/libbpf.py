"""libbpf, the library that loads BPF programs, by ctypes: Debian's package libbpf1, which iproute2 needs as well."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from astraea.errors import RunError

__all__ = [
    "MapInfo",
    "Object",
    "arguments_of",
    "descriptor_of",
    "detach",
    "library",
    "look_up",
    "maps",
    "remove",
    "update",
]

_LINKED = 1 << 13  # BPF_F_LINK: a map of operations that a link registers
_STRUCT_OPS = 44  # BPF_STRUCT_OPS, the way such a link is attached
_SOCK_OPS, _WITH_OTHERS = 3, 2  # BPF_CGROUP_SOCK_OPS, BPF_F_ALLOW_MULTI
_STRUCT = 4  # a kind of BTF

_POINTERS = (
    *("bpf_object__open_mem", "bpf_object__find_map_by_name", "bpf_object__find_program_by_name"),
    *("bpf_map__attach_struct_ops", "bpf_program__attach_cgroup", "btf__load_vmlinux_btf", "btf__type_by_id"),
)

_Print = CFUNCTYPE(c_int, c_int, c_char_p, c_void_p)


@cache
def library() -> Any:
    """Return the library. Raises :class:`OSError` where it is not installed."""
    lib = ctypes.CDLL("libbpf.so.1", use_errno=True)
    for name in _POINTERS:
        getattr(lib, name).restype = c_void_p
    lib.btf__name_by_offset.restype = c_char_p
    lib.bpf_map__initial_value.restype = c_void_p
    lib.libbpf_set_print(_KEEP)
    return lib


_said: list[str] = []


def _keep(level: int, form: bytes, values: int) -> int:
    """Keep what the library says, for the sentence of an error."""
    if level < 2:
        text = ctypes.create_string_buffer(1 << 14)
        ctypes.CDLL(None).vsnprintf(text, c_size_t(len(text)), c_char_p(form), c_void_p(values))
        _said.append(text.value.decode("utf-8", "replace"))
    return 0


_KEEP = _Print(_keep)


def _failure(what: str) -> RunError:
    code = ctypes.get_errno()
    lines = [line.strip() for text in _said for line in text.splitlines() if line.strip()]
    reasons = [line for line in lines if not line.startswith(("libbpf:", "processed", "--", ";"))]
    said = f" ({reasons[-1] if reasons else lines[-1]})" if lines else ""
    return RunError(f"the kernel would not {what}: {os.strerror(code)}{said}")


def _taken() -> RunError:
    return RunError(
        "a congestion control of this name is in the kernel already, from another process or installed: end the one, "
        "or 'astraea congestion kernel uninstall'"
    )


class Object:
    """A compiled object and what of it is in the kernel; all of it goes with :meth:`close`, or with the process."""

    def __init__(self, code: bytes) -> None:
        """Open ``code``, an ELF file of BPF programs. Raises :class:`RunError` if it is none."""
        self._lib = library()
        _said.clear()
        self._links: list[tuple[int | None, int | None]] = []
        self._open: int | None = self._lib.bpf_object__open_mem(c_char_p(code), c_size_t(len(code)), None)
        if not self._open:
            raise _failure("take the program")

    def link_operations(self, name: str) -> None:
        """Say before :meth:`load` that the operations ``name`` are to be registered by a link (Linux 6.4 or later)."""
        self._lib.bpf_map__set_map_flags(self._map(name), c_uint32(_LINKED))

    def load(self) -> None:
        """Load programs and maps. Raises :class:`RunError` with the verifier's reason if the kernel refuses one."""
        if self._lib.bpf_object__load(c_void_p(self._open)) != 0:
            raise _failure("load the program")

    def map(self, name: str) -> int:
        """Return the descriptor of the map ``name``."""
        return int(self._lib.bpf_map__fd(self._map(name)))

    def number(self, name: str) -> int:
        """Return the number that the kernel has given to the map ``name``."""
        info = _Info()
        self._lib.bpf_obj_get_info_by_fd(self.map(name), byref(info), byref(c_uint32(ctypes.sizeof(_Info))))
        return int(info.id)

    def run(self, program: str, context: bytes) -> bytes:
        """Run ``program``, of the type syscall, once on ``context``, and return what it leaves there."""
        found = self._lib.bpf_object__find_program_by_name(c_void_p(self._open), program.encode())
        room = ctypes.create_string_buffer(context, len(context))
        options = _TestRun(sz=ctypes.sizeof(_TestRun), ctx_in=ctypes.addressof(room), ctx_size_in=len(context))
        if self._lib.bpf_prog_test_run_opts(self._lib.bpf_program__fd(c_void_p(found)), byref(options)) != 0:
            raise _failure(f"run '{program}'")
        if options.retval != 0:
            raise RunError(f"the program '{program}' answers {options.retval}")
        return room.raw

    def register(self, name: str, *, lasting: bool) -> None:
        """Register the operations ``name``: until :meth:`close` or the process's end, or ``lasting`` beyond both.

        Raises :class:`RunError` if the kernel refuses, for instance since the name is taken.
        """
        operations = self._map(name)
        link = self._lib.bpf_map__attach_struct_ops(operations)
        if not link and ctypes.get_errno() == errno.EEXIST:
            raise _taken()
        if not link:
            raise _failure("register the congestion control")
        if lasting:
            self._lib.bpf_link__disconnect(c_void_p(link))
        held = None
        if not lasting and self._is_linked(operations) and self._lib.libbpf_minor_version() < 2:
            held = self._lib.bpf_link_create(self._lib.bpf_map__fd(operations), 0, _STRUCT_OPS, None)
            if held < 0 and ctypes.get_errno() == errno.EEXIST:
                raise _taken()
            if held < 0:
                raise _failure("register the congestion control")
        self._links.append((link, held))

    def attach(self, program: str, cgroup: Path, *, lasting: bool) -> int:
        """Let ``program`` hear of the connections of ``cgroup``, as long as :meth:`register` says; return its number.

        Raises :class:`RunError` if the kernel refuses, for instance where ``cgroup`` is none of version 2.
        """
        found = c_void_p(self._lib.bpf_object__find_program_by_name(c_void_p(self._open), program.encode()))
        fd = self._lib.bpf_program__fd(found)
        with opened_folder(cgroup) as folder:
            if lasting:
                if self._lib.bpf_prog_attach(fd, folder, _SOCK_OPS, c_uint32(_WITH_OTHERS)) != 0:
                    raise _failure(f"use the cgroup {cgroup}")
            else:
                link = self._lib.bpf_program__attach_cgroup(found, folder)
                if not link:
                    raise _failure(f"use the cgroup {cgroup}")
                self._links.append((link, None))
        info = _Info()
        self._lib.bpf_obj_get_info_by_fd(fd, byref(info), byref(c_uint32(ctypes.sizeof(_Info))))
        return int(info.id)

    def close(self) -> None:
        """Take out of the kernel what nothing else holds."""
        for link, held in self._links:
            if held is not None:
                os.close(held)
            self._lib.bpf_link__destroy(c_void_p(link))
        self._links.clear()
        if self._open:
            self._lib.bpf_object__close(c_void_p(self._open))
            self._open = None

    def _map(self, name: str) -> c_void_p:
        found = self._lib.bpf_object__find_map_by_name(c_void_p(self._open), name.encode())
        if not found:
            raise RunError(f"the program has no map '{name}'")
        return c_void_p(found)

    def _is_linked(self, operations: c_void_p) -> bool:
        return bool(self._lib.bpf_map__map_flags(operations) & _LINKED)


@contextmanager
def opened_folder(path: Path) -> Iterator[int]:
    """Open a folder and give its descriptor. Raises :class:`RunError` if there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise RunError(f"there is no folder {path}: {error.strerror}") from None
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def descriptor_of(number: int) -> Iterator[int]:
    """Open the map ``number`` and give its descriptor. Raises :class:`RunError` if there is none."""
    _said.clear()
    fd = library().bpf_map_get_fd_by_id(c_uint32(number))
    if fd < 0:
        raise _failure(f"open its map {number}")
    try:
        yield fd
    finally:
        os.close(fd)


def detach(number: int, cgroup: Path) -> None:
    """Take the program ``number`` off ``cgroup``, where both are still there."""
    lib = library()
    fd = lib.bpf_prog_get_fd_by_id(c_uint32(number))
    if fd < 0 or not cgroup.is_dir():
        return
    try:
        with opened_folder(cgroup) as folder:
            lib.bpf_prog_detach2(fd, folder, _SOCK_OPS)
    finally:
        os.close(fd)


class _TestRun(ctypes.Structure):
    """libbpf's bpf_test_run_opts."""

    _fields_ = (
        *((name, c_size_t) for name in ("sz", "data_in", "data_out")),
        *((name, c_uint32) for name in ("data_size_in", "data_size_out")),
        *((name, c_size_t) for name in ("ctx_in", "ctx_out")),
        *((name, c_uint32) for name in ("ctx_size_in", "ctx_size_out", "retval", "repeat", "duration", "flags", "cpu",
                                        "batch_size")),
    )  # fmt: skip


def update(fd: int, key: int, value: bytes) -> None:
    """Write ``value`` to ``key`` of the map at ``fd``. Raises :class:`RunError` if it cannot be."""
    _said.clear()
    if library().bpf_map_update_elem(fd, byref(c_uint32(key)), c_char_p(value), c_uint64(0)) != 0:
        raise _failure("write to a map")


def look_up(fd: int, key: int, size: int) -> bytes:
    """Return the ``size`` bytes at ``key`` of the map at ``fd``. Raises :class:`RunError` if there are none."""
    _said.clear()
    value = ctypes.create_string_buffer(size)
    if library().bpf_map_lookup_elem(fd, byref(c_uint32(key)), value) != 0:
        raise _failure("read a map")
    return value.raw


def remove(fd: int, key: int) -> None:
    """Delete ``key`` of the map at ``fd``; of operations: unregister them. Raises :class:`RunError` if it cannot be."""
    _said.clear()
    if library().bpf_map_delete_elem(fd, byref(c_uint32(key))) != 0:
        raise _failure("unregister the congestion control")


class MapInfo(NamedTuple):
    """A map in the kernel: its descriptor is open until the next one is asked for."""

    fd: int
    id: int
    kind: int
    name: str
    value_size: int


class _Info(ctypes.Structure):
    """The first fields of the kernel's bpf_map_info."""

    _fields_ = (
        *((name, c_uint32) for name in ("type", "id", "key_size", "value_size", "max_entries", "map_flags")),
        ("name", ctypes.c_char * 16),
    )


def maps() -> Iterator[MapInfo]:
    """Go through the maps in the kernel, whoever made them. Raises :class:`RunError` where that is not allowed."""
    _said.clear()
    lib, found = library(), c_uint32(0)
    ctypes.set_errno(0)
    while lib.bpf_map_get_next_id(found, byref(found)) == 0:
        fd = lib.bpf_map_get_fd_by_id(found)
        if fd < 0:
            continue  # gone meanwhile
        info, size = _Info(), c_uint32(ctypes.sizeof(_Info))
        try:
            if lib.bpf_obj_get_info_by_fd(fd, byref(info), byref(size)) == 0:
                yield MapInfo(fd, info.id, info.type, info.name.decode(), info.value_size)
        finally:
            os.close(fd)
    if ctypes.get_errno() != errno.ENOENT:
        raise _failure("show its maps")


class _Type(ctypes.Structure):
    """BTF's btf_type."""

    _fields_ = (("name", c_uint32), ("info", c_uint32), ("type", c_uint32))


class _Member(ctypes.Structure):
    """BTF's btf_member."""

    _fields_ = (("name", c_uint32), ("type", c_uint32), ("offset", c_uint32))


def arguments_of(structure: str, member: str) -> int | None:
    """Return how many arguments the kernel's pointer to a function ``structure.member`` takes; None: there is none."""
    lib = library()
    btf = c_void_p(lib.btf__load_vmlinux_btf())
    if not btf:
        return None

    def type_at(number: int) -> Any:
        return ctypes.cast(lib.btf__type_by_id(btf, c_uint32(number)), POINTER(_Type))

    try:
        number = lib.btf__find_by_name_kind(btf, structure.encode(), c_uint32(_STRUCT))
        if number < 0:
            return None
        found = type_at(number)
        members = ctypes.cast(ctypes.addressof(found.contents) + ctypes.sizeof(_Type), POINTER(_Member))
        for k in range(found.contents.info & 0xFFFF):
            if lib.btf__name_by_offset(btf, c_uint32(members[k].name)) == member.encode():
                pointed = type_at(type_at(members[k].type).contents.type)
                return int(pointed.contents.info & 0xFFFF)
        return None
    finally:
        lib.btf__free(btf)
