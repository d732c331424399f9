"""What the page says of the comparison, beside its figures."""

__all__ = ["ABOUT", "FOUND"]

ABOUT = """
Is a network that deep multi-agent reinforcement learning has trained better than eighteen numbers?
"""

FOUND = """
## What it says
"""
