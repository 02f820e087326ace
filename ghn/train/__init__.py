"""Training: of one network, and of anything that makes weights."""
