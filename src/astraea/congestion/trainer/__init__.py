"""Training: a law by evolution, networks by multi-agent TD3."""
