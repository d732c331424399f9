"""Reads spoilt files, many of them: ``python tests/fuzz/fuzzer.py --inputs 100000``; what is not a sentence is told.

Each reading has ten seconds and four GiB of memory, and must not start a process, call the shell or import a module.
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import readers

from astraea.errors import AstraeaError

__all__ = ["Forbidden", "attempt"]

_SECONDS, _BYTES, _WORDS = 10, 4 << 30, 2_000
_FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect")
_watching: list[bool] = []
_hooked: list[bool] = []


class Forbidden(BaseException):
    """Something was executed, or took too long."""


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching:
        return
    if event in _FORBIDDEN:
        raise Forbidden(f"{event}{arguments}")
    if event == "import" and arguments[0].partition(".")[0] in ("antigravity", "this", "os_system", "sitecustomize"):
        raise Forbidden(f"import {arguments[0]}")


@contextmanager
def _bounds() -> Iterator[None]:
    """Watch what is executed, and bound time and memory."""
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked.append(True)

    def late(*_: object) -> None:
        raise Forbidden(f"more than {_SECONDS} s")

    handler, limits = signal.signal(signal.SIGALRM, late), resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _BYTES, limits[1]))
    signal.alarm(_SECONDS)
    _watching.append(True)
    try:
        yield
    finally:
        _watching.clear()
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def attempt(
    reader: readers.Reader,
    good: Path,
    place: Path,
    spoil: Callable[[bytes], bytes],
    *,
    must_read: bool = False,
    instead: Callable[[Path], object] | None = None,
) -> bool:
    """Let ``reader`` read a spoilt copy, laid out at ``place``; return whether it was read in spite of it.

    ``instead`` puts something else in the file's place. Raises what the reader raises, unless it is a sentence and the
    file is not one that ``must_read``.
    """
    source = good / reader.good
    target = place / source.name
    if target.exists() and reader.file == "":
        target.unlink()
    elif target.exists():
        shutil.rmtree(target)
    place.mkdir(parents=True, exist_ok=True)
    if reader.file:
        shutil.copytree(source, target)
    spoilt, original = (target / reader.file, source / reader.file) if reader.file else (target, source)
    if instead is None:
        spoilt.write_bytes(spoil(original.read_bytes()))
    else:
        spoilt.unlink(missing_ok=True)
        instead(spoilt)
    try:
        with _bounds(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader.read(target)
    except AstraeaError as error:
        if must_read:
            raise
        if "\n" in str(error) or len(str(error)) > _WORDS:
            raise AssertionError(f"{str(error)[:200]!r} is no sentence of one line") from error
        return False
    return True


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--inputs", type=int, default=100_000)
    options.add_argument("--minutes", type=float, default=float("inf"), help="end earlier, after so many")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", default="", help="readers whose name begins so")
    given = options.parse_args()
    names = sorted(name for name in readers.READERS if name.startswith(given.only))
    counts: Counter[tuple[str, bool]] = Counter()
    failures: dict[str, list[str]] = {}
    began, slowest = time.monotonic(), (0.0, "", 0)
    with tempfile.TemporaryDirectory() as folder:
        good = Path(folder) / "good"
        readers.good_files(good)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        done = 0
        for number in range(given.inputs):
            if time.monotonic() - began > 60 * given.minutes:
                break
            done = number + 1
            name = names[number % len(names)]
            seed = given.seed + number
            rng = random.Random(seed)
            now = time.monotonic()
            try:
                read = attempt(readers.READERS[name], good, Path(folder) / "spoilt", lambda c: readers.spoilt(c, rng))  # noqa: B023
                counts[name, read] += 1
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                frames = traceback.extract_tb(error.__traceback__)
                ours = next((frame for frame in reversed(frames) if "/astraea/" in frame.filename), frames[-1])
                where = f"{name}: {type(error).__name__} at {Path(ours.filename).name}:{ours.lineno}: {error}"[:300]
                failures.setdefault(where.partition(": ")[0] + where.partition(": ")[2][:70], []).append(
                    f"{seed} {where}"
                )
            slowest = max(slowest, (time.monotonic() - now, name, seed))
            if (number + 1) % 10_000 == 0:
                print(f"{number + 1:,} inputs, {sum(map(len, failures.values()))} failures", flush=True)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    for name in names:
        print(f"{name}: {counts[name, False]:,} refused in a sentence, {counts[name, True]:,} read")
    for found in failures.values():
        print(f"FAILED {len(found)} times: seed {found[0]}")
    print(
        f"{done:,} inputs over {len(names)} readers in {time.monotonic() - began:.0f} s: "
        f"{sum(map(len, failures.values()))} failures, peak memory grew by {grown:.0f} MB, "
        f"the slowest took {slowest[0]:.1f} s ({slowest[1]}, seed {slowest[2]})"
    )
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
