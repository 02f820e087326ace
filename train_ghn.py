"""Trains what makes weights: python train_ghn.py [weights=ghn] [net=ghn3] [task=cifar10_16px] [out=FOLDER]."""

from __future__ import annotations

import sys
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from ghn.app.cli import resume_command, run


@hydra.main(version_base="1.3", config_path="pkg://ghn.app.conf", config_name="train")
def main(cfg: DictConfig) -> None:
    """Builds what the config names and trains it."""
    from ghn.app.setting import task_space
    from ghn.errors import GhnError
    from ghn.families.sharing.train import make_method, train_shared
    from ghn.nets import GHNConfig
    from ghn.scoring.load import CHECKPOINT
    from ghn.scoring.train_model import train_hypernetwork
    from ghn.tasks import make_task
    from ghn.train.meta import MetaConfig
    from ghn.train.runtime import make_runtime

    options: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    try:
        task = make_task(options["task"].pop("name"), **options["task"])
        parts = (
            task_space(options["space"], task),
            task,
            MetaConfig(**options["trainer"]),
            make_runtime(cfg.device, cfg.precision, cfg.threads),
            cfg.out,
        )
        how = {name: options[name] for name in ("scoring_task", "check", "snapshots", "resume", "progress")}
        how["command"] = " ".join(["python train_ghn.py", *sys.argv[1:]])
        if options["weights"]["method"] == "ghn":
            config = GHNConfig(classes=task.classes, **options["net"])
            model = train_hypernetwork(config, *parts, population=cfg.population, **how)
        else:
            model = train_shared(make_method(**options["weights"]), *parts, **how)
    except GhnError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(f"\ninterrupted; go on with: {resume_command('train_ghn.py', cfg.out)}")
    if (agreement := model.card.get("population", {}).get("agreement")) is not None:
        print(
            f"agreement with a zero-cost proxy: {agreement:.3f} (of several seeds, keep the highest: docs/ranking.md)"
        )
    if (found := model.card.get("found")) is not None:
        print(f"found {found['architecture']}")
    print(f"wrote {cfg.out}/{CHECKPOINT}")


if __name__ == "__main__":
    run(main, "train")
