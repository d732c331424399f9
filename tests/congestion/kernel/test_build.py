"""The shipped objects are what their source gives."""

from __future__ import annotations

import re

import pytest

from astraea.congestion.kernel.build import CLANG, NAMES, SOURCE, clang_version, stale, tables

LICENCE = "/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */"


def test_objects_are_what_the_pinned_compiler_makes() -> None:
    if clang_version() != CLANG:
        pytest.skip(f"needs clang {CLANG}: apt install clang llvm libbpf-dev on Debian 12")
    assert stale() == []


def test_tables_are_those_of_the_python_functions() -> None:
    assert (SOURCE / "tables.h").read_text(encoding="utf-8") == tables()


def test_every_source_says_its_licence() -> None:
    sources = sorted(SOURCE.glob("*.[ch]"))
    assert {f"{name}.bpf.c" for name in NAMES} <= {source.name for source in sources}
    assert all(source.read_text(encoding="utf-8").startswith(LICENCE) for source in sources)


def test_there_are_no_floats() -> None:

    for source in SOURCE.glob("*.[ch]"):
        text = re.sub(r"/\\*.*?\\*/", "", source.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r"\b(float|double)\b", text)
