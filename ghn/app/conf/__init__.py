"""Configs: yaml groups that hydra composes; every one of them is tested."""
