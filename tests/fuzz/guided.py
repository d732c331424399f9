"""Fuzzing that looks where an input has led: ``python tests/fuzz/guided.py npz -max_total_time=60``, with atheris.

The first argument is a reader of readers.py, all others are libFuzzer's. It begins with the good file, and ends at the
first input that is not read and not refused in a sentence.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["astraea"]):
    import fuzzer
    import readers


def main() -> None:
    name, *options = sys.argv[1:]
    reader = readers.READERS[name]
    with tempfile.TemporaryDirectory() as folder:
        good, corpus = Path(folder) / "good", Path(folder) / "corpus"
        readers.good_files(good)
        corpus.mkdir()
        source = good / reader.good
        (corpus / "good").write_bytes((source / reader.file if reader.file else source).read_bytes())

        def one(content: bytes) -> None:
            fuzzer.attempt(reader, good, Path(folder) / "spoilt", lambda _: content)

        atheris.Setup([sys.argv[0], *options, str(corpus)], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
