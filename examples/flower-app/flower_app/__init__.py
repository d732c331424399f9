"""Astraea on Flower: handwritten digits, unevenly spread over clients."""
