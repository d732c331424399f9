"""Astraea on Flower: a table at each hospital, of which only sums leave."""
