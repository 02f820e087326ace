"""job=serve: hypernetworks behind HTTP, until the process is told to stop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ghn.adapters.service import Limits, Served, Service, read_token, run_server
from ghn.app.evaluation import check_folder
from ghn.app.job_keys import ServeKeys
from ghn.app.setting import Setting, as_list, open_checkpoint
from ghn.scoring.load import ForeignSpaceError, find_checkpoint, load
from ghn.scoring.model import Model


def serve_job(setting: Setting, keys: ServeKeys) -> None:
    """Serves the checkpoints, the first of them for the space that is set, the others for those that they name.

    Raises:
        ConfigError: settings that do not fit, or an address that cannot be listened on.
        CheckpointError: a checkpoint is damaged, or made for another space or kind of data.
        DataError: the observations in `out` are damaged, or of another space or direction.
        ExistsError: `out` holds something, and `resume` is false.
        MissingExtraError: FastAPI or uvicorn are not installed.
    """
    token, limits, out = read_token(keys.token_file), Limits(**dict(keys.limits)), Path(keys.out)
    check_folder(out, resume=keys.resume)
    first, *others = [keys.checkpoint] if isinstance(keys.checkpoint, str) else keys.checkpoint
    opened = [(*_open_first(setting, first), setting.task), *((*_open(setting, one), None) for one in others)]
    served = [
        Served(one.space.name, one, label, task=task, limits=limits, progress=keys.progress)
        for label, one, task in opened
    ]
    service = Service(served, out, limits, direction=keys.direction, pool=keys.pool)
    run_server(service, host=keys.host, port=keys.port, token=token, log=keys.progress)


def _open_first(setting: Setting, checkpoint: str | Sequence[str]) -> tuple[str, Model]:
    """A checkpoint for the space that is set: what is shipped for it, a hypernetwork, or a bank."""
    if isinstance(checkpoint, str) and checkpoint.startswith("shipped"):
        return open_checkpoint(setting, checkpoint)
    names = as_list(checkpoint)
    return _label(names), load(names, fabric=setting.fabric, space=setting.space)


def _open(setting: Setting, checkpoint: str | Sequence[str]) -> tuple[str, Model]:
    """A checkpoint with the space that it names; one of a user's own space with the space that is set."""
    names = as_list(checkpoint)
    try:
        model = load(names, fabric=setting.fabric)
    except ForeignSpaceError:
        model = load(names, fabric=setting.fabric, space=setting.space)
    return _label(names), model


def _label(names: Sequence[str]) -> str:
    return " + ".join("/".join(find_checkpoint(name).parts[-2:]) for name in names)
