"""What makes skew harmless: rebalancing, transforms, mediators, participation and priors."""
