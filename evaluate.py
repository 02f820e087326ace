"""Scores architectures and compares their order with references: python evaluate.py [n=300] [checkpoint=PATH]."""

from __future__ import annotations

import sys
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from ghn.app.cli import resume_command, run


@hydra.main(version_base="1.3", config_path="pkg://ghn.app.conf", config_name="evaluate")
def main(cfg: DictConfig) -> None:
    """Runs the job that the config names."""
    from ghn.app.jobs import JOBS
    from ghn.app.setting import build_setting
    from ghn.errors import GhnError

    options: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    try:
        if cfg.job not in JOBS:
            sys.exit(f"error: unknown job {cfg.job!r}; expected one of {', '.join(JOBS)}")
        JOBS[cfg.job](build_setting(options), options)
    except GhnError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(f"\ninterrupted; go on with: {resume_command('evaluate.py', cfg.out)}")


if __name__ == "__main__":
    run(main, "evaluate")
