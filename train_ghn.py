"""Trains what makes weights: python train_ghn.py [weights=ghn] [net=ghn3] [task=cifar10_16px] [out=FOLDER]."""

from __future__ import annotations

import hydra
from omegaconf import DictConfig

from ghn.app.cli import plain, start, told


@hydra.main(version_base="1.3", config_path="pkg://ghn.app.conf", config_name="train")
def main(cfg: DictConfig) -> None:
    """Builds what the config names and trains it."""
    with told("train_ghn.py", cfg.out):
        from ghn.app.train import train

        train(plain(cfg))


if __name__ == "__main__":
    start(main, "train")
