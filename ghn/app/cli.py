"""Configs: yaml groups that hydra composes; every one of them is tested."""

from __future__ import annotations

import difflib
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hydra import compose, initialize_config_module
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ghn.errors import ConfigError


def run(main: Callable[[], None], config: str) -> None:
    """Runs a hydra main after checking the command line; what does not fit ends with a message, not a traceback."""
    try:
        check_overrides(config, sys.argv[1:])
    except ConfigError as error:
        sys.exit(f"error: {error}")
    main()


def check_overrides(config: str, arguments: Sequence[str]) -> None:
    """Composes a config before hydra does, to say more of what is wrong than hydra would.

    Args:
        config: `train` or `evaluate`.
        arguments: of the command line; hydra's own flags are left alone.

    Raises:
        ConfigError: an override that does not fit, names the keys that are nearest to it; a value of the wrong type; a
            value that must be given and is not.
    """
    overrides = [a for a in arguments if not a.startswith("-")]
    if len(overrides) != len(arguments):
        return
    with initialize_config_module("ghn.app.conf", version_base="1.3"):
        try:
            _check_values(compose(config, overrides), compose(config))
        except (HydraException, OmegaConfBaseException) as error:
            what, _, options = str(error).partition("Available options in ")
            known = list(_keys(OmegaConf.to_container(compose(config), resolve=False)))
            keys = [o.lstrip("+~").split("=")[0] for o in overrides]
            wrong = [k for k in keys if k not in known] or keys
            near = re.findall(r"\t(\S+)\n", options.partition("Config search")[0]) or difflib.get_close_matches(
                wrong[0], known, n=3, cutoff=0.4
            )
            raise ConfigError(
                f"an override does not fit the config: {what.splitlines()[0]}",
                got=" ".join(overrides),
                expected=", ".join(near) or "keys of " + ", ".join(sorted({k.split(".")[0] for k in known})),
                fix=f"see all keys and values: --cfg job, or ghn/app/conf/{config}.yaml; new ones: +KEY=VALUE",
            ) from None


def resume_command(script: str, folder: str) -> str:
    """The command that goes on with the run in `folder`, as a shell would read it."""
    same = [argument for argument in sys.argv[1:] if not argument.startswith(("out=", "resume="))]
    return shlex.join(["python", script, *same, f"out={folder}", "resume=true"])


def _check_values(chosen: DictConfig, default: DictConfig) -> None:
    """Raises ConfigError for values that are missing, or are no numbers or switches where the defaults are."""
    if missing := OmegaConf.missing_keys(chosen):
        key = min(missing)
        raise ConfigError(f"{key} must be given", fix=f"add {key}=...")
    for key in _keys(OmegaConf.to_container(default)):
        old, new = OmegaConf.select(default, key), OmegaConf.select(chosen, key)
        fitting = (int, float) if type(old) is float else type(old)
        if type(old) in (bool, int, float) and new is not None and not isinstance(new, fitting):
            raise ConfigError(f"{key} has the wrong type", got=new, expected=f"{type(old).__name__}, such as {old}")


def _keys(config: Any, prefix: str = "") -> Iterator[str]:
    """Dotted names of all keys of a nested dict."""
    for key, value in config.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _keys(value, f"{prefix}{key}.")
