"""Who takes part."""

from __future__ import annotations

from pathlib import Path

import pytest

from astraea.congestion.evaluation.arms import Arm, digest_of, load, parse_arms, playable
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
