"""What a folder looks like between any two of a program's operations on it, and after a power cut at that moment.

Operations are seen by an audit hook of the interpreter, and ``os.fsync`` by taking its place. A kill leaves what was
written; a power cut leaves of each file what was flushed, and of what was written last perhaps a part, or zeros.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Tree", "full_disk", "laid_out", "no_flush", "states"]

Tree = dict[str, bytes | None]
"""The files of a folder by their path in it; ``None`` for a folder."""

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_watching: list[Callable[[str, tuple[Any, ...]], None]] = []
_hooked: list[bool] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"):
        _watching[0](event, arguments)


@contextmanager
def _watched(root: Path, before: Callable[[str, list[str]], None]) -> Iterator[None]:
    """Call ``before(event, paths in root)`` before each operation that changes something there."""
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked.append(True)
    real = os.fsync

    def path_of(given: object) -> str | None:
        text = os.readlink(f"/proc/self/fd/{given}") if isinstance(given, int) else os.fsdecode(given)  # type: ignore[arg-type]
        inside = os.path.relpath(text, root)
        return None if inside.startswith("..") else inside

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and (isinstance(arguments[0], int) or not arguments[2] & _WRITES):
            return
        given = arguments[:2] if event == "os.rename" else arguments[:1]
        paths = [path for one in given if (path := path_of(one)) is not None]
        if paths and not paths[0].endswith(".lock"):
            told(event, paths)

    def told(event: str, paths: list[str]) -> None:
        _watching.clear()  # what the listener does itself is no operation of the program
        try:
            before(event, paths)
        finally:
            _watching.append(watch)

    def flush(handle: int) -> None:
        path = path_of(handle)
        if path is not None:
            told("fsync", [path])
        real(handle)

    _watching.append(watch)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", flush)
            yield
    finally:
        _watching.clear()


def states(root: Path, work: Callable[[], object]) -> list[Tree]:
    """Return the different states in which a kill or a power cut during ``work`` may leave ``root``."""
    found: list[Tree] = []
    flushed: Tree = {}
    last: Tree = {}

    def note(event: str, paths: list[str]) -> None:
        nonlocal last
        now = _read(root)
        for tree in (now, *_after_a_power_cut(now, flushed, last)):
            if tree not in found:
                found.append(tree)
        last = now
        if event == "fsync":
            flushed.update({path: now[path] for path in paths if path in now})
        elif event == "os.rename" and len(paths) == 2:
            source, target = paths
            for path in [path for path in flushed if path == source or path.startswith(f"{source}/")]:
                flushed[target + path[len(source) :]] = flushed.pop(path)

    with _watched(root, note):
        work()
    note("end", [])
    return found


def _after_a_power_cut(now: Tree, flushed: Tree, last: Tree) -> Iterator[Tree]:
    lost: Tree = {path: content if content is None else flushed.get(path, b"") for path, content in now.items()}
    yield lost
    for path, content in now.items():
        if content is not None and content != lost[path]:
            kept = lost[path] or b""
            yield now | {path: kept + b"\0" * (len(content) - len(kept))}
            if content != last.get(path):
                before = len(last.get(path) or b"")
                yield now | {path: content[: before + (len(content) - before) // 2]}


def full_disk(root: Path, work: Callable[[], object], operation: int) -> bool:
    """Do ``work``, in which the ``operation``-th and later writes to ``root`` fail; return whether it came to that."""
    count = 0

    def refuse(event: str, paths: list[str]) -> None:
        nonlocal count
        if event != "os.remove":
            count += 1
            if count > operation:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(root / paths[0]))

    with _watched(root, refuse):
        work()
    return count > operation


@contextmanager
def no_flush() -> Iterator[None]:
    """Leave out what takes time and changes nothing: nobody cuts the power now."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


def laid_out(tree: Tree, root: Path) -> Path:
    """Make ``root`` the folder that ``tree`` tells of."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    for path, content in tree.items():
        if content is None:
            (root / path).mkdir(parents=True, exist_ok=True)
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
    return root


def _read(root: Path) -> Tree:
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
        if path.name not in (".lock", ".lock-holder")
    }
