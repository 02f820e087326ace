"""`ghn info` and `ghn spaces`: what a checkpoint is, and which spaces there are, in plain words or as JSON."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

from ghn.app.cli import FAILED, answering
from ghn.app.commands import Command
from ghn.app.help import WIDTH
from ghn.app.program import NAME
from ghn.errors import ConfigError
from ghn.text import printable

INPUT = {"input_shape": (3, 16, 16), "classes": 10}  # of the images that are shipped
LEFT = 14  # columns of what is told
UNKNOWN = "not measured, so that rank needs 20 networks at once; the same training with population=300 resume=true does"
AGREED = {  # with what a hypernetwork's losses agree, and what to make of it
    "random weights": "of several trainings, keep the highest",
    "random weights as they were read before": "not to be compared with others, and no longer used by rank",
}


def tell(command: Command, given: Sequence[str], *, as_json: bool) -> None:
    """Prints what a command without settings was asked for."""
    with answering():
        names = _names(command, given)
    with answering(FAILED):
        content = info_of(names[0]) if names else {"spaces": spaces()}
        if as_json:
            from ghn.app.results import print_json

            print_json({"command": command.name, **content})
        else:
            print("\n".join(_told_of(content) if names else _table_of(content["spaces"])))


def _names(command: Command, given: Sequence[str]) -> list[str]:
    """The words behind a command, no more and no less than it takes.

    Raises:
        ConfigError: others.
    """
    wanted = 0 if command.word is None else 1
    if len(given) == wanted and not any(one.startswith("-") for one in given):
        return [one.removeprefix("space=").removeprefix("checkpoint=") for one in given]  # as other commands name it
    from ghn.spaces import CHECKPOINTS

    shipped = f"; of {', '.join(sorted(CHECKPOINTS))} one is shipped" if wanted else ""
    raise ConfigError(
        f"{NAME} {command.name} takes {'one checkpoint' if wanted else 'nothing'}",
        got=" ".join(given) or "nothing",
        expected=f"{NAME} {command.usage_line()}" + (f", a file or the name of a space{shipped}" if wanted else ""),
    )


def info_of(name: str) -> dict[str, Any]:
    """What a checkpoint says of itself, JSON-able; no tensor is read.

    Raises:
        CheckpointError: it is missing, damaged, or no checkpoint.
    """
    from ghn.nets.net import KINDS
    from ghn.scoring.load import find_checkpoint
    from ghn.scoring.ranker import usual_of
    from ghn.train.checkpoint import read_header

    path = find_checkpoint(name)
    header, shapes = read_header(path, *KINDS)
    card = header["card"]
    known = ("space", "task", "scoring_task", "config", "trainer", "step", "seconds", "device", "started_from")
    population = card.get("population") or {}
    agreement, (now, before) = population.get("agreement"), AGREED
    usual = usual_of(card) or {}
    against = now if usual else before
    return {
        "path": str(path),
        "bytes": path.stat().st_size,
        "kind": header["kind"],
        "method": card.get("config", {}).get("method", "ghn"),
        **{key: card.get(key) for key in known},
        "made_by": card.get("command"),
        "parameters": sum(map(prod, shapes.values())),
        "tensors": len(shapes),
        "agreement": agreement,
        "agreement_with": None if agreement is None else against,
        "votes": usual.get("votes") or None,
        "usual": bool(usual),
        "versions": header["versions"],
        "digest": header["digest"],
        "use": _uses(name, card, ordering=bool(usual)),
    }


def _uses(name: str, card: Mapping[str, Any], *, ordering: bool) -> list[str]:
    """How a checkpoint is used, on the command line and in Python: by `rank` where it knows what is usual."""
    space = card["space"]
    if "target" in space:
        chosen, given = f"space=function space.target={space['target']}", ", space=FunctionSpace(...)"
    else:
        chosen, given = f"space={space['name']}", ""
    if (scoring := card.get("scoring_task")) is None:  # which says what images there are by default
        chosen, given_images = f"{chosen} task=TASK", ", task=task"
    else:
        chosen, given_images = f"{chosen} task={scoring['name']}", ""
    method = card.get("config", {}).get("method", "ghn")
    estimator, call = "" if method == "ghn" else f" estimator={method}", "score"
    if ordering:
        estimator, call = " estimator=combined", "rank"
    score = f"{NAME} score FILE {chosen} checkpoint={shlex.quote(name)}{estimator}"
    return [score, f'model = ghn.load("{name}"{given}); model.{call}(architectures{given_images})']


def _told_of(content: Mapping[str, Any]) -> list[str]:
    """What a checkpoint is, in plain words: a row a fact."""
    task, scoring, space = content["task"], content["scoring_task"], content["space"]
    what = (
        "a graph hypernetwork" if content["method"] == "ghn" else f"weights that networks share ({content['method']})"
    )
    settings = ", ".join(f"{key} {_short(value)}" for key, value in space.items() if key not in ("name", "source"))
    agreement, against, steps = content["agreement"], content["agreement_with"], content["step"]
    votes = content["votes"]
    rows = {
        "space": f"{space['name']}: {settings}",
        "trained on": _task(task),
        "scores on": scoring["name"] if scoring else "images that you give: model.score(..., task=task)",
        "network": _network(content["config"]),
        "parameters": f"{content['parameters']:,} numbers in {content['tensors']} tensors",
        "training": "unknown"
        if steps is None
        else f"{steps:,} steps{_time(content['seconds'])}, on {content['device']}",
        "started from": _start(content["started_from"]),
        "agreement": None if agreement is None else f"{agreement:.3f}, Kendall's tau with {against}; {AGREED[against]}",
        "votes in rank": votes and ", ".join(f"{name} {vote:.2f}" for name, vote in votes.items()),
        "usual": UNKNOWN if content["method"] == "ghn" and not content["usual"] else None,
        "made by": content["made_by"] or None,
        "versions": ", ".join(f"{name} {number}" for name, number in content["versions"].items()),
        "file": f"{content['bytes'] / 2**20:.1f} MiB, digest {content['digest'][:12]}",
    }
    told = [f"  {key:{LEFT}}{printable(str(value))}" for key, value in rows.items() if value is not None]
    uses = [f"  {printable(one)}" for one in content["use"]]
    return [f"{printable(content['path'])}: {what}", "", *told, "", "how to use it:", *uses]


def _task(task: Mapping[str, Any]) -> str:
    """The data of a card, in words."""
    sizes = ", ".join(f"{number:,} {split}" for split, number in task.get("sizes", {}).items())
    shape = task.get("input_shape") or [task.get("channels"), *task.get("image_size", [])]
    outputs = task.get("classes") or task.get("output_shape")
    size = "x".join(map(str, shape))
    return f"{task.get('name')}: {size}, {outputs} classes" + (f"; {sizes}" if sizes else "")


def _network(config: Mapping[str, Any]) -> str:
    """What makes the weights, in words; of a bank all of its settings."""
    if "encoder" not in config:
        return _short(config)
    encoder, decoder = (f"{config['encoder']} encoder", f"{config['decoder']} decoder")
    return f"{encoder} of {config['layers']} layers of {config['hidden']}; {decoder} of {config['decoder_hidden']}"


def _short(value: Any) -> str:
    """A value of a card on one line; long lists by their length."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_short(one)}" for key, one in value.items() if one not in (None, {}, []))
    if isinstance(value, list) and len(value) > 4:
        return f"({len(value)} of them)"
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)


