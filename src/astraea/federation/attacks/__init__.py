"""What hostile clients do: one file an attack. For tests and studies of defences, and for nothing else."""

from __future__ import annotations

from astraea.federation.attacks.backdoor import Backdoor
from astraea.federation.attacks.base import Adversary, Attack, AttackSettings, NoAttack
from astraea.federation.attacks.collusion import Collusion
from astraea.federation.attacks.garbage import Garbage
from astraea.federation.attacks.label_flip import LabelFlip
from astraea.federation.attacks.lying_histogram import LyingHistogram
from astraea.federation.attacks.not_a_number import NotANumber
from astraea.federation.attacks.scaled import Scaled
from astraea.federation.attacks.sign_flip import SignFlip
from astraea.federation.attacks.zero import Zero

__all__ = [
    "Adversary",
    "Attack",
    "AttackSettings",
    "Backdoor",
    "Collusion",
    "Garbage",
    "LabelFlip",
    "LyingHistogram",
    "NoAttack",
    "NotANumber",
    "Scaled",
    "SignFlip",
    "Zero",
]
