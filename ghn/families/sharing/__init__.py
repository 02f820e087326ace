"""Weights that all architectures of a space share: a bank trained one-shot, by ENAS or DARTS; or emitted by SMASH."""
