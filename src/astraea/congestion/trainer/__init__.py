"""Training: laws and networks by evolution, networks by multi-agent TD3."""
