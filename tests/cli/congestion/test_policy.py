"""``astraea congestion train`` and ``astraea congestion policy`` as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.cli.runner import RUNNER
from typer.testing import Result

from astraea.cli.app import app
from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.policy import Policy, load_policy
from astraea.congestion.policy.policy import PolicyHeader
from astraea.congestion.trainer import families
from astraea.congestion.trainer.families import FAMILIES, Family


def astraea(*words: str) -> Result:
    return RUNNER.invoke(app, ["congestion", *words])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """One family of worlds that an interpreter can play."""
    fields = {"flows": (2, 2), "bandwidth_mbps": (1.0, 1.0), "duration_s": 1.2, "gap_s": (0.1, 0.1)}
    ranges = FAMILIES[0].ranges.model_copy(update=fields)
    monkeypatch.setattr(families, "FAMILIES", (Family("few", "", ranges, 1),))


@pytest.mark.compiled
@pytest.mark.usefixtures("small")
def test_a_policy_is_trained_shown_and_drawn(tmp_path: Path) -> None:
    out = tmp_path / "training"
    trained = astraea("train", "--generations", "1", "--seed", "4", "--jobs", "1", "--out", str(out))
    assert trained.exit_code == 0, trained.output
    file = out / "policy.safetensors"
    assert load_policy(file).card["seed"] == "4"
    again = astraea("train", "--generations", "1", "--seed", "4", "--jobs", "1", "--out", str(out))
    assert again.exit_code != 0
    assert "holds a training already: add --resume" in " ".join(again.output.split())

    shown = astraea("policy", str(file), "--json", "--picture", str(tmp_path / "policy.png"))
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["certificate"]["holds"] is True
    assert (tmp_path / "policy.png").stat().st_size > 10_000
    assert "rival_queue" in astraea("policy", str(file)).output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train", "--recipe", "lav"], "unknown recipe 'lav'; did you mean 'law'?"),
        (["train", "--recipe", "residual", "--minutes", "1"], "--minutes is not for the recipe 'residual'"),
        (["train", "--recipe", "deep", "--generations", "1"], "--generations is not for the recipe 'deep'"),
        (["train", "--recipe", "mappo", "--minutes", "inf"], "minutes: Input should be a finite number"),
        (["train", "--recipe", "quick", "--minutes", "nan"], "minutes: Input should be"),
        (["policy", "none.safetensors"], "there is no policy at none.safetensors"),
    ],
)
def test_mistakes_are_one_sentence(words: list[str], sentence: str) -> None:
    found = astraea(*words)
    assert found.exit_code != 0
    assert sentence in " ".join(found.output.split())


def test_only_a_policy_that_sees_its_queue_can_be_drawn(tmp_path: Path) -> None:
    blind = ObservationSettings(features="scale-free")
    header = PolicyHeader(kind="network", observation=blind, widths=(blind.size, 1))
    Policy(header, np.zeros(blind.size + 1, np.float32)).save(tmp_path / "blind")
    found = astraea("policy", str(tmp_path / "blind"), "--picture", str(tmp_path / "blind.png"))
    assert found.exit_code != 0
    assert "observes its own queue" in " ".join(found.output.split())


def test_a_network_is_written_in_integers(tmp_path: Path) -> None:
    plain = Policy(PolicyHeader(kind="network", widths=(25, 1)), np.full(26, 0.3, np.float32), {"seed": "7"})
    plain.save(tmp_path / "plain.safetensors")
    done = astraea("policy", str(tmp_path / "plain.safetensors"), "--quantise", str(tmp_path / "whole.safetensors"))
    assert done.exit_code == 0, done.output
    whole = load_policy(tmp_path / "whole.safetensors")
    assert (whole.header.kind, whole.weights.dtype, whole.card["seed"]) == ("quantised", np.int32, "7")
    assert whole.weights[0] == round(0.3 * 65536)
    again = astraea("policy", str(tmp_path / "whole.safetensors"), "--quantise", str(tmp_path / "twice.safetensors"))
    assert again.exit_code == 1
    assert "in integers already" in again.output
