"""The learned policy: what it is, how it decides, and how worlds are played under it."""

from astraea.congestion.policy.policy import Policy, load_policy, shipped_policy

__all__ = ["Policy", "load_policy", "shipped_policy"]
