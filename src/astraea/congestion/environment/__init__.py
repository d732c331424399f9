"""Worlds of competing flows as an environment for learning: one at a time, or many in one call."""
