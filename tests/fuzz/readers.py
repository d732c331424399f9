"""Every file that the product reads: a good one, and the function that reads it; and how good ones are spoilt."""

from __future__ import annotations

import json
import pickle
import random
import re
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from PIL import Image

from astraea.congestion.evaluation import records
from astraea.congestion.evaluation.traces import find_traces
from astraea.congestion.policy import load_policy, shipped_policy
from astraea.congestion.simulator.schedules import read_trace
from astraea.congestion.trainer import folder as training_folder
from astraea.congestion.trainer import search
from astraea.congestion.trainer.evolution import Evolution, EvolutionSettings
from astraea.data.catalogue import load_dataset
from astraea.data.images import ImageStack
from astraea.data.named_clients import _read as read_index_file
from astraea.experiment.comparison import load_comparison
from astraea.experiment.folder import RunFolder
from astraea.experiment.result import load_result
from astraea.experiment.run import run
from astraea.experiment.settings import load_toml, parse_settings
from astraea.federation.callbacks import ChainsFile, Timing, latest_checkpoint, load_checkpoint
from astraea.federation.loop import Budget
from astraea.federation.models import load_weights
from astraea.network import load_network
from astraea.network.traces import read_capacity
from astraea.report.page.write import page_of

__all__ = ["READERS", "Reader", "good_files", "spoilt"]

LAW = EvolutionSettings(generations=1, population=4, validate_every=1, validation_mixes=1)
"""Settings whose folder is read."""


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
    "chains": Reader("run/chains.jsonl", "", lambda path: _at_round_one(ChainsFile(path))),
    "timings": Reader("run/timings.jsonl", "", lambda path: _at_round_one(Timing(path))),
    "comparison": Reader("comparison", "comparison.json", load_comparison),
    "policy": Reader("policy.safetensors", "", load_policy),
    "generations": Reader("law", "generations.jsonl", _generations),
    "training": Reader("law", "settings.json", _claimed),
    "outcomes": Reader("outcomes.jsonl", "", records.read),
    "mahimahi": Reader("trace.up", "", lambda path: read_trace(path)),
    "capacity": Reader("capacity.csv", "", lambda path: read_capacity(path)),
    "traces": Reader("traces", "network-traces/mahimahi.tar.xz",
                     lambda path: find_traces(path, path / "unpacked")),
    "indices": Reader("indices.json", "", read_index_file),
    "flower": Reader("flower", "strategy.json", lambda path: _flower(path)),
}  # fmt: skip


def _named(name: str, folder: Path) -> object:
    return load_dataset(name, dir=folder, download=False)


def _model() -> torch.nn.Module:
    model = torch.nn.Module()
    model.layers = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    return model


def _fashion(folder: Path) -> object:
    return _named("fashion-mnist", folder)


def _archive(path: Path) -> object:
    from astraea.data.images import read_tree

    return read_tree(path, {"": "train"}, ["a", "b"])


def _flower(folder: Path) -> object:
    from astraea.flower.checkpoint import StrategyCheckpoint
    from astraea.flower.client_registry import ClientRegistry

    registry: Any = object.__new__(ClientRegistry)
    return StrategyCheckpoint(folder).load(registry, {"seed": 0})


