"""What is typed beside `KEY=VALUE`: hydra's own flags, and what was meant where it is neither."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from ghn.app.program import NAME, is_ghn
from ghn.errors import ConfigError

FLAGS = (  # hydra's own; argparse takes beginnings of them, too
    *("--help", "--hydra-help", "--version", "--cfg", "--resolve", "--package", "--run", "--multirun", "--info"),
    *("--shell-completion", "--config-path", "--config-name", "--config-dir", "--experimental-rerun"),
)
SHORT = {"-h": "--help", "-c": "--cfg", "-p": "--package", "-r": "--run", "-m": "--multirun", "-i": "--info"}
SHORT |= {"-sc": "--shell-completion", "-cp": "--config-path", "-cn": "--config-name", "-cd": "--config-dir"}
WITH_VALUE = ("--cfg", "--package", "--info", "--config-path", "--config-name", "--config-dir", "--experimental-rerun")
DOES_ONE = ("--run", "--multirun", "--cfg", "--info", "--shell-completion")  # of which one can be given
RERUN, COMPLETION = "--experimental-rerun", "--shell-completion"
SHELLS = ("bash", "zsh", "fish")


def flags_last(arguments: Sequence[str]) -> list[str]:
    """The same arguments, flags behind overrides: hydra takes no override behind a flag that follows another."""
    flags, overrides = divided(arguments)
    return [*overrides, *flags]


def divided(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The flags with their values, and the rest."""
    flags, rest, left = [], [], iter(arguments)
    for argument in left:
        if not argument.startswith("-"):
            rest.append(argument)
            continue
        flags.append(argument)
        if "=" not in argument and _name_of(argument) in WITH_VALUE and (value := next(left, None)) is not None:
            flags.append(value)
    return flags, rest


def check_flags(arguments: Sequence[str]) -> None:
    """Refuses what hydra's own flags cannot be, or may not, and what is neither a flag nor `KEY=VALUE`.

    Raises:
        ConfigError: several flags that exclude one another; one that would unpickle a file, which could run anything;
            one that there is not; a setting that is typed in another way; a completion of no shell.
    """
    flags, rest = divided(arguments)
    given = {_name_of(one) for one in flags if one.startswith("-")}
    if RERUN in given:
        raise ConfigError(
            f"{RERUN} is refused",
            got=" ".join(arguments),
            fix="it runs what a pickle says; use out=... resume=true",
        )
    if strange := [one for one in flags if one.startswith("-") and _name_of(one) is None]:
        raise _no_flag(strange[0], arguments)
    if len(both := given & {*DOES_ONE}) > 1:
        raise ConfigError("flags exclude one another", got=" ".join(sorted(map(str, both))), expected="one of them")
    if COMPLETION in given:
        _check_completion(rest)
    else:
        _check_settings(rest)


def _name_of(flag: str) -> str | None:
    """The full name of a flag of hydra's, of which the beginning is enough."""
    name = flag.partition("=")[0]
    known = [one for one in FLAGS if one.startswith(name)] if name.startswith("--") and len(name) > 2 else []
    return SHORT.get(name, name if name in FLAGS else known[0] if known else None)


def _no_flag(flag: str, arguments: Sequence[str]) -> ConfigError:
    name, equals, value = flag.lstrip("-").partition("=")
    after = arguments[list(arguments).index(flag) + 1 :][:1]
    if not equals and after and "=" not in after[0] and not after[0].startswith("-"):
        value = after[0]
    setting = f"{name.replace('-', '_')}={value or '...'}"
    fix = f"settings are typed without dashes: {shlex.quote(setting)}"
    if name == "json":
        fix = "--json is a flag of ghn: ghn rank --json" if not is_ghn() else "write --json without a value"
    return ConfigError(f"there is no flag {flag.partition('=')[0]}", got=" ".join(arguments), fix=fix)


def _check_completion(rest: Sequence[str]) -> None:
    """Refuses a completion that is neither installed, nor taken away, nor asked for."""
    known = [f"{do}={shell}" for do in ("install", "uninstall", "query") for shell in SHELLS]
    if [one in known for one in rest] != [True]:
        program = NAME if is_ghn() else "python evaluate.py"
        raise ConfigError(
            f"{COMPLETION} needs one thing to do",
            got=" ".join(rest) or "nothing",
            expected=" | ".join(known[:6]),
            fix=f'eval "$({program} {COMPLETION} install=bash)"',
        )


def _check_settings(rest: Sequence[str]) -> None:
    """Refuses what the shell has taken apart, or what is no setting at all, and says what may have been meant."""
    got = " ".join(rest)
    for parts in _joined(rest):
        whole = " ".join(parts)
        if len(parts) > 1 and "=" in whole:
            what = "a bracket is left open" if "=" in parts[0][:-1] else "blanks stand around ="
            whole = "=".join(part.strip() for part in whole.split("=", 1))
            raise ConfigError(f"{what}: the shell has taken it apart", got=got, fix=f"type it as {shlex.quote(whole)}")
        if "=" not in whole and not whole.startswith("~"):
            raise ConfigError(f"{whole} is no setting", got=got, expected="KEY=VALUE, as in n=300", fix=_meant(whole))


def _joined(rest: Sequence[str]) -> Iterator[list[str]]:
    """Arguments, those together that seem to be one: around a lone `=`, and until brackets are closed."""
    left = list(rest)
    while left:
        parts = [left.pop(0)]
        while left and (_is_open(whole := " ".join(parts)) or _waits(whole, left[0])):
            parts.append(left.pop(0))
        yield parts


def _is_open(text: str) -> bool:
    _, equals, value = text.partition("=")
    quoted = value[:1] in ("'", '"')
    return bool(equals) and not quoted and sum(map(value.count, "[{(")) > sum(map(value.count, "]})"))


def _waits(text: str, after: str) -> bool:
    """Whether a name and an equals sign stand apart, or the sign and the value."""
    return ("=" not in text and after.startswith("=")) or (text.endswith("=") and "=" not in after)


def _meant(word: str) -> str:
    """What may have been meant by a word that is no setting."""
    from ghn.app.jobs import JOBS
    from ghn.app.program import command_of

    if word in JOBS:
        return command_of("evaluate", word)
    return f"see what there is: {NAME if is_ghn() else 'python evaluate.py'} --help"
