"""`--help` of both scripts and of `ghn COMMAND`, from the keys and the configs; without torch, and in an instant."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from textwrap import wrap
from typing import Any

from pydantic.fields import FieldInfo

from ghn.app.estimators import ESTIMATORS
from ghn.app.job_keys import JobKeys
from ghn.app.jobs import JOBS
from ghn.app.program import command_of
from ghn.app.ranges import Keys
from ghn.app.read_keys import groups_of
from ghn.arguments import in_words

WIDTH, LEFT = 120, 34
GROUPS = ("space", "task", "net", "trainer", "weights", "search")  # keys of which yaml has several


def help_text(config: str, overrides: Sequence[str] = (), usage: str | None = None) -> str:
    """What a script does; and the keys of a job, where the overrides choose one; `usage` stands above these.

    Raises:
        ConfigError: an override does not fit.
    """
    if config == "evaluate" and not any(one.startswith(("job=", "search=", "experiment=")) for one in overrides):
        return _jobs()
    from ghn.app.overrides import check_overrides, composed, keys_of

    given = [*overrides, *(f"{key}=..." for key in _must_be_given(overrides))]
    check_overrides(config, given)
    options = composed(config, given)
    keys = keys_of(config, options)
    if usage is None:
        usage = f"{keys.__doc__}\n\n{command_of(config, options.get('job', ''))} [KEY=VALUE ...]"
    else:
        usage += "\n\nkeys, each with its default:"
    lines = [usage, *_lines(keys, options)]
    if any("estimator" in name for name in options) or "estimator" in options.get("search", {}):
        lines += ["", "estimators:", *(_row(name, named.about) for name, named in ESTIMATORS.items())]
    lines += ["", "The config as it would be used: --cfg job. Hydra's own flags: --hydra-help."]
    return "\n".join(lines)


def _jobs() -> str:
    lines = [
        "Tells how good neural architectures are without training them fully.",
        "",
        "python evaluate.py [job=NAME] [KEY=VALUE ...]   without a job: job=rank",
        "",
        *(_row(f"job={name}", f"{job.keys.__doc__}") for name, job in JOBS.items()),
        "",
        _row("search=NAME", f"job=search with a searcher: {_values('search')}"),
        _row("experiment=NAME", f"presets: {_values('experiment')}"),
        "",
        _row("python evaluate.py job=NAME --help", "the keys of a job, with their defaults and meaning"),
        _row("python evaluate.py --cfg job", "the config as it would be used"),
        _row("python train_ghn.py --help", "how weights are trained"),
        _row("ghn --help", "the same as one command, with examples, --json and completion"),
        _row("python -m studies", "the experiments behind the documentation"),
    ]
    return "\n".join(lines)


def _lines(keys: type[Keys], options: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """A line a key; groups of keys last, each with its own heading."""
    inner, fields = [], keys.model_fields
    for name in sorted(fields, key=lambda name: name in JobKeys.model_fields):  # its own before those of all jobs
        field, value = fields[name], options[name]
        if name == "job" and not prefix:
            continue
        if isinstance(value, dict) and value:
            inner.append((name, field, value))
        else:
            yield _row(f"  {prefix}{name}={_text(value)}", _about(field))
    for name, field, value in inner:
        group = _chosen(field, value)
        several = f" ({name}=NAME: {_values(name)})" if name in GROUPS and not prefix else ""
        about = (group.__doc__ if group else field.description) or ""
        yield ""
        yield from wrap(f"{prefix}{name}: {about}{several}", WIDTH, subsequent_indent="    ")
        if group is not None:
            yield from _lines(group, value, f"{prefix}{name}.")
        else:
            yield from (_row(f"  {prefix}{name}.{key}={_text(one)}", "") for key, one in value.items())


def _about(field: FieldInfo) -> str:
    """What a key means, after the names that it can have, where its description does not say them."""
    about, words = field.description or "", in_words(field.annotation, field.metadata)
    return f"{words}; {about}" if " | " in words and " | " not in about and "estimator" not in words else about


def _chosen(field: FieldInfo, value: Mapping[str, Any]) -> type[Keys] | None:
    """The group of keys that a value is of."""
    fitting = [group for group in groups_of(field.annotation) if set(value) == set(group.model_fields)]
    return fitting[0] if fitting else None


def _row(left: str, right: str) -> str:
    first, *rest = wrap(right, WIDTH - LEFT - 4) or [""]
    gap = "\n" + " " * (LEFT + 2)
    head = f"{left:{LEFT}}  {first}" if len(left) <= LEFT else f"{left}{gap}{first}" if first else left
    return (head + "".join(gap + line for line in rest)).rstrip()


def _text(value: Any) -> str:
    """A value as it is typed."""
    return value if isinstance(value, str) else json.dumps(value, default=str).replace('"', "")


def _values(group: str) -> str:
    names = sorted(f.name[:-5] for f in files("ghn.app.conf").joinpath(group).iterdir() if f.name.endswith(".yaml"))
    return " | ".join(name for name in names if name != "none")


def _must_be_given(overrides: Sequence[str]) -> list[str]:
    """Keys without a default, which help is not to ask for."""
    typed = {one.partition("=")[0] for one in overrides}
    needed = {
        "space=function": ["space.target"],
        "task=image_folder": ["task.root"],
        "task=dataset": ["task.train"],
        "task=csv": ["task.path", "task.target"],
    }
    return [key for choice, keys in needed.items() if choice in overrides for key in keys if key not in typed]
