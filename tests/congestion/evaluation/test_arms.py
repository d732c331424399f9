"""Who takes part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from astraea.congestion.evaluation.arms import Arm, digest_of, load, parse_arms, playable
from astraea.congestion.policy import shipped_policy
from astraea.errors import InputError


def test_every_controller_that_decides_for_itself_plays() -> None:
    assert playable() == ("newreno", "cubic", "vegas", "copa", "bbr", "bbr3", "policy")


def test_names_and_files_become_arms() -> None:
    file = Path("mine.safetensors")
    assert parse_arms(["cubic", " bbr ", "", f"mine={file}"]) == (
        Arm("cubic", "cubic"),
        Arm("bbr", "bbr"),
        Arm("mine", "policy", file),
    )
    assert parse_arms(["policy"]) == (Arm("policy", "policy"),)
    assert parse_arms(["policy"], file) == (Arm("policy", "policy", file),)


def test_classic_controllers_need_no_policy() -> None:
    assert load(Arm("cubic", "cubic")) is None
    assert digest_of(Arm("cubic", "cubic"), None) == ""


def test_a_policy_is_known_by_what_decides_and_not_by_the_order_of_its_card() -> None:
    policy, arm = shipped_policy(), Arm("policy", "policy")
    assert len(policy.card) > 1
    turned = replace(policy, card=dict(reversed(policy.card.items())))
    assert digest_of(arm, turned) == digest_of(arm, policy)
    assert digest_of(arm, replace(policy, weights=policy.weights + np.int32(1))) != digest_of(arm, policy)


@pytest.mark.parametrize(
    ("texts", "policy", "sentence"),
    [
        (["cubik"], None, "unknown arm 'cubik'; did you mean 'cubic'"),
        (["aurora"], None, "unknown arm 'aurora'"),
        ([], None, "nobody is evaluated"),
        (["bbr", "bbr"], None, "two arms are called 'bbr'"),
        (["cubic=/etc/hosts"], None, "'cubic' is a classic controller"),
        (["=file"], None, "'=file' is not an arm"),
        (["cubic"], Path("/etc/hosts"), "the policy /etc/hosts takes no part"),
    ],
)
def test_arms_that_cannot_be_are_refused(texts: list[str], policy: Path | None, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        parse_arms(texts, policy)
