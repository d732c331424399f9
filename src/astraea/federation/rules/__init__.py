"""Local rules: one file each."""

from __future__ import annotations

from astraea.federation.rule import Facts, LocalRule
from astraea.federation.rules.class_centred import ClassCentred
from astraea.federation.rules.fedprox import FedProx
from astraea.federation.rules.plain import Plain
from astraea.federation.rules.scaffold import Scaffold
from astraea.federation.rules.self_distilled import SelfDistilled

__all__ = ["ClassCentred", "Facts", "FedProx", "LocalRule", "Plain", "Scaffold", "SelfDistilled"]
