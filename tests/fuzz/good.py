"""A good file of every kind that the product reads: what the fuzzer spoils."""

from __future__ import annotations

import json
import pickle
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from astraea.congestion import ObservationSettings
from astraea.congestion.policy import shipped_policy
from astraea.congestion.trainer import folder as training_folder
from astraea.congestion.trainer.checkpoint import Counts, save_checkpoint
from astraea.congestion.trainer.evolution import Evolution, EvolutionSettings
from astraea.congestion.trainer.td3 import Td3Settings
from astraea.congestion.trainer.td3.buffer import ReplayBuffer
from astraea.congestion.trainer.td3.learner import Learner
from astraea.data.loaders.uci_har import CHANNELS
from astraea.experiment.folder import RunFolder
from astraea.experiment.run import run
from astraea.experiment.settings import parse_settings
from astraea.federation.callbacks import latest_checkpoint
from astraea.reading import read_tensors

__all__ = ["LAW", "TD3", "good_files", "small_learner"]

LAW = EvolutionSettings(generations=1, population=4, validate_every=1, validation_mixes=1)
"""Settings whose folder is read."""

TD3 = Td3Settings(
    observation=ObservationSettings(history=2), actor_widths=(4,), critic_widths=(4, 4), batch_size=4,
    learning_starts=8, buffer_size=20, worlds_at_once=2, update_flow_steps=15, gradient_steps=1, updates=2,
    flow_steps=80, minutes=None,
)  # fmt: skip
"""Settings whose checkpoint is read."""


def small_learner() -> tuple[Learner, ReplayBuffer]:
    """Return what a training of these settings learns with, before it has learned anything."""
    sees = TD3.observation.size
    return Learner(TD3, sees), ReplayBuffer(TD3.buffer_size, sees)


def good_files(root: Path) -> None:
    """Write good files of all kinds to ``root``."""
    rng = np.random.default_rng(0)
    settings = {
        "rounds": 2,
        "scenario": {"clients": 3, "samples": 60},
        "model": {"name": "mlp", "options": {"hidden": []}},
        "algorithm": {
            "name": "astraea",
            "clients_per_round": 3,
            "capacity": 2,
            "local_epochs": 1,
            "mediator_epochs": 2,
        },
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
        "td3",
        "evaluation",
        "race",
        *(f"har/UCI HAR Dataset/{part}/Inertial Signals" for part in ("train", "test")),
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
    _td3(root)
    _pages(root)
    for part in ("train", "test"):
        measured = root / "har" / "UCI HAR Dataset" / part
        for channel in CHANNELS:
            np.savetxt(measured / "Inertial Signals" / f"{channel}_{part}.txt", rng.normal(size=(2, 128)), "%.3f")
        (measured / f"y_{part}.txt").write_text("1\n6\n")
        (measured / f"subject_{part}.txt").write_text("3\n4\n")
    # What a stranger may forge: the facts of a checkpoint, under a checksum that is right.
    for name, key, path in (("run", "run", latest), ("td3", "facts", root / "td3" / "checkpoint.safetensors")):
        forged = root / f"forged-{name}"
        forged.mkdir()
        shutil.copy(path, forged / "checkpoint.safetensors")
        (forged / "facts.json").write_text(read_tensors(path)[0][key])


def _td3(root: Path) -> None:
    learner, buffer = small_learner()
    buffer.add(np.ones((8, buffer.rows.shape[1]), np.float32))
    line: dict[str, Any] = {"epoch": 1, "reward": 0.5}
    counts = Counts(1, 30, 0.5, line, [line])
    save_checkpoint(root / "td3" / "checkpoint.safetensors", counts, learner, buffer, torch.zeros(5))


def _pages(root: Path) -> None:
    cells = {"jain": {"value": 0.9, "text": "0.900", "by_seed": [0.8, None, 1.0]}}
    suite = {"summary": "flows that share", "group": "RTT ms",
             "columns": [{"key": "jain", "title": "Jain's index", "percent": False}],
             "rows": [{"group": 30, "arm": "cubic", "worlds": 1, "cells": cells}]}  # fmt: skip
    facts = {"conditions": "As said.", "seeds": [0], "arms": [{"name": "cubic"}], "notes": ["a note"],
             "suites": {"grid": suite}}  # fmt: skip
    (root / "evaluation" / "evaluation.json").write_text(json.dumps(facts))
    flows = [{"rtt_ms": 20.0, "loss": 0.0, "completion": None, "controller": "cubic", "start_s": 0.0, "end_s": 2.0,
              "name": name, "goodput_mbps": 1.0} for name in "ab"]  # fmt: skip
    names = ("jain", "min_max", "utilisation", "queue_ms", "queue_p95_ms", "loss")
    link = {"capacity_mbps": 4.0, "buffer_bytes": 5000, "loss": 0.01}
    told = {**dict.fromkeys(names, 0.5), "convergence_s": None, "flows": flows, "again": "again",
            "settings": {"links": [link], "duration_s": 2.0}}  # fmt: skip
    (root / "race" / "race.json").write_text(json.dumps(told))
    rows = [f"{time},{name},1,20,3\n" for time in (0.5, 1.0) for name in "ab"]
    (root / "race" / "race.csv").write_text("time_s,flow,goodput_mbps,rtt_ms,cwnd\n" + "".join(rows))
    bar = {"chain": 0, "client": 0, "part": "training", "start": 0.0, "end": 1.0, "critical": True}
    round_ = {"round": 1, "chains": 1, "seconds": 1.0, "compute": 1.0, "transfer": 0.0, "waiting": 0.0, "bound": 1.0,
              "bars": [bar]}  # fmt: skip
    shutil.copytree(root / "run", root / "timed")
    (root / "timed" / "timeline.json").write_text(json.dumps(round_))
    lines = [json.loads(line) for line in (root / "run" / "metrics.jsonl").read_text().splitlines()]
    timed = {"round_seconds": 1.0, "round_compute_seconds": 1.0, "link_utilisation": {"up": 0.5}}
    (root / "timed" / "metrics.jsonl").write_text("".join(json.dumps(line | timed) + "\n" for line in lines))


def _parquet(root: Path) -> None:
    import pandas

    pandas.DataFrame({"a": np.arange(12.0), "y": np.arange(12) % 2}).to_parquet(root / "data.parquet")
