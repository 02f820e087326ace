"""Overrides on the command line: what does not fit, and what was meant."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from hydra import compose, initialize_config_module
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ghn.app.jobs import JOBS
from ghn.app.program import command_of, is_ghn
from ghn.app.ranges import Keys
from ghn.app.read_keys import dotted, read_keys
from ghn.app.train_keys import TrainKeys
from ghn.errors import ConfigError, check_known, meant

CONF = files("ghn.app.conf")
CHOOSING = ("job", "search", "experiment", "weights")  # groups that decide which keys there are


def check_overrides(config: str, arguments: Sequence[str]) -> None:
    """Composes a config before hydra does, to say more of what is wrong than hydra would.

    Hydra's own flags are left alone, but for --cfg, which shows a config: with values that are missing yet.

    Raises:
        ConfigError: an override that does not fit, names the keys that are nearest to it, or the job or group that has
            it; a value of the wrong type; a value that must be given and is not; a job that is a study now.
    """
    overrides, shown = _split(arguments)
    if any(override.startswith("-") for override in overrides):
        return
    if config == "evaluate":
        _check_moved(overrides)
    own = [one for one in overrides if one.lstrip("+").startswith("space.target=")]
    if own and "space=function" not in overrides:
        raise ConfigError(
            "space.target is a key of space=function", got=own[0], fix=f"space=function {own[0].lstrip('+')}"
        )
    try:
        options = composed(config, overrides, resolve=not shown)
        usual = _usual(config, _choices(overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise unreadable(str(error)) or _misfit(config, overrides, str(error)) from None
    if shown:  # with what is wrong, and what is missing yet
        return
    keys = keys_of(config, options)
    if strange := [key for key in options if key not in keys.model_fields]:
        raise _unknown(config, strange[0], usual, overrides)
    read_keys(keys, options, usual)


def composed(config: str, overrides: Sequence[str] = (), *, resolve: bool = True) -> dict[str, Any]:
    """A config as plain dicts and lists.

    Raises:
        HydraException: an override does not fit.
        OmegaConfBaseException: a value cannot be resolved.
        ConfigError: a value that must be given is missing.
    """
    with initialize_config_module("ghn.app.conf", version_base="1.3"):
        try:
            cfg = compose(config, list(overrides))
        except (HydraException, OmegaConfBaseException):
            raise
        except Exception as error:  # ValueError of estimator.word=1, AssertionError of "=", OSError of a name too long
            raise HydraException(str(error) or "it cannot be read") from error
    if resolve and (missing := OmegaConf.missing_keys(cfg)):
        key = min(missing)
        raise ConfigError(f"{key} must be given", fix=f"add {key}=...")
    options: dict[str, Any] = OmegaConf.to_container(cfg, resolve=resolve)  # type: ignore[assignment]
    return options


def keys_of(config: str, options: Mapping[str, Any]) -> type[Keys]:
    """The keys that a script has, with the job that is chosen."""
    if config == "train":
        return TrainKeys
    check_known("job", options.get("job"), JOBS)
    return JOBS[options["job"]].keys


def options_of(group: str) -> list[str]:
    """The values of a config group."""
    return sorted(f.name[:-5] for f in CONF.joinpath(group).iterdir() if f.name.endswith(".yaml"))


def _split(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """The arguments without hydra's flags that only show a config, and whether there are any."""
    left, rest = [], iter(arguments)
    for argument in rest:
        if argument in ("--cfg", "-c"):
            next(rest, None)
        elif argument != "--resolve" and not argument.startswith("--cfg="):
            left.append(argument)
    return left, len(left) < len(arguments)


def _check_moved(overrides: Sequence[str]) -> None:
    moved: Any = OmegaConf.to_container(OmegaConf.create(CONF.joinpath("moved.yaml").read_text()))
    for override in overrides:
        key, _, value = override.lstrip("+").partition("=")
        if key in ("job", "experiment") and value in moved["studies"]:
            rest = [one for one in overrides if one.partition("=")[0] not in ("job", "experiment")]
            raise ConfigError(f"{override} is a study now", fix=shlex.join(["python", "-m", f"studies.{value}", *rest]))
        if key in moved["renamed"]:
            raise ConfigError(f"{key} is called {moved['renamed'][key]} now", fix=f"{moved['renamed'][key]}={value}")
        if (top := key.lstrip("~").partition(".")[0]) in moved["study_keys"]:
            names = " or ".join(f"python -m studies.{name}" for name in moved["study_keys"][top])
            raise ConfigError(f"{top} is a key of a study now", got=override, fix=names)


