"""How a study is run: its config and command line, checked before anything is computed, and how it ends.

A study is a function of a setting (what is judged, and where) and of options (the keys of `studies/conf/NAME.yaml`).
"""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_module
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import create_model

from ghn.app.cli import resume_command
from ghn.app.job_keys import RankKeys
from ghn.app.overrides import nested, unreadable
from ghn.app.ranges import MOST, Keys, partly
from ghn.app.read_keys import read_keys
from ghn.app.setting import Setting, build_setting
from ghn.errors import ConfigError, GhnError
from ghn.files import write_atomic
from ghn.locks import locked

Study = Callable[[Setting, Mapping[str, Any]], None]
CONF = files("studies.conf")
OF_NULL: dict[str, Any] = {  # what keys may be that are usually null; text, where nothing is said
    "pool": 100,
    "racing.n": 100,
    "curves.horizon": 10,
    "curves.models": ["last"],
    "curves.observed": [2],
    "growth.depths": [0],
    "growth.net.kernel": 5,
    "pretraining.net.kernel": 5,
    "growth.widths": [8],
    "outside.depths": [3],
    "outside.widths": [16],
    "gain.searchers": ["random"],
    "sets": ["all"],
    "spaces.names": ["macro"],
} | {f"snapshots.pace.{name}": 1.0 for name in ("ghn", "oneshot", "enas", "darts", "smash")}
HYDRA = ("defaults:", "hydra:", "# @package")  # beginnings of lines that are no keys
STUDIES = (  # in the order of what they are about: estimators, searches, shared weights
    "nasbench201",
    "ranking",
    "spaces",
    "rules",
    "racing",
    "predictor_head",
    "pretraining",
    "conversion",
    "initialisation",
    "several_tasks",
    "surrogates",
    "curves",
    "morphism",
    "pnas",
    "compare_searchers",
    "search_gain",
    "snapshots",
    "growth",
    "outside",
    "coverage",
    "convergence",
    "shared_statistics",
    "deepnets",
)


def run_study(name: str, study: Study, arguments: Sequence[str] | None = None) -> None:
    """Runs a study as the command line says; what goes wrong ends with a message, not a traceback.

    Args:
        name: of the study and its config.
        study: to be run.
        arguments: `key=value` each, or `--help`; None for those of this process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if {"-h", "--help"} & set(given):
        print(help_of(name))
        return
    try:
        options = options_of(name, given)
        try:
            with locked(options["out"]):
                study(build_setting(options), options)
        except KeyboardInterrupt:
            again = resume_command(["-m", f"studies.{name}"], given, options["out"])
            sys.exit(f"\ninterrupted; go on with: {again}")
    except GhnError as error:
        sys.exit(f"error: {error}")


def options_of(name: str, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The keys of a study, with what a user changed.

    Raises:
        ConfigError: the study has no such key, or a value does not fit.
    """
    default = _default(name)
    with initialize_config_module("studies.conf", version_base="1.3"):
        try:
            chosen = compose(name, list(overrides))
            options = OmegaConf.to_container(chosen, resolve=True)
        except (HydraException, OmegaConfBaseException) as error:
            raise unreadable(str(error)) or _misfit(name, overrides, str(error), default) from None
    assert isinstance(options, dict)
    if unknown := [key for key in options if key not in default]:
        raise _misfit(name, overrides, f"a study has its own keys only, not {', '.join(map(str, unknown))}", default)
    _check_shared({str(key): value for key, value in options.items()})
    can_be_null, can_be_empty = _said_of(name, r"\bnull\b"), _said_of(name, r"\[\]: ")
    for key in nested(OmegaConf.to_container(default)):
        usual, value = OmegaConf.select(default, key), OmegaConf.select(chosen, key)
        last = key.rpartition(".")[2]
        nothing = (value is None and (usual is None or last in can_be_null)) or (value == [] and last in can_be_empty)
        if key.partition(".")[0] not in RankKeys.model_fields and not nothing:
            _check(key, OF_NULL.get(key, "a name") if usual is None else usual, value)
    return {str(key): value for key, value in options.items()}


