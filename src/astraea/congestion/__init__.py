"""Flows that compete: simulator, controllers and the multi-agent environment."""
