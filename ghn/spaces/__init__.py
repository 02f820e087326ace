"""Search spaces: sets of architectures, each with the one road to its computation graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ghn.errors import ConfigError
from ghn.spaces.darts.space import DARTS
from ghn.spaces.nasbench201.space import NASBench201
from ghn.types import Space

SPACES: dict[str, Callable[..., Space[Any]]] = {"nasbench201": NASBench201, "darts": DARTS}


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


def describe_space(space: Space[Any]) -> dict[str, Any]:
    """Name and settings of a space, JSON-able; `make_space(**it)` makes an equal one."""
    return {"name": space.name, **space.describe()}


def skeletons_of(space: Space[Any], skeletons: Sequence[Mapping[str, Any]]) -> list[Space[Any]]:
    """The space with some of its settings changed, such as `{"depth": 3}`, once for each skeleton; itself for none.

    Raises:
        ConfigError: the space has no such setting, or does not allow the value.
    """
    try:
        return [make_space(space.name, **{**space.describe(), **changed}) for changed in skeletons] or [space]
    except ConfigError as error:
        raise ConfigError(
            f"the skeletons {[dict(changed) for changed in skeletons]} do not fit space {space.name}: {error}",
            fix="give others, or none: skeletons=[] when scoring, trainer.skeletons=[] in training",
        ) from None


__all__ = ["DARTS", "SPACES", "NASBench201", "describe_space", "make_space", "skeletons_of"]
