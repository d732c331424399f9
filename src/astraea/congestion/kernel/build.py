"""Compile the programs anew: ``python -m astraea.congestion.kernel.build``.

It takes Debian 12's clang, llvm and libbpf-dev. A file in ``objects/`` is what the pinned compiler makes of
``source/``; ``--check`` says whether it still is.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from astraea.congestion.connection.fixed_point import EXP_TABLE, LOG_TABLE
from astraea.errors import AstraeaError, InputError
from astraea.files import write_bytes, write_text

__all__ = ["CLANG", "NAMES", "OBJECTS", "SOURCE", "build", "clang_version", "compile_program", "stale", "tables"]

CLANG = "14.0.6"
"""The compiler that the shipped objects come from."""

NAMES = ("astraea", "cgroup", "golden")
SOURCE, OBJECTS = (Path(__file__).parent / folder for folder in ("source", "objects"))
_OPTIONS = ("-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Wextra", "-Werror")


def tables() -> str:
    """Return the tables of the fixed-point functions as C."""
    lines = [
        "/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */",
        "/* Written by the build from fixed_point.py. */",
    ]
    for name, table in (("LOG_TABLE", LOG_TABLE), ("EXP_TABLE", EXP_TABLE)):
        lines.append(f"static const s32 {name}[{len(table)}] = {{{', '.join(map(str, table.tolist()))}}};")
    return "\n".join(lines) + "\n"


def clang_version() -> str | None:
    """Return the version of clang here, or None if there is none."""
    try:
        said = subprocess.run(["clang", "-dumpversion"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return said.strip()


def build(folder: Path) -> None:
    """Compile all programs into ``folder``. Raises :class:`InputError` if the compiler is missing or complains."""
    if clang_version() != CLANG:
        raise InputError(f"the programs are built by clang {CLANG}: apt install clang llvm libbpf-dev on Debian 12")
    for name in NAMES:
        compile_program(name, folder / f"{name}.bpf.o")


def compile_program(name: str, made: Path) -> None:
    """Compile one program into the file ``made``. Raises :class:`InputError` if the compiler complains."""
    anywhere = f"-ffile-prefix-map={SOURCE}=."  # the folder would be part of the object
    compile_it = ["clang", *_OPTIONS, anywhere, "-c", f"{name}.bpf.c", "-o", str(made)]
    for command in (compile_it, ["llvm-strip", "-g", str(made)]):
        done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True)
        if done.returncode != 0:
            raise InputError(f"'{' '.join(command)}' fails: {done.stderr.strip()}")


def stale() -> list[str]:
    """Return the names of shipped objects whose bytes are not what the source gives."""
    if (SOURCE / "tables.h").read_text(encoding="utf-8") != tables():
        return list(NAMES)
    with TemporaryDirectory() as folder:
        build(Path(folder))
        names = [f"{name}.bpf.o" for name in NAMES]
        return [name for name in names if (Path(folder) / name).read_bytes() != (OBJECTS / name).read_bytes()]


def _main(arguments: list[str]) -> str | None:
    """Return what is wrong, or None."""
    if arguments == ["--check"]:
        return "; ".join(f"{name} is not what its source gives: build it anew" for name in stale()) or None
    write_text(SOURCE / "tables.h", tables())
    with TemporaryDirectory() as folder:
        build(Path(folder))
        for name in NAMES:
            write_bytes(OBJECTS / f"{name}.bpf.o", (Path(folder) / f"{name}.bpf.o").read_bytes())
    return None


if __name__ == "__main__":
    try:
        sys.exit(_main(sys.argv[1:]))
    except AstraeaError as error:
        sys.exit(str(error))
