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

from ghn.app.cli import resume_command
from ghn.app.overrides import nested
from ghn.app.setting import Setting, build_setting
from ghn.errors import ConfigError, GhnError
from ghn.files import write_atomic
from ghn.locks import locked

Study = Callable[[Setting, Mapping[str, Any]], None]
CONF = files("studies.conf")
HYDRA = ("defaults:", "hydra:", "# @package")  # beginnings of lines that are no keys
STUDIES = (  # in the order of what they are about: estimators, searches, shared weights
    "nasbench201",
    "ranking",
    "spaces",
    "rules",
    "racing",
    "predictor_head",
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
            raise _misfit(name, overrides, str(error), default) from None
    assert isinstance(options, dict)
    if unknown := [key for key in options if key not in default]:
        raise _misfit(name, overrides, f"a study has its own keys only, not {', '.join(map(str, unknown))}", default)
    for key in nested(OmegaConf.to_container(default)):
        old, new = OmegaConf.select(default, key), OmegaConf.select(chosen, key)
        fitting = (int, float) if type(old) is float else type(old)
        if type(old) in (bool, int, float) and new is not None and not isinstance(new, fitting):
            raise ConfigError(f"{key} has the wrong type", got=new, expected=f"{type(old).__name__}, such as {old}")
    return {str(key): value for key, value in options.items()}


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
