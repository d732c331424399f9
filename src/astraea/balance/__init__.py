"""What makes skew harmless: rebalancing, mediators, participation, transforms, priors."""

from astraea.balance.divergence import kl_to_uniform

__all__ = ["kl_to_uniform"]
