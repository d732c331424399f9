"""Policies as values and files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from astraea.congestion.connection.settings import PolicySettings
from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.policy import Policy, load_policy
from astraea.congestion.policy.certificate import certify
from astraea.congestion.policy.law import LAW
from astraea.congestion.policy.policy import PolicyHeader
from astraea.congestion.trainer.subjects import law_policy
from astraea.errors import InputError

SIZE = ObservationSettings().size


def test_a_law_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    law = law_policy([n.start for n in LAW], PolicySettings(gain=0.2), {"seed": "7"})
    law.save(tmp_path / "law.safetensors")
    back = load_policy(str(tmp_path / "law.safetensors"))
    assert back.header == law.header
    assert back.weights.tolist() == law.weights.tolist()
    assert back.card == {"seed": "7"}


def test_a_network_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    header = PolicyHeader(kind="network", controller="aurora", widths=(SIZE, 3, 1))
    network = Policy(header, np.linspace(-1, 1, 3 * SIZE + 3 + 4, dtype=np.float32))
    network.save(tmp_path / "network.safetensors")
    back = load_policy(tmp_path / "network.safetensors")
    assert back.header == header
    assert np.array_equal(back.weights, network.weights)


def test_numbers_are_held_within_their_bounds_and_rounded() -> None:
    found = law_policy([1e9] * len(LAW), PolicySettings()).weights
    assert found.tolist() == [round(n.high * 1024) for n in LAW]
    assert law_policy([0.3] * len(LAW), PolicySettings()).weights[0] == 307  # 307.2


@pytest.mark.parametrize(
    ("widths", "count"), [((SIZE, 2), 2 * SIZE + 2), ((SIZE + 1, 1), SIZE + 2), ((1,), 1), ((), 0)]
)
def test_widths_must_lead_from_the_observation_to_one(widths: tuple[int, ...], count: int) -> None:
    with pytest.raises(InputError, match=f"must lead from {SIZE} to 1"):
        Policy(PolicyHeader(kind="network", widths=widths), np.zeros(count, np.float32))


@pytest.mark.parametrize(
    "weights",
    [
        np.zeros(SIZE + 2, np.float32),
        np.zeros(SIZE + 1, np.float64),
        np.full(SIZE + 1, np.nan, np.float32),
    ],
)
def test_weights_must_fit(weights: np.ndarray) -> None:
    with pytest.raises(InputError, match="finite numbers of type float32"):
        Policy(PolicyHeader(kind="network", widths=(SIZE, 1)), weights)


def test_a_law_needs_its_own_observation() -> None:
    with pytest.raises(InputError, match="4 slots of history"):
        Policy(PolicyHeader(kind="law", observation=ObservationSettings(history=3)), np.zeros(len(LAW), np.int32))


def test_files_that_are_no_policy_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no policy at"):
        load_policy(tmp_path / "none")
    (tmp_path / "text").write_text("hello", encoding="utf-8")
    with pytest.raises(InputError, match="is not a safetensors file"):
        load_policy(tmp_path / "text")
    save_file({"weights": np.zeros(3, np.float32)}, tmp_path / "model")
    with pytest.raises(InputError, match="is not a policy"):
        load_policy(tmp_path / "model")
    notes = {"format": "astraea-policy", "header": '{"kind": "law", "no_such": 1}'}
    save_file({"weights": np.zeros(3, np.int32)}, tmp_path / "odd", notes)
    with pytest.raises(InputError, match="header that cannot be read"):
        load_policy(tmp_path / "odd")


def test_another_version_of_the_observation_is_refused(tmp_path: Path) -> None:
    header = PolicyHeader(kind="law", observation_version=0)
    Policy(header, np.zeros(len(LAW), np.int32)).save(tmp_path / "old")
    with pytest.raises(InputError, match="version 0 of the observation, this is version 4: train it anew"):
        load_policy(tmp_path / "old")


def test_the_shipped_policy_is_read_by_a_process_that_has_imported_nothing_else() -> None:
    code = "from astraea.congestion.policy import shipped_policy; print(shipped_policy().header.controller)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("policy\n", "")


def test_the_policy_with_a_network_comes_by_name_unless_a_file_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    deep = load_policy("deep")
    assert deep.header.kind == "residual"
    assert max(deep.header.widths) <= 32
    assert certify(deep).holds
    assert deep.card["trained_by"] == "astraea congestion train --recipe residual"
    law_policy([n.start for n in LAW], PolicySettings()).save(Path("deep"))
    assert load_policy("deep").header.kind == "law"
