"""Checkpoints: what goes in comes out, and damage is noticed."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
import torch

from astraea.errors import RunError
from astraea.federation.algorithms import State
from astraea.federation.callbacks import Checkpointing, latest_checkpoint, load_checkpoint, save_checkpoint
from astraea.federation.loop import Best, Run
from astraea.federation.round import Totals


def run_at(round_: int) -> Run:
    state = State(
        round=round_,
        params=torch.arange(5.0),
        counters=torch.tensor([round_]),
        shared={"control": torch.ones(2)},
        server={"momentum": torch.zeros(3)},
        clients={4: {"control": torch.full((2,), 0.5)}, 11: {"control": torch.zeros(2)}},
    )
    best = Best(1, 0.75, torch.ones(5), torch.tensor([1]))
    return Run(
        state,
        Totals({"samples_processed": 9, "energy": 0.5}),
        [{"round": 1, "accuracy": 0.1 + 0.2}],
        best,
        finished=True,
    )


def test_a_run_comes_back_whole(tmp_path: Path) -> None:
    run = run_at(3)
    back = load_checkpoint(save_checkpoint(run, tmp_path))
    assert (back.totals, back.history, back.finished) == (run.totals, run.history, True)
    assert back.state.round == 3
    assert torch.equal(back.state.params, run.state.params)
    assert torch.equal(back.state.counters, run.state.counters)
    assert torch.equal(back.state.shared["control"], torch.ones(2))
    assert torch.equal(back.state.server["momentum"], torch.zeros(3))
    assert set(back.state.clients) == {4, 11}
    assert torch.equal(back.state.clients[4]["control"], torch.full((2,), 0.5))
    assert back.best is not None
    assert (back.best.round, back.best.score) == (1, 0.75)


def test_the_latest_two_are_kept(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path) is None
    for round_ in (1, 2, 10):
        save_checkpoint(run_at(round_), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["round-000002.safetensors", "round-000010.safetensors"]
    latest = latest_checkpoint(tmp_path)
    assert latest is not None
    assert latest.name == "round-000010.safetensors"


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_damage_is_noticed_and_the_mend_is_named(tmp_path: Path, damage: str) -> None:
    save_checkpoint(run_at(1), tmp_path)
    path = save_checkpoint(run_at(2), tmp_path)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        del content[-4:]
    else:
        content[-2] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"damaged \(.*\): delete it to resume from round-000001.safetensors"):
        load_checkpoint(path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "round-000001.safetensors"
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(RunError, match="start the run anew without --resume"):
        load_checkpoint(path)


def test_a_full_disk_is_one_sentence_and_loses_nothing(tmp_path: Path) -> None:
    before = save_checkpoint(run_at(1), tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))  # no file may grow beyond 64 bytes
    try:
        with pytest.raises(
            RunError, match=r"round-000002\.safetensors cannot be written \(.*File too large.*\): free space"
        ):
            save_checkpoint(run_at(2), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert load_checkpoint(before).state.round == 1
    assert list(tmp_path.iterdir()) == [before]


def test_saves_in_its_turn_and_when_the_loop_is_left(tmp_path: Path) -> None:
    callback = Checkpointing(tmp_path, every=2)
    saved = []
    for round_ in (1, 2, 3):
        run = run_at(round_)
        run.finished = False
        callback.after_round(run)
        saved.append(latest_checkpoint(tmp_path))
    assert saved[0] is None
    assert saved[1] == saved[2]
    callback.end(run)
    latest = latest_checkpoint(tmp_path)
    assert latest is not None
    assert load_checkpoint(latest).state.round == 3
