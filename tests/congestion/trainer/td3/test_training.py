"""A whole training: it resumes exactly, refuses what does not fit, stops at numbers that are none, and learns."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from astraea.congestion import ObservationSettings, WorldRanges
from astraea.congestion.policy import load_policy
from astraea.congestion.trainer.pace import Progress
from astraea.congestion.trainer.td3 import QUICK, Td3Settings, train_td3
from astraea.congestion.trainer.td3.training import CHECKPOINT, POLICY, SETTINGS
from astraea.errors import InputError, RunError
from astraea.files import lock

TINY = Td3Settings(
    worlds=WorldRanges(flows=(1, 2), bandwidth_mbps=(1, 2), rtt_ms=(30, 60), buffer_bdp=(1, 2), duration_s=1.0,
                       gap_s=(0.1, 0.3)),
    observation=ObservationSettings(history=2),
    actor_widths=(8,), critic_widths=(8, 4), batch_size=8, learning_starts=20, buffer_size=60,
    worlds_at_once=2, update_flow_steps=15,
    gradient_steps=3, policy_frequency=2, updates=2, flow_steps=80, minutes=None, validation_worlds=1,
    checkpoint_minutes=0, exploration_actions=30,
)  # fmt: skip


class Stopped(Exception):  # noqa: N818 - not an error
    """The training is interrupted."""


def stop_after(updates: int, error: type[BaseException] = Stopped) -> Callable[[Progress], None]:
    seen: list[Progress] = []

    def watch(progress: Progress) -> None:
        seen.append(progress)
        if len(seen) == updates:
            raise error

    return watch


def lines_of(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        del line["seconds"]
    return lines


def test_a_training_that_was_interrupted_is_the_same_as_one_that_was_not(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    seen: list[Progress] = []
    policy = train_td3(TINY, whole, watch=seen.append)
    with pytest.raises(Stopped):
        train_td3(TINY, parts, watch=stop_after(4))  # as its second epoch ends, before it is written down
    assert len(lines_of(parts)) == 1
    rarely = TINY.model_copy(update={"checkpoint_minutes": 1000.0})
    (parts / CHECKPOINT).unlink()
    with pytest.raises(KeyboardInterrupt):  # which is a reason to save what is whole
        train_td3(rarely, parts, resume=True, watch=stop_after(4, KeyboardInterrupt))
    with pytest.raises(Stopped):
        train_td3(rarely, parts, resume=True, watch=stop_after(1))
    again = train_td3(TINY.model_copy(update={"checkpoint_minutes": 1.0}), parts, resume=True)
    assert torch.equal(torch.from_numpy(policy.weights), torch.from_numpy(again.weights))
    assert lines_of(whole) == lines_of(parts)
    one, two = load_file(whole / CHECKPOINT), load_file(parts / CHECKPOINT)
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert one["buffer"].shape == (60, 2 * (17 + 16) + 3)  # full, and wrapped around
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    assert seen[-1].done == 1.0
    best = max(lines_of(whole), key=lambda line: float(line["reward"]))
    assert json.loads(policy.card["validation"])["epoch"] == best["epoch"]
    assert (load_policy(whole / POLICY).weights == policy.weights).all()


def test_a_policy_that_a_kill_separated_from_its_checkpoint(tmp_path: Path) -> None:
    saved, best = tmp_path / "saved", train_td3(TINY, tmp_path / "whole")
    shutil.copytree(tmp_path / "whole", saved)
    (saved / POLICY).write_bytes(b"")
    assert (train_td3(TINY, saved, resume=True).weights == best.weights).all()  # nothing is left to do
    assert (load_policy(saved / POLICY).weights == best.weights).all()
    with pytest.raises(Stopped):
        train_td3(TINY, tmp_path / "other", watch=stop_after(3))
    better = json.dumps(json.loads(best.card["validation"]) | {"reward": 10.0})
    longer = TINY.model_copy(update={"flow_steps": 1000, "threads": 2}).model_dump_json()
    replace(best, card=best.card | {"validation": better, "settings": longer}).save(tmp_path / "other" / POLICY)
    assert json.loads(train_td3(TINY, tmp_path / "other", resume=True).card["validation"])["reward"] == 10.0


def test_a_policy_of_another_training_does_not_stay(tmp_path: Path) -> None:
    best = train_td3(TINY, tmp_path)
    better = json.dumps(json.loads(best.card["validation"]) | {"reward": 10.0})
    foreign = TINY.model_copy(update={"seed": 7}).model_dump_json()
    replace(best, card=best.card | {"validation": better, "settings": foreign}).save(tmp_path / POLICY)
    assert train_td3(TINY, tmp_path, resume=True).card == best.card
    worse = json.dumps(json.loads(best.card["validation"]) | {"reward": -1.0})
    replace(best, weights=best.weights * 2, card=best.card | {"validation": worse}).save(tmp_path / POLICY)
    assert train_td3(TINY, tmp_path, resume=True).card == best.card
    assert (load_policy(tmp_path / POLICY).weights == best.weights).all()


def test_two_trainings_cannot_run_in_one_folder(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(RunError, match="another process is running in"):
        train_td3(TINY, tmp_path)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        train_td3(TINY, tmp_path, watch=stop_after(1))
    with pytest.raises(InputError, match="holds a training already: add --resume"):
        train_td3(TINY, tmp_path)
    with pytest.raises(RunError, match="has batch_size = 8, not 9: resume it without changes"):
        train_td3(TINY.model_copy(update={"batch_size": 9}), tmp_path, resume=True)
    (tmp_path / CHECKPOINT).write_bytes(b"not a checkpoint")
    with pytest.raises(RunError, match="cannot be read"):
        train_td3(TINY, tmp_path, resume=True)


def test_losses_that_are_no_numbers_end_it_and_keep_what_was_good(tmp_path: Path) -> None:
    wild = TINY.model_copy(update={"critic_lr": 1e30, "learning_starts": 40, "flow_steps": 1000})
    with pytest.raises(RunError, match="no numbers any more"):
        train_td3(wild, tmp_path)
    assert (tmp_path / SETTINGS).is_file()
    assert len(lines_of(tmp_path)) == 1  # the first epoch, before any gradient step
    assert load_policy(tmp_path / POLICY).header.widths == (17, 8, 1)
    assert load_file(tmp_path / CHECKPOINT).keys() >= {"buffer", "best"}


def test_minutes_count_by_the_clock_that_is_given(tmp_path: Path) -> None:
    ticks = itertools.count(0.0, 30.0)  # half a minute from each look to the next
    settings = TINY.model_copy(update={"flow_steps": 1_000_000, "minutes": 5.0})
    train_td3(settings, tmp_path, clock=lambda: next(ticks))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert 1 <= len(lines) <= 5
    assert all(line["seconds"] % 30 == 0 for line in lines)


def test_settings_that_contradict_each_other() -> None:
    with pytest.raises(InputError, match="batch_size 64, learning_starts 10 and buffer_size 400000 must not fall"):
        Td3Settings(batch_size=64, learning_starts=10)
    with pytest.raises(InputError, match="epsilon_end must not lie above"):
        Td3Settings(epsilon=0.1, epsilon_end=0.2)


@pytest.mark.compiled
def test_a_flow_alone_learns_to_fill_its_link_with_a_short_queue(tmp_path: Path) -> None:
    """An untrained actor drifts: it ends with an empty link or a full buffer, whichever its weights came to."""
    settings = QUICK.model_copy(
        update={
            "worlds": WorldRanges(flows=1, bandwidth_mbps=(5, 10), rtt_ms=(20, 40), buffer_bdp=(2, 4), duration_s=20),
            "actor_widths": (16, 16), "critic_widths": (32, 32), "batch_size": 64, "gamma": 0.9, "buffer_size": 20_000,
            "learning_starts": 1000, "worlds_at_once": 8, "update_flow_steps": 500, "gradient_steps": 100, "updates": 4,
            "flow_steps": 18_000, "exploration_actions": 500, "validation_worlds": 4,
            "seed": 1,  # by which the untrained actor is far from good
        }
    )  # fmt: skip
    untrained = train_td3(
        settings.model_copy(update={"learning_starts": 20_000, "flow_steps": 1}), tmp_path / "untrained"
    )
    trained = train_td3(settings, tmp_path / "trained")
    before, after = (json.loads(policy.card["validation"])["reward"] for policy in (untrained, trained))
    assert after > 0.95
    assert 1 - after < 0.5 * (1 - before)
