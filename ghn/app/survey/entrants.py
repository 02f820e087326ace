"""The estimators of a survey: what its config names, a line each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from ghn.app.estimators import ESTIMATORS, make_entries
from ghn.app.setting import OPTIONS, Entry, Setting, with_options
from ghn.errors import ConfigError, GhnError


@dataclass(frozen=True, slots=True)
class Entrant:
    """One estimator of a survey.

    Attributes:
        key: of the line in the config, and of its files.
        label: in tables and pictures.
        estimator: its name in the registry.
        options: of `ghn.app.setting.OPTIONS`, for this line alone.
        seeds: each makes the estimator once more, for the spread over seeds.
    """

    key: str
    label: str
    estimator: str
    options: Mapping[str, Any]
    seeds: tuple[int, ...]


def read_entrants(config: Mapping[str, Any]) -> list[Entrant]:
    """Reads `survey.estimators`: key -> `{name: ESTIMATOR, label: TEXT, OPTION: VALUE, ...}`; null takes a line out.

    Raises:
        ConfigError: no lines, an unknown estimator or option, or two lines of one label.
    """
    lines = [_entrant(key, dict(options)) for key, options in config.items() if options is not None]
    labels = [line.label for line in lines]
    if not lines or len(set(labels)) < len(labels):
        raise ConfigError(
            "a survey needs estimators of different labels", got=labels, fix="+survey.estimators.KEY={name: ESTIMATOR}"
        )
    return lines


def _entrant(key: str, options: dict[str, Any]) -> Entrant:
    name = options.pop("name", key)
    label = options.pop("label", key.replace("_", " "))
    if name not in ESTIMATORS:
        raise ConfigError(f"survey line {key}: unknown estimator", got=name, expected=" | ".join(ESTIMATORS))
    if unknown := sorted(set(options) - {*OPTIONS, "seeds"}):
        raise ConfigError(
            f"survey line {key}: unknown options",
            got=unknown,
            expected=" | ".join(("name", "label", *OPTIONS, "seeds")),
        )
    seeds = tuple(options.pop("seeds", None) or (0,))
    if len(set(seeds)) < len(seeds) or not all(isinstance(seed, int) for seed in seeds):
        raise ConfigError(f"survey line {key}: seeds must be different whole numbers", got=seeds)
    return Entrant(key, label, name, options, seeds)


def make_entrant(line: Entrant, setting: Setting) -> list[Entry]:
    """Makes a line's estimator, once a seed and checkpoint; the first is the one that the tables show.

    Trainings are kept beside those of other lines with the same recipe and seed, which share them.

    Raises:
        ConfigError: a line with several read-outs, or options that do not fit.
        CheckpointError: a checkpoint is damaged or of another kind.
    """
    try:
        made = [entry for seed in line.seeds for entry in make_entries(line.estimator, _setting(line, setting, seed))]
    except TypeError as error:
        raise ConfigError(f"survey line {line.key}: options do not fit", got=str(error)) from None
    except GhnError as error:
        raise type(error)(f"survey line {line.key}: {error}") from None
    return [replace(entry, name=line.label if i == 0 else f"{line.label}, no. {i + 1}") for i, entry in enumerate(made)]


def _setting(line: Entrant, setting: Setting, seed: int) -> Setting:
    own = replace(with_options(setting, line.options), seed=seed)
    if len(own.readouts) != 1:
        raise ConfigError("a survey line has one read-out", got=own.readouts)
    if setting.folder:
        kind = sha256(json.dumps([seed, setting.recipe.describe()]).encode()).hexdigest()[:8]
        own = replace(own, folder=setting.folder / "states" / kind)
    return own
