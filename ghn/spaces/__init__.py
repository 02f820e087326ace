"""Search spaces: sets of architectures, each with the one road to its computation graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ghn.errors import ConfigError
from ghn.spaces.nasbench201 import NASBench201
from ghn.types import Space

SPACES: dict[str, Callable[..., Space[Any]]] = {"nasbench201": NASBench201}


def make_space(name: str, **settings: Any) -> Space[Any]:
    """Makes a space from its name and the settings that its `describe()` gives.

    Raises:
        ConfigError: unknown name or setting.
    """
    if name not in SPACES:
        raise ConfigError("unknown space", got=name, expected=" | ".join(SPACES))
    try:
        return SPACES[name](**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})
    except TypeError as error:
        raise ConfigError(f"settings do not fit space {name}", got=str(error)) from None


__all__ = ["SPACES", "NASBench201", "make_space"]
