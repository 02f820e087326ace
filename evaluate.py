"""Scores architectures and compares their order with references: python evaluate.py [job=rank] [n=300]; see --help."""

from __future__ import annotations

import hydra
from omegaconf import DictConfig

from ghn.app.cli import plain, start, told


@hydra.main(version_base="1.3", config_path="pkg://ghn.app.conf", config_name="evaluate")
def main(cfg: DictConfig) -> None:
    """Does the job that the config names."""
    from ghn.app.jobs import run_job

    with told("evaluate.py", cfg.out):
        run_job(plain(cfg))


if __name__ == "__main__":
    start(main, "evaluate")
