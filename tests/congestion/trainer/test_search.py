"""A search in a folder: resumable, and careful with what lies there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from astraea.congestion.policy import load_policy
from astraea.congestion.trainer import families
from astraea.congestion.trainer.evolution import EvolutionSettings, Generation
from astraea.congestion.trainer.families import FAMILIES, Family
from astraea.congestion.trainer.fitness import FitnessSettings
from astraea.congestion.trainer.search import GENERATIONS, POLICY, train_by_evolution
from astraea.errors import InputError, RunError
from astraea.files import lock

TINY = EvolutionSettings(generations=3, population=4, validate_every=1, validation_mixes=1, seed=5)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"flows": (2, 2), "bandwidth_mbps": (1.0, 2.0), "duration_s": 1.5, "gap_s": (0.1, 0.3)}
    ranges = FAMILIES[0].ranges.model_copy(update=fields)
    monkeypatch.setattr(families, "FAMILIES", (Family("few", "", ranges, 1),))


class _StoppedError(Exception):
    pass


@pytest.mark.compiled
def test_stopped_and_resumed_is_as_uninterrupted(tmp_path: Path) -> None:
    def stop(found: Generation, _: EvolutionSettings) -> None:
        if found.number == 1:
            raise _StoppedError

    whole = train_by_evolution(TINY, tmp_path / "whole")
    with pytest.raises(_StoppedError):
        train_by_evolution(TINY, tmp_path / "parts", watch=stop)
    with (tmp_path / "parts" / GENERATIONS).open("a", encoding="utf-8") as file:
        file.write('{"number": 2, "val')  # as a kill leaves it
    parts = train_by_evolution(TINY, tmp_path / "parts", resume=True)
    assert (tmp_path / "whole" / GENERATIONS).read_text() == (tmp_path / "parts" / GENERATIONS).read_text()
    assert whole.weights.tolist() == parts.weights.tolist()


def test_the_best_by_validation_is_kept_with_its_card(tmp_path: Path) -> None:
    found: list[Generation] = []
    train_by_evolution(TINY, tmp_path, watch=lambda g, _: found.append(g))
    scores = [g.validation["all"] for g in found if g.validation]
    card = load_policy(tmp_path / POLICY).card
    assert int(card["generation"]) == scores.index(max(scores)) + 1
    assert json.loads(card["validation"])["all"] == max(scores)
    assert card["seed"] == "5"


def test_another_training_is_not_overwritten(tmp_path: Path) -> None:
    train_by_evolution(TINY.model_copy(update={"generations": 1}), tmp_path)
    with pytest.raises(InputError, match="add --resume to go on with it"):
        train_by_evolution(TINY, tmp_path)
    with pytest.raises(RunError, match="has seed = 5, not 6: resume it without changes"):
        train_by_evolution(TINY.model_copy(update={"seed": 6}), tmp_path, resume=True)
    with pytest.raises(RunError, match=r"has fitness\.loss = 2\.0, not 1\.0"):
        train_by_evolution(TINY.model_copy(update={"fitness": FitnessSettings(loss=1.0)}), tmp_path, resume=True)


@pytest.mark.compiled
def test_a_finished_search_may_be_prolonged_by_other_jobs(tmp_path: Path) -> None:
    train_by_evolution(TINY.model_copy(update={"generations": 1}), tmp_path / "parts")
    train_by_evolution(TINY, tmp_path / "parts", resume=True, jobs=2)
    train_by_evolution(TINY, tmp_path / "whole")
    whole, parts = ((tmp_path / name / GENERATIONS).read_text() for name in ("whole", "parts"))
    assert parts == whole


def test_a_policy_that_a_kill_kept_from_being_written_is_written_anew(tmp_path: Path) -> None:
    best = train_by_evolution(TINY, tmp_path)
    for left in (None, b"", b"torn"):
        (tmp_path / POLICY).unlink()
        if left is not None:
            (tmp_path / POLICY).write_bytes(left)
        again = train_by_evolution(TINY, tmp_path, resume=True)
        assert again.weights.tolist() == best.weights.tolist()
        assert again.card | {"seconds": ""} == best.card | {"seconds": ""}


def test_a_policy_of_another_search_does_not_stay(tmp_path: Path) -> None:
    best = train_by_evolution(TINY, tmp_path / "mine")
    other = train_by_evolution(TINY.model_copy(update={"seed": 6}), tmp_path / "other")
    assert other.weights.tolist() != best.weights.tolist()
    replace(other, card=best.card).save(tmp_path / "mine" / POLICY)
    assert train_by_evolution(TINY, tmp_path / "mine", resume=True).weights.tolist() == best.weights.tolist()


def test_a_search_that_ends_where_it_was_stopped_has_a_policy(tmp_path: Path) -> None:
    def stop(found: Generation, _: EvolutionSettings) -> None:
        raise _StoppedError

    with pytest.raises(_StoppedError):
        train_by_evolution(TINY.model_copy(update={"validate_every": 3}), tmp_path, watch=stop)
    assert not (tmp_path / POLICY).exists()
    ended = TINY.model_copy(update={"validate_every": 3, "generations": 1})
    card = train_by_evolution(ended, tmp_path, resume=True).card
    assert card["generation"] == "1"
    assert "all" in json.loads(card["validation"])


@pytest.mark.parametrize("line", ["{", "[]", '{"number": 0}', "1", "\xff", "[" * 100_000])
def test_what_is_no_generation_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / GENERATIONS).write_text(line + "\n", encoding="latin-1")
    with pytest.raises(RunError, match=r"generations\.jsonl is damaged \(.*\): delete it to begin anew"):
        train_by_evolution(TINY, tmp_path)


def test_two_searches_cannot_run_in_one_folder(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(RunError, match="another process is running in"):
        train_by_evolution(TINY, tmp_path)
