"""Estimators that combine others: the mean normal score."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from typing import Any

from omegaconf import OmegaConf

from ghn.app.estimators import ESTIMATORS, make_entries
from ghn.app.setting import OPTIONS, Entry, Setting, with_options
from ghn.errors import ConfigError
from ghn.scoring.combined import Ensemble


def preset(name: str, setting: Setting) -> list[Entry]:
    """An ensemble whose members are known to go well together."""
    presets: Any = OmegaConf.to_container(
        OmegaConf.create(files("ghn.app.conf").joinpath("ensembles.yaml").read_text())
    )
    return ensemble(name, replace(setting, ensemble={**setting.ensemble, "members": presets[name]}))


def ensemble(name: str, setting: Setting) -> list[Entry]:
    """The mean normal score of other estimators: of their names, or `{name: NAME, OPTION: VALUE, ...}`."""
    made: dict[str, Entry] = {}
    for one, own in _members(setting):
        for entry in make_entries(one, with_options(setting, own)):
            count = sum(key.rstrip("0123456789") == one for key in made)
            made[f"{one}{count + 1}" if count else one] = entry
    estimator = Ensemble(setting.space, {name: entry.estimator for name, entry in made.items()})
    if networks := setting.ensemble["population"]:  # then scores do not depend on each other: searches need that
        estimator = estimator.settled(networks)
    trainings = {name: seconds for entry in made.values() for name, seconds in entry.trainings.items()}
    warnings = " ".join(dict.fromkeys(entry.warning for entry in made.values() if entry.warning))
    return [Entry(f"ensemble: {' + '.join(made)}", estimator, trainings, warnings or None)]


def _members(setting: Setting) -> list[tuple[str, dict[str, Any]]]:
    """Name and own options of each member."""
    wanted = list(setting.ensemble["members"])
    members = [(one, {}) if isinstance(one, str) else (one.get("name"), dict(one)) for one in wanted]
    names = [name for name, _ in members]
    inner = [name for name, named in ESTIMATORS.items() if named.place.startswith("ensemble:")]
    unknown = {key for _, own in members for key in own} - {"name", *OPTIONS}
    twice = any(one in wanted[:i] for i, one in enumerate(wanted))
    if len(names) < 2 or set(inner) & set(names) or twice or unknown:
        raise ConfigError(
            "an ensemble combines other estimators",
            got=wanted,
            expected="at least two different names, or {name: NAME, OPTION: VALUE}, of: "
            + " | ".join(name for name in ESTIMATORS if name not in inner)
            + f"; options: {' | '.join(OPTIONS)}",
        )
    return members
