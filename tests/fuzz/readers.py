"""Every file that the product reads: a good one, and the function that reads it; and how good ones are spoilt."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from good import LAW, good_files, small_learner

from astraea.congestion.evaluation import records
from astraea.congestion.evaluation.traces import find_traces
from astraea.congestion.policy import load_policy
from astraea.congestion.traces import read_capacity, read_opportunities
from astraea.congestion.trainer import folder as training_folder
from astraea.congestion.trainer import search
from astraea.congestion.trainer.checkpoint import load_checkpoint as load_td3_checkpoint
from astraea.data.catalogue import load_dataset
from astraea.data.image_stack import ImageStack
from astraea.data.named_clients import _read as read_index_file
from astraea.experiment.comparison import load_comparison
from astraea.experiment.reached import Kept
from astraea.experiment.result import load_result
from astraea.experiment.settings import load_toml, parse_settings
from astraea.federation.callbacks import ChainsFile, Timing, load_checkpoint
from astraea.federation.loop import Budget
from astraea.federation.models import load_weights
from astraea.files import write_tensors
from astraea.network import load_network
from astraea.reading import checksum, read_tensors
from astraea.report.page.write import page_of

__all__ = ["IN_MEMORY", "READERS", "Reader", "good_files", "spoilt"]


@dataclass(frozen=True)
class Reader:
    """Reads the file ``name``, one of ``good`` with a spoilt copy of ``file`` among them."""

    good: str  # a file or a folder among the good ones
    file: str  # the one that is spoilt, in that folder; empty: the good one itself
    read: Callable[[Path], object]


def _data(name: str, **settings: Any) -> Callable[[Path], object]:
    def read(path: Path) -> object:
        return load_dataset(name, path=str(path), dir=path.parent, download=False, **settings)

    return read


def _at_round_one(callback: Any) -> None:
    callback.begin(SimpleNamespace(state=SimpleNamespace(round=1)), Budget(1))


def _generations(folder: Path) -> None:
    search.resumed(LAW, folder)


def _claimed(folder: Path) -> None:
    training_folder.claim(folder, "law", LAW, resume=True, execution=("generations",))


def _run_files(*names: str) -> dict[str, Reader]:
    return {f"run/{name}": Reader("run", name, load_result) for name in names}


READERS = {
    "config": Reader("run/config.toml", "", lambda path: parse_settings(load_toml(path), str(path))),
    "network": Reader("network.toml", "", load_network),
    "npz": Reader("data.npz", "", _data("npz")),
    "csv": Reader("data.csv", "", _data("table", label_column="y")),
    "parquet": Reader("data.parquet", "", _data("table", label_column="y")),
    "idx images": Reader("fashion", "train-images-idx3-ubyte", lambda path: _fashion(path)),
    "idx labels": Reader("fashion", "t10k-labels-idx1-ubyte", lambda path: _fashion(path)),
    "cifar-10": Reader("cifar", "cifar-10-batches-py/data_batch_1", lambda path: _named("cifar10", path)),
    "femnist": Reader("femnist", "data/train/a.json", lambda path: _named("femnist", path)),
    "zip": Reader("images.zip", "", lambda path: _archive(path)),
    "tar": Reader("images.tar.gz", "", lambda path: _archive(path)),
    "png": Reader("images/a/0.png", "", lambda path: ImageStack().add(path.read_bytes(), 0, path)),
    "jpeg": Reader("images/a/1.jpg", "", lambda path: ImageStack().add(path.read_bytes(), 0, path)),
    "folder": Reader("images", "a/0.png", _data("folder")),
    "webp": Reader("images/b/2.webp", "", lambda path: ImageStack().add(path.read_bytes(), 0, path)),
    "gif": Reader("images/b/3.gif", "", lambda path: ImageStack().add(path.read_bytes(), 0, path)),
    "tiff": Reader("images/b/4.tif", "", lambda path: ImageStack().add(path.read_bytes(), 0, path)),
    "weights": Reader("run/model.safetensors", "", lambda path: load_weights(_model(), path)),
    "checkpoint": Reader("run/checkpoint.safetensors", "", load_checkpoint),
    **_run_files("metrics.jsonl", "config.toml", "summary.json", "fingerprint.json", "probe.safetensors",
                 "clients.json", "model.safetensors", "inputs.json"),
    "page/scenario.json": Reader("run", "scenario.json", lambda path: page_of(path)),
    "page/chains.jsonl": Reader("run", "chains.jsonl", lambda path: page_of(path)),
    "page/metrics.jsonl": Reader("run", "metrics.jsonl", lambda path: page_of(path)),
    "page/summary.json": Reader("run", "summary.json", lambda path: page_of(path)),
    "page/config.toml": Reader("run", "config.toml", lambda path: page_of(path)),
    "page/clients.json": Reader("run", "clients.json", lambda path: page_of(path)),
    "page/timeline.json": Reader("timed", "timeline.json", lambda path: page_of(path)),
    "page/evaluation.json": Reader("evaluation", "evaluation.json", lambda path: page_of(path)),
    "page/race.json": Reader("race", "race.json", lambda path: page_of(path)),
    "page/race.csv": Reader("race", "race.csv", lambda path: page_of(path)),
    "page/comparison.json": Reader("comparison", "comparison.json", lambda path: page_of(path)),
    "plans/chains.jsonl": Reader("run", "chains.jsonl", Kept.read),
    "plans/scenario.json": Reader("run", "scenario.json", Kept.read),
    "td3": Reader("td3/checkpoint.safetensors", "", lambda path: _td3_checkpoint(path)),
    "td3 forged": Reader("forged-td3", "facts.json", lambda path: _forged("facts", _td3_checkpoint)(path)),
    "checkpoint forged": Reader("forged-run", "facts.json", lambda path: _forged("run", load_checkpoint)(path)),
    "uci-har": Reader("har", "UCI HAR Dataset/train/Inertial Signals/body_acc_x_train.txt",
                      lambda path: _named("uci-har", path)),
    "uci-har labels": Reader("har", "UCI HAR Dataset/test/y_test.txt", lambda path: _named("uci-har", path)),
    "chains": Reader("run/chains.jsonl", "", lambda path: _at_round_one(ChainsFile(path))),
    "timings": Reader("run/timings.jsonl", "", lambda path: _at_round_one(Timing(path))),
    "comparison": Reader("comparison", "comparison.json", load_comparison),
    "policy": Reader("policy.safetensors", "", load_policy),
    "generations": Reader("law", "generations.jsonl", _generations),
    "training": Reader("law", "settings.json", _claimed),
    "outcomes": Reader("outcomes.jsonl", "", records.read),
    "mahimahi": Reader("trace.up", "", lambda path: read_opportunities(path)),
    "capacity": Reader("capacity.csv", "", lambda path: read_capacity(path)),
    "traces": Reader("traces", "network-traces/mahimahi.tar.xz",
                     lambda path: find_traces(path, path / "unpacked")),
    "indices": Reader("indices.json", "", read_index_file),
    "flower": Reader("flower", "strategy.json", lambda path: _flower(path)),
}  # fmt: skip


IN_MEMORY = {"png", "jpeg", "webp", "gif", "tiff", "checkpoint forged", "td3 forged"}
"""Readers of what is in memory: the file is opened here, not by the product."""


def _named(name: str, folder: Path) -> object:
    return load_dataset(name, dir=folder, download=False)


def _model() -> torch.nn.Module:
    model = torch.nn.Module()
    model.layers = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    return model


def _fashion(folder: Path) -> object:
    return _named("fashion-mnist", folder)


def _td3_checkpoint(path: Path) -> object:
    return load_td3_checkpoint(path, *small_learner())


def _forged(key: str, read: Callable[[Path], object]) -> Callable[[Path], object]:
    """Return a reader of the facts alone: they are put into a checkpoint whose checksum is right, which is read."""

    def forge(folder: Path) -> object:
        path = folder / "checkpoint.safetensors"
        notes, tensors = read_tensors(path)
        text = (folder / "facts.json").read_bytes().decode("utf-8", errors="replace").replace("\0", "")
        write_tensors(path, tensors, {**notes, key: text, "digest": checksum(tensors, text)})
        return read(path)

    return forge


def _archive(path: Path) -> object:
    from astraea.data.images import read_tree

    return read_tree(path, {"": "train"}, ["a", "b"])


def _flower(folder: Path) -> object:
    from astraea.flower.checkpoint import StrategyCheckpoint
    from astraea.flower.client_registry import ClientRegistry

    registry: Any = object.__new__(ClientRegistry)
    return StrategyCheckpoint(folder).load(registry, {"seed": 0})


TOKENS = (
    *(
        b"0",
        b"-1",
        b"1e999",
        b"NaN",
        b"-Infinity",
        b"null",
        b"true",
        b'""',
        b"[]",
        b"{}",
        b"[",
        b"{",
        b'"',
        b"\n",
        b"\0",
    ),
    *(
        b"9" * 5_000,
        b"1" + b"0" * 30,
        str(2**70).encode(),
        str(2**31).encode(),
        b"-9223372036854775809",
        b"0x" + b"f" * 50,
    ),
    *(b"[" * 2_000, b"\xff\xfe", b"\xef\xbb\xbf", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff\xff\xff\xff\xff", b"\0" * 16),
    *(
        b"os:system",
        b'"os:system"',
        b"../../etc/passwd",
        b":smile:",
        b"[/bold]",
        b"\x1b[31m",
        b"a" * 70_000,
        b"1_0",
        b"1.5",
    ),
)


def spoilt(content: bytes, rng: random.Random) -> bytes:
    """Return ``content`` with one to four edits."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(content) + 1)
        kind = rng.randrange(8)
        if kind == 0 and content:
            at = min(at, len(content) - 1)
            content = content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]
        elif kind == 1:
            content = content[:at]
        elif kind == 2:
            content = content[:at] + rng.choice(TOKENS) + content[at:]
        elif kind == 3:
            token = rng.choice(TOKENS)
            content = content[:at] + token + content[at + len(token) :]
        elif kind == 4:
            content = content[:at] + rng.randbytes(rng.randrange(1, 9)) + content[at + rng.randrange(9) :]
        elif kind == 5:
            other = rng.randrange(len(content) + 1)
            content = content[:at] + content[other : other + rng.randrange(1, 60)] + content[at:]
        elif kind == 6:
            content = content[:at] + content[at + rng.randrange(1, 60) :]
        else:
            content = _value(content, rng)
    return content


def _value(content: bytes, rng: random.Random) -> bytes:
    """Return a text in which one value is another token."""
    found = list(re.finditer(rb'-?\d[\d.e+-]*|"[^"]{0,80}"|true|false|null|\[[^\[\]]{0,80}\]', content[: 1 << 16]))
    if not found:
        return content
    chosen = rng.choice(found)
    return content[: chosen.start()] + rng.choice(TOKENS) + content[chosen.end() :]