def good_files(root: Path) -> None:
    """Write good files of all kinds to ``root``."""
    rng = np.random.default_rng(0)
    settings = {
        "rounds": 2,
        "scenario": {"clients": 3, "samples": 60},
        "model": {"name": "mlp", "options": {"hidden": []}},
        "algorithm": {"name": "astraea", "clients_per_round": 3, "capacity": 2},
    }
    run(parse_settings(settings), out=root / "run")
    latest = latest_checkpoint(RunFolder(root / "run").checkpoints)
    assert latest is not None
    shutil.copy(latest, root / "run" / "checkpoint.safetensors")
    shutil.copytree(root / "run", root / "comparison" / "fedavg" / "seed-0")
    facts = {
        "arms": ["fedavg"],
        "seeds": [0],
        "samples": None,
        "rates": {"fedavg": 0.1},
        "searched": {},
        "schedules": {},
    }
    (root / "comparison" / "comparison.json").write_text(json.dumps(facts))
    (root / "network.toml").write_text(
        '[server]\nup_mbps = 1000\ndown_mbps = 1000\n[[sites]]\nclients = "*"\nup_mbps = 10\ndown_mbps = 50\n'
        "delay_ms = 20\nbuffer_bdp = 1.0\nstep_seconds = 0.01\n"
    )
    x, y = rng.integers(0, 256, (12, 1, 8, 8)).astype(np.uint8), np.arange(12) % 3
    np.savez(root / "data.npz", x=x, y=y, site=y)
    table = "a,b,y\n" + "".join(f"{i},{i * i / 3},{'xz'[i % 2]}\n" for i in range(12))
    (root / "data.csv").write_text(table)
    _parquet(root)
    for folder in (
        "fashion",
        "cifar/cifar-10-batches-py",
        "femnist/data/train",
        "femnist/data/test",
        "images/a",
        "images/b",
        "flower",
        "law",
    ):
        (root / folder).mkdir(parents=True)
    for prefix in ("train", "t10k"):
        images = rng.integers(0, 256, (10, 28, 28)).astype(np.uint8)
        head = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in images.shape)
        (root / "fashion" / f"{prefix}-images-idx3-ubyte").write_bytes(head + images.tobytes())
        (root / "fashion" / f"{prefix}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x0a" + bytes(range(10)))
    for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"):
        batch = {b"data": rng.integers(0, 256, (2, 3072)).astype(np.uint8), b"labels": [0, 1]}
        (root / "cifar" / "cifar-10-batches-py" / name).write_bytes(pickle.dumps(batch, protocol=4))
    leaf = {"users": ["u"], "user_data": {"u": {"x": [[0.5] * 784], "y": [3]}}}
    for part in ("train", "test"):
        (root / "femnist" / "data" / part / "a.json").write_text(json.dumps(leaf))
    for folder, name in (("a", "0.png"), ("a", "1.jpg"), ("b", "2.webp"), ("b", "3.gif"), ("b", "4.tif")):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)).save(root / "images" / folder / name)
    with zipfile.ZipFile(root / "images.zip", "w") as packed:
        for path in sorted((root / "images").glob("*/*")):
            packed.write(path, str(path.relative_to(root / "images")))
    with tarfile.open(root / "images.tar.gz", "w:gz") as tar:
        for path in sorted((root / "images").glob("*/*")):
            tar.add(path, str(path.relative_to(root / "images")))
    shipped_policy().save(root / "policy.safetensors")
    training_folder.claim(root / "law", "law", LAW, resume=True, execution=())
    generation = {"number": 0, "values": [0.1, 0.2, 0.3, 0.4], "step": 0.4, "validation": {"all": 0.5},
                  "centre": Evolution(LAW).centre.tolist()}  # fmt: skip
    (root / "law" / "generations.jsonl").write_text(json.dumps(generation) + "\n")
    outcome = {"suite": "grid", "case": "a", "arm": "cubic", "seed": 0, "key": "k", "conditions": {"mbps": 1.0},
               "values": {"jain": 1.0}, "seconds": 0.1}  # fmt: skip
    (root / "outcomes.jsonl").write_text(json.dumps(outcome) + "\n")
    (root / "trace.up").write_text("1\n5\n10\n")
    (root / "capacity.csv").write_text("0,1.5\n1,2.5\n2,0.5\n")
    (root / "traces" / "network-traces").mkdir(parents=True)
    with tarfile.open(root / "traces" / "network-traces" / "mahimahi.tar.xz", "w:xz") as tar:
        tar.add(root / "trace.up", "mahimahi/trace.up")
    (root / "indices.json").write_text("[[0, 1], [2, 3]]")
    shutil.copy(latest, root / "flower" / latest.name)
    client = {"name": "a", "own": [1, 2], "trained": [1, 2], "augments": False}
    facts = {"settings": {"seed": 0}, "rounds": 2, "earlier": [], "model": None, "clients": [client]}
    (root / "flower" / "strategy.json").write_text(json.dumps(facts))


def _parquet(root: Path) -> None:
    import pandas

    pandas.DataFrame({"a": np.arange(12.0), "y": np.arange(12) % 2}).to_parquet(root / "data.parquet")


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