def _start(held: Mapping[str, Any] | None) -> str | None:
    """Which hypernetwork a training went on from, if one, and how long that one had taken."""
    return None if held is None else f"a hypernetwork of {held['space']['name']}, trained{_time(held.get('seconds'))}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 90:
        return f" in {seconds:.2g} seconds"
    return f" in {seconds / 3600:.1f} hours" if seconds >= 5400 else f" in {seconds / 60:.0f} minutes"


# --- spaces ---


def spaces() -> list[dict[str, Any]]:
    """Every space by name: what it is, how many networks it has, and what is shipped for it, JSON-able."""
    from ghn.assets import asset
    from ghn.errors import DataError
    from ghn.spaces import ABOUT, CHECKPOINTS, SPACES, make_space
    from ghn.types import Benchmarked

    found = []
    for name in SPACES:
        about, networks = ABOUT.get(name, ("", ""))
        space = make_space(name, **INPUT)
        words = list(space.benchmark().words) if isinstance(space, Benchmarked) else []
        try:
            path = str(asset(CHECKPOINTS[name])) if name in CHECKPOINTS else None
        except DataError:  # of an installation without it
            path = None
        found.append({"name": name, "about": about, "networks": networks, "checkpoint": path, "references": words})
    own = "a space of your own: a function that builds a module from choices (docs/add-a-space.md)"
    return [
        *found,
        {"name": "function", "about": own, "networks": "yours", "checkpoint": None, "references": []},
    ]


def _table_of(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """The spaces, a few lines each."""
    from textwrap import wrap

    lines = ["space=NAME", ""]
    for space in found:
        path, words = space["checkpoint"], space["references"]
        shipped = f"{Path(path).name}: {NAME} info {space['name']}" if path else None
        rows = {
            "networks": space["networks"],
            "hypernetwork": shipped or f"none is shipped: {NAME} train space={space['name']}",
            "references": f"references={'|'.join(words)}"
            if words
            else f"none are shipped: references=mine.csv, or {NAME} references",
        }
        if space["name"] == "function":
            rows = {"hypernetwork": f"{NAME} train space=function space.target=my_file:build"}
        about = wrap(space["about"], WIDTH - LEFT - 2, subsequent_indent=" " * LEFT)
        lines += [f"{space['name']:{LEFT}}" + "\n".join(about)]
        lines += [f"{'':{LEFT}}{key:14}{value}" for key, value in rows.items()]
    return lines
