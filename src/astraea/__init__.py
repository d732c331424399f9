"""Astraea: self-balancing federated learning, with a learned network under it."""

__version__ = "0.1.0"