def space_options(name: str) -> dict[str, Any]:
    """The settings of a space that a study has where only its name is given."""
    options: dict[str, Any] = options_of("ranking", [f"space={name}"])["space"]
    return options


def _said_of(name: str, words: str) -> set[str]:
    """The keys of a study whose comment has these words."""
    return set(re.findall(rf"^ *(\w+): .*#.*{words}", "\n".join(_config(name)), re.MULTILINE))


def _check_shared(options: Mapping[str, Any]) -> None:
    """Refuses values of keys that `evaluate.py` has too, as it would; of some groups a study has a part alone."""
    fields: dict[str, Any] = {
        key: (partly(kind) if isinstance(kind := field.annotation, type) and issubclass(kind, Keys) else kind, field)
        for key, field in RankKeys.model_fields.items()
        if key in options
    }
    read_keys(create_model("SharedKeys", __base__=Keys, **fields), {key: options[key] for key in fields})


def _check(key: str, usual: Any, value: Any) -> None:
    """Refuses a value that is not of the kind of the usual one; numbers are counts, amounts and shares."""
    if OmegaConf.is_dict(usual):
        return
    if OmegaConf.is_list(usual) or isinstance(usual, list):
        if OmegaConf.is_list(value) and (value or not usual):
            for one in value if usual else ():
                _check(key, usual[0], one)
            return
        expected = "a list" if not usual else f"a list such as {list(usual)}"
    elif isinstance(usual, bool | str):
        if isinstance(value, type(usual)) and value != "":
            return
        expected = f"{'text' if isinstance(usual, str) else 'true or false'}, such as {usual}"
    else:
        kind, least = (int, int(usual > 0)) if isinstance(usual, int) else ((int, float), 0)
        if isinstance(value, kind) and not isinstance(value, bool) and least <= value <= MOST:
            return
        expected = f"a {'whole ' if kind is int else ''}number from {least} to {MOST:,}, such as {usual}"
    raise ConfigError(f"{key} cannot have this value", got="null" if value is None else repr(value), expected=expected)


@cache
def _default(name: str) -> DictConfig:
    """The keys of a study as nobody has changed them; nobody does here either."""
    with initialize_config_module("studies.conf", version_base="1.3"):
        return compose(name)


def _misfit(name: str, overrides: Sequence[str], what: str, default: DictConfig) -> ConfigError:
    """Says what is wrong with a command line, and which keys are near."""
    every = list(nested(OmegaConf.to_container(default)))
    keys = [one.lstrip("+~").split("=")[0] for one in overrides]
    near = re.findall(r"\t(\S+)\n", what.partition("Available options in ")[2].partition("Config search")[0])
    near = near or [match for key in keys if key not in every for match in difflib.get_close_matches(key, every, n=3)]
    return ConfigError(
        f"an override does not fit the study: {what.splitlines()[0]}",
        got=" ".join(overrides),
        expected=", ".join(near) or "keys of " + ", ".join(dict.fromkeys(key.split(".")[0] for key in every)),
        fix=f"python -m studies.{name} --help",
    )


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes what a study found, whole or not at all; folders are made when missing."""
    write_atomic(path, json.dumps(content, indent=1))


def help_of(name: str) -> str:
    """What a study does, and its keys with their defaults and meaning."""
    first, *lines = _config(name)
    groups = [one for one in OmegaConf.create("\n".join(lines)).defaults if not isinstance(one, str)]
    chosen = [f"{group}={value}" for one in groups for group, value in one.items()]
    keys = [line for file in (lines, _config("common")) for line in file if not line.startswith(HYDRA)]
    usage = f"python -m studies.{name} KEY=VALUE ..."
    return "\n".join([first, "", usage, f"# groups, as the scripts have them: {' '.join(chosen)}", *keys])


def summary_of(name: str) -> str:
    """The line that says what a study is about: the first of its config."""
    return _config(name)[0].removeprefix("# ")


def _config(name: str) -> list[str]:
    return CONF.joinpath(f"{name}.yaml").read_text().splitlines()
