"""Configs: yaml groups that hydra composes; every one of them is tested."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterator, Sequence

from hydra import compose, initialize_config_module
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

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
        ConfigError: an override that does not fit; names the keys that are nearest to it.
    """
    overrides = [a for a in arguments if not a.startswith("-")]
    if len(overrides) != len(arguments):
        return
    with initialize_config_module("ghn.conf", version_base="1.3"):
        try:
            compose(config, overrides)
        except HydraException as error:
            known = list(_keys(compose(config)))
            keys = [o.lstrip("+~").split("=")[0] for o in overrides]
            wrong = [k for k in keys if k not in known] or keys
            near = difflib.get_close_matches(wrong[0], known, n=3, cutoff=0.4)
            raise ConfigError(
                f"an override does not fit the config: {str(error).splitlines()[0]}",
                got=" ".join(overrides),
                expected=", ".join(near) or "keys of " + ", ".join(sorted({k.split(".")[0] for k in known})),
                fix=f"see all keys and values: --cfg job, or ghn/conf/{config}.yaml",
            ) from None


def _keys(config: DictConfig, prefix: str = "") -> Iterator[str]:
    for key in config:
        name = f"{prefix}{key}"
        yield name
        if isinstance(value := OmegaConf.to_container(config, resolve=False)[key], dict):  # type: ignore[index, call-overload]
            yield from _keys(OmegaConf.create(value), f"{name}.")
