"""How well flows share a network: definitions, max-min shares, and the score of a simulated world."""
