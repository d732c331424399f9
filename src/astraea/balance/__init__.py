"""What makes skew harmless: rebalancing, mediators, participation, transforms, priors."""

from astraea.balance.divergence import kl_to_uniform
from astraea.balance.mediators import schedule_mediators
from astraea.balance.rebalancing import Rebalancing, rebalancing

__all__ = ["Rebalancing", "kl_to_uniform", "rebalancing", "schedule_mediators"]
