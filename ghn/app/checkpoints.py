"""Opens the checkpoints that configs name: those that are shipped, and paths."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ghn.app.setting import Setting
from ghn.assets import asset, here_or_shipped
from ghn.errors import CheckpointError, ConfigError, DataError, OtherSpaceError
from ghn.scoring.load import CHECKPOINT, SHIPPED, load
from ghn.scoring.model import Model
from ghn.spaces import describe_space


def open_checkpoint(setting: Setting, checkpoint: str | Sequence[str], method: str = "ghn") -> tuple[str, Model]:
    """Loads `shipped`, `shipped-SEED`, a path, or several paths read together, with the name that it has in a report.

    `shipped` is the hypernetwork of `ghn.load()`, or, of another method, `shipped-1`. `shipped-SEED` are the trainings
    in `checkpoints/trainings`.

    Args:
        setting: whose space it must be for.
        checkpoint: what to load.
        method: how its weights must come about: `ghn`, or a way in which banks are trained.

    Raises:
        CheckpointError: it is damaged, or made for another space or in another way; an OtherSpaceError when what is
            shipped is for another space.
        ConfigError: none of this kind is shipped.
    """
    if checkpoint == "shipped" and method == "ghn":
        return "GHN shipped", _load_shipped(setting, None)
    if isinstance(checkpoint, str) and (named := re.fullmatch(r"shipped(?:-(\d+))?", checkpoint)):
        folder = f"{method}_s{named[1] or 1}"
        try:
            path = asset(f"checkpoints/trainings/{folder}/{CHECKPOINT}")
        except DataError:
            raise ConfigError(
                f"no such weights are shipped, and estimator={method} needs them",
                got=checkpoint,
                fix=f"train them: python train_ghn.py weights={method} out=FOLDER; then checkpoint=FOLDER/{CHECKPOINT}",
            ) from None
        return f"{method} {checkpoint}", _load_shipped(setting, path)
    paths = [here_or_shipped(one) for one in ([checkpoint] if isinstance(checkpoint, str) else checkpoint)]
    names = ["shipped" if path.name == Path(SHIPPED).name else f"{path.parent.name}/{path.stem}" for path in paths]
    model = load(paths, fabric=setting.fabric, space=setting.space)
    if model.method != method:
        raise CheckpointError(
            f"{paths[0]} holds weights of another kind",
            got=model.method,
            expected=method,
            fix=f"estimator={model.method}, or another checkpoint",
        )
    return f"{'GHN' if method == 'ghn' else method} {' + '.join(names)}", model


def _load_shipped(setting: Setting, path: Path | None) -> Model:
    model = load(path, fabric=setting.fabric)
    if describe_space(model.space) != describe_space(setting.space):
        raise OtherSpaceError(
            "what is shipped was trained for another space",
            got=repr(model.space),
            expected=repr(setting.space),
            fix="choose its space (space=..., space.width=..., space.depth=...), or train one: checkpoint=PATH",
        )
    return model