def _choices(overrides: Sequence[str]) -> tuple[str, ...]:
    """Those overrides that decide which keys there are."""
    return tuple(one for one in overrides if one.partition("=")[0] in CHOOSING)


@cache
def _usual(config: str, choices: tuple[str, ...]) -> Mapping[str, Any]:
    """The config as it is without what was typed beside these choices, to compare with; nobody changes it."""
    return composed(config, choices, resolve=False)


def unreadable(said: str) -> ConfigError | None:
    """What is said of an override with letters that hydra reads in quotes alone."""
    if not said.startswith("LexerNoViableAlt"):
        return None
    override = said.splitlines()[0].partition(": ")[2]
    fix = """quote its value twice, for the shell and for hydra: 'out="outputs/é"'"""
    return ConfigError("an override holds letters beyond ASCII without quotes", got=override, fix=fix)


def _misfit(config: str, overrides: Sequence[str], said: str) -> ConfigError:
    """What is said of overrides from which hydra cannot compose a config."""
    what, _, values = said.partition("Available options in ")
    near = re.findall(r"\t(\S+)\n", values.partition("Config search")[0])
    if what.startswith("Config group override must be"):  # a number, where a name is expected
        typed = [one.partition("=")[::2] for one in overrides]
        choices = [(options_of(key), value) for key, value in typed if CONF.joinpath(key).is_dir()]
        near = next((names for names, value in choices if value not in names), [])
    try:
        usual = _usual(config, _choices(overrides))
    except (HydraException, OmegaConfBaseException):
        usual = _usual(config, ())
    known = {*nested(usual), *CHOOSING}
    wrong = [key for one in overrides if (key := _key_of(one)) not in known]
    if named := re.match(r"Could not override '([^']+)'", what):  # the others may be of the group
        wrong = [key for key in wrong if key == named[1]]
    if wrong and not near:
        return _unknown(config, wrong[0], usual, overrides, what.splitlines()[0])
    return ConfigError(
        f"an override does not fit the config: {what.splitlines()[0]}",
        got=_got(overrides),
        expected=", ".join(near) or None,
        fix=meant(what.strip().rpartition("/")[2].rstrip("'"), near) or _more(config, usual),
    )


def _key_of(override: str) -> str:
    return override.lstrip("+~").partition("=")[0]


def _unknown(
    config: str, key: str, usual: Mapping[str, Any], overrides: Sequence[str], said: str | None = None
) -> ConfigError:
    """What is said of a key that there is not: the nearest one, or who has it."""
    typed = _got([one for one in overrides if _key_of(one) == key] or overrides)
    owners = [name for name, job in JOBS.items() if config == "evaluate" and key in set(dotted(job.keys))]
    if owners:
        here = [one for one in nested(usual) if one.rpartition(".")[2] == key]  # such as search.estimator
        return ConfigError(
            f"job={usual['job']} has no key {key}",
            got=typed,
            expected=" or ".join([*here, f"job={' or job='.join(owners)}, which has it"]),
            fix=_more(config, usual),
        )
    known = list(nested(usual))
    near = difflib.get_close_matches(key, known, n=3, cutoff=0.4)
    fix = f"to add a new key: +{key}=..., or {_more(config, usual)}" if _can_be_added(config, key, overrides) else None
    return ConfigError(
        f"an override does not fit the config: {said or f'there is no key {key}'}",
        got=typed,
        expected=", ".join(near) or "keys of " + ", ".join(usual),
        fix=fix or _more(config, usual),
    )


def _can_be_added(config: str, key: str, overrides: Sequence[str]) -> bool:
    """Whether the only thing wrong with an override is that its key is new, where new ones may be."""
    added = [f"+{one}" if one.startswith(f"{key}=") else one for one in overrides]
    if added == list(overrides):
        return False
    try:
        check_overrides(config, added)
    except ConfigError:
        return False
    return True


def _got(overrides: Sequence[str]) -> str:
    """The overrides as they were typed: `ghn` adds the job of its command."""
    return " ".join(one for one in overrides if not (is_ghn() and one.startswith("job=")))


def _more(config: str, usual: Mapping[str, Any]) -> str:
    return f"see all keys, with what they mean: {command_of(config, usual.get('job', ''))} --help"


def nested(options: Any, prefix: str = "") -> Iterator[str]:
    """Dotted names of all keys of nested dicts."""
    for key, value in options.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from nested(value, f"{prefix}{key}.")
