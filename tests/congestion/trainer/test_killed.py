"""Killed before each of its writes in turn, or in the middle of one, and resumed: a training ends as if nothing was."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from astraea import files
from astraea.congestion import ObservationSettings, WorldRanges
from astraea.congestion.environment.worlds import WorldMix
from astraea.congestion.policy import Policy, load_policy
from astraea.congestion.trainer import families, log, search
from astraea.congestion.trainer.evolution import EvolutionSettings, residual_settings
from astraea.congestion.trainer.families import FAMILIES, Family
from astraea.congestion.trainer.mappo import mappo_settings, train_mappo
from astraea.congestion.trainer.search import train_by_evolution
from astraea.congestion.trainer.td3 import Td3Settings, train_td3

RANGES: dict[str, Any] = {"flows": (1, 2), "bandwidth_mbps": (1, 2), "rtt_ms": (30, 60), "buffer_bdp": (1, 2),
                          "duration_s": 1.0, "gap_s": (0.1, 0.3)}  # fmt: skip
TD3 = Td3Settings(
    worlds=WorldRanges(**RANGES), observation=ObservationSettings(history=2), actor_widths=(8,), critic_widths=(8, 4),
    batch_size=8, learning_starts=20, buffer_size=60, worlds_at_once=2, update_flow_steps=15, gradient_steps=3,
    policy_frequency=2, updates=1, flow_steps=40, minutes=None, validation_worlds=1, checkpoint_minutes=0,
    exploration_actions=30,
)  # fmt: skip
LAW = EvolutionSettings(generations=3, population=4, validate_every=1, validation_mixes=1, seed=5)

RESIDUAL = residual_settings(generations=2, population=4, validate_every=1, validation_mixes=1, noisy=False, seed=5)

DEEP = TD3.model_copy(
    update={
        "worlds": WorldMix(parts=(WorldRanges(**RANGES), WorldRanges(**{**RANGES, "flows": 2})), shares=(1, 2)),
        "n_steps": 3, "noise_s": 0.2, "target_clamp": True, "actor_starts": 2, "gamma_s": 0.1,
    }
)  # fmt: skip

MAPPO = mappo_settings(
    worlds=WorldRanges(**RANGES, policy=RESIDUAL.control), num_steps=15, num_minibatches=2, update_epochs=2,
    worlds_at_once=2, updates=2, flow_steps=50, validation_mixes=1, critic_widths=(4,),
)  # fmt: skip

Train = Callable[..., Policy]


class KilledError(BaseException):
    """Nobody catches it, as nobody catches a kill."""


def kill_at(write: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """End everything at the given write, half-way through if it appends; return the list of writes to be."""
    done: list[str] = []
    replaced, appended = os.replace, files.append_text

    def replace(partial: Path | str, path: Path | str) -> None:
        if not isinstance(path, Path):  # numba keeps what it has compiled
            return replaced(partial, path)
        done.append(path.name)
        if len(done) == write:
            raise KilledError
        return replaced(partial, path)

    def append(path: Path, text: str, **options: Any) -> None:
        done.append(path.name)
        if len(done) == write:
            appended(path, text[: len(text) // 2], **options)
            raise KilledError
        appended(path, text, **options)

    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(log, "append_text", append)
    monkeypatch.setattr(search, "append_text", append)
    return done


def law(out: Path, **options: Any) -> Policy:
    return train_by_evolution(LAW, out, **options)


def residual(out: Path, **options: Any) -> Policy:
    return train_by_evolution(RESIDUAL, out, **options)


def td3(out: Path, **options: Any) -> Policy:
    return train_td3(TD3, out, **options)


def deep(out: Path, **options: Any) -> Policy:
    return train_td3(DEEP, out, **options)


def mappo(out: Path, **options: Any) -> Policy:
    return train_mappo(MAPPO, out, **options)


def lines_of(file: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def same(one: Path, other: Path, lines: str) -> None:
    """Check that two folders hold the same training."""
    assert lines_of(one / lines) == lines_of(other / lines)
    mine, theirs = load_policy(one / "policy.safetensors"), load_policy(other / "policy.safetensors")
    assert mine.header == theirs.header
    assert mine.weights.tolist() == theirs.weights.tolist()
    if (one / "checkpoint.safetensors").exists():
        tensors, others = (load_file(folder / "checkpoint.safetensors") for folder in (one, other))
        assert {name: value.tolist() for name, value in tensors.items()} == {
            name: value.tolist() for name, value in others.items()
        }


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("train", "lines"),
    [
        (law, "generations.jsonl"),
        (residual, "generations.jsonl"),
        (td3, "metrics.jsonl"),
        (deep, "metrics.jsonl"),
        (mappo, "metrics.jsonl"),
    ],
    ids=["law", "residual", "td3", "deep", "mappo"],
)
def test_a_kill_at_any_write_costs_nothing(
    train: Train, lines: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {key: RANGES[key] for key in ("bandwidth_mbps", "duration_s", "gap_s")} | {"flows": (2, 2)}
    few = Family("few", "", FAMILIES[0].ranges.model_copy(update=fields), 1)
    monkeypatch.setattr(families, "FAMILIES", (few,))
    with monkeypatch.context() as patch:
        writes = kill_at(0, patch)
        best = train(tmp_path / "whole")
    assert {"settings.json", "policy.safetensors", lines} <= set(writes)
    for write in range(1, len(writes) + 1):
        out = tmp_path / f"{write}"
        with monkeypatch.context() as patch:
            kill_at(write, patch)
            with pytest.raises(KilledError):
                train(out)
        assert train(out, resume=True).weights.tolist() == best.weights.tolist(), writes[:write]
        same(tmp_path / "whole", out, lines)
