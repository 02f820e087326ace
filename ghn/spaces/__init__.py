"""Search spaces: sets of architectures, each with the one road to its network.

Every folder here is a space: it defines `SPACE`, its class, and perhaps `CHECKPOINT`, the hypernetwork that is shipped
for it; `ABOUT` and `NETWORKS` say in a few words what it is, and how many there are. One of them is the `DEFAULT`,
which is taken where none is named. A class of one's own is registered by its name: `SPACES["chain"] = Chain`. Without
that, and for what is made of a user's own functions and modules, a checkpoint names where its source is, and is opened
with the space given: no file chooses what is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from ghn.arguments import check_names
from ghn.errors import ConfigError, meant
from ghn.spaces.function import FunctionSpace
from ghn.spaces.modules import ModuleSpace
from ghn.spaces.source import source_of, target_of
from ghn.types import Changeable, Readable, Space

_PACKAGES = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__) if module.ispkg]
_CLASSES: dict[str, type] = {package.SPACE.__name__: package.SPACE for package in _PACKAGES}
SPACES: dict[str, Callable[..., Space[Any]]] = {package.SPACE.name: package.SPACE for package in _PACKAGES}
CHECKPOINTS: dict[str, str] = {p.SPACE.name: p.CHECKPOINT for p in _PACKAGES if "CHECKPOINT" in vars(p)}  # assets
ABOUT: dict[str, tuple[str, str]] = {p.SPACE.name: (p.ABOUT, p.NETWORKS) for p in _PACKAGES}  # what, and how many
DEFAULT_CHECKPOINT: str  # one of them
(DEFAULT_CHECKPOINT,) = (p.CHECKPOINT for p in _PACKAGES if "DEFAULT" in vars(p))


def __getattr__(name: str) -> Any:
    """The class of a space by its own name, such as `ghn.spaces.DARTS`."""
    if name not in _CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _CLASSES[name]


def make_space(name: str, **settings: Any) -> Space[Any]:
    """Makes a space from its name and the settings that its `describe()` gives.

    Raises:
        ConfigError: unknown name or setting.
    """
    if name not in SPACES:
        fix = meant(name, SPACES) or "take one of these, or make a space of your own: docs/add-a-space.md"
        raise ConfigError("unknown space", got=name, expected=" | ".join(SPACES), fix=fix)
    check_names("setting", f"space {name}", SPACES[name], settings)
    try:
        return SPACES[name](**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})
    except TypeError as error:
        raise ConfigError(f"settings do not fit space {name}", got=str(error)) from None


def describe_space(space: Space[Any]) -> dict[str, Any]:
    """Name and settings of a space, JSON-able.

    `make_space(**it)` makes an equal one of a registered class; of any other it names the source, and a digest of it.
    """
    described = {"name": space.name, **space.describe()}
    if SPACES.get(space.name) is type(space) or "source" in described:
        return described
    return {**described, "target": target_of(space), "source": source_of(space)}


def changed_space(space: Space[Any], settings: Mapping[str, Any]) -> Space[Any]:
    """The space with some settings changed; `ConfigError` where it has no such setting, or does not allow the value."""
    if isinstance(space, Changeable):
        return space.with_settings(settings)
    whole = {**space.describe(), **settings}
    if SPACES.get(space.name) is type(space):
        return make_space(space.name, **whole)
    return make_of_class(type(space), whole)


def make_of_class(kind: Callable[..., Space[Any]], settings: Mapping[str, Any]) -> Space[Any]:
    """Makes a space of a class; lists, as of JSON, are tuples. `ConfigError` for settings that it does not have."""
    check_names("setting", f"space {target_of(kind)}", kind, settings)
    try:
        return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()})
    except TypeError as error:
        raise ConfigError(f"settings do not fit space {target_of(kind)}", got=str(error)) from None


def skeletons_of(space: Space[Any], skeletons: Sequence[Mapping[str, Any]]) -> list[Space[Any]]:
    """The space with some of its settings changed, such as `{"depth": 3}`, once for each skeleton; itself for none.

    A skeleton without changes, `{}`, is the space itself.

    Raises:
        ConfigError: the space has no such setting, or does not allow the value.
    """
    if not isinstance(skeletons, Sequence) or not all(isinstance(new, Mapping) for new in skeletons):
        raise ConfigError("skeletons are a list of settings of the space", got=skeletons, expected="[{SETTING: VALUE}]")
    try:
        made = [changed_space(space, new) if new else space for new in skeletons]
        return made or [space]
    except ConfigError as error:
        raise ConfigError(
            f"the skeletons {[dict(changed) for changed in skeletons]} do not fit space {space.name}: {error}",
            fix="give others, or none: skeletons=[] when scoring, trainer.skeletons=[] in training",
        ) from None


def reading_variants(space: Space[Any]) -> Sequence[Mapping[str, Any]]:
    """The variants that a space names to read in; itself where it names none."""
    return space.reading_variants() if isinstance(space, Readable) else [{}]


def training_variants(space: Space[Any]) -> Sequence[Mapping[str, Any]]:
    """The variants that a space names to train in; none where it names none, which is the space as it is."""
    return space.training_variants() if isinstance(space, Readable) else []


def fastest_variant(space: Space[Any]) -> Space[Any]:
    """The variant of a space in which its networks are read fastest; itself where it names none."""
    return skeletons_of(space, space.reading_variants()[:1])[0] if isinstance(space, Readable) else space


__all__ = [
    "ABOUT",
    "CHECKPOINTS",
    "DEFAULT_CHECKPOINT",
    "SPACES",
    "FunctionSpace",
    "ModuleSpace",
    "changed_space",
    "describe_space",
    "fastest_variant",
    "make_of_class",
    "make_space",
    "reading_variants",
    "skeletons_of",
    "training_variants",
]
