"""What a finished training has trained: its steps are drawn again, or read where a controller drew them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ghn.errors import CheckpointError, ConfigError, DataError
from ghn.families.sharing.paths import OneShotConfig, one_shot_paths
from ghn.families.surrogates.inputs import Cellular
from ghn.spaces.choices import Choices
from ghn.train.loop import DRAWN, read_lines
from ghn.train.meta import ArchitectureSampler, MetaConfig, PathSampler

Bools = NDArray[np.bool_]


def replay(folder: Path | str, method: str, card: Mapping[str, Any], space: Choices[Any]) -> Bools:
    """Tells of each network that a training ran which options of each choice it trained.

    A single architecture trains its live options alone: those of edges on no way from input to output get no gradient,
    and count as `none`. In a supergraph (path dropout) all that were kept count, and `none` always does, since it adds
    nothing.

    Args:
        folder: of the run.
        method: how its weights come about: `ghn`, or a way in which banks are trained.
        card: of its checkpoint.
        space: of the run.

    Returns:
        Booleans [networks, choices, options], in the order of training; choices with fewer options are padded.

    Raises:
        ConfigError: a method that trains the whole supergraph at each step.
        CheckpointError: the card does not say how it was trained.
        DataError: what a controller drew was not kept, or not all of it.
    """
    if method == "darts":
        raise ConfigError(
            "DARTS trains every operation at every step, so no region of the space is trained more often",
            got=str(folder),
            fix="leave this run out",
        )
    try:
        trainer, steps = MetaConfig(**card["trainer"]), int(card["step"])
        how = {k: v for k, v in card.get("weights", {}).items() if k != "method"} if method == "oneshot" else {}
        config = OneShotConfig(**how)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"the card of the checkpoint in {folder} does not say how it was trained",
            got=repr(error),
            fix="train it with this version",
        ) from None
    sizes = [len(choice.options) for choice in space.choices()]
    if method == "enas":
        return _from_log(Path(folder), steps, trainer.architectures, space, sizes)
    paths: PathSampler = (
        one_shot_paths(config, space, trainer)
        if method == "oneshot"
        else ArchitectureSampler(space, trainer.sampling, trainer.seed)
    )
    if isinstance(paths, ArchitectureSampler):
        return _marked([arch for k in range(steps) for arch in paths(k, trainer.architectures)], space, sizes)
    out = np.zeros((steps * trainer.architectures, len(sizes), max(sizes)), dtype=bool)
    for t, kept in enumerate(one for k in range(steps) for one in paths(k, trainer.architectures)):
        for c, own in enumerate(kept):
            out[t, c, list(own)] = True
    out[:, range(len(sizes)), nothing(space)] = True
    return out


def live_options(space: Choices[Any], arch: Any) -> tuple[int, ...]:
    """The option of each choice of a member; `none` where an edge is on no way from input to output.

    In spaces that cannot tell (without `cell`), and in the DARTS space, whose nodes all lead to the output, every edge
    is taken for live.
    """
    if not isinstance(space, Cellular):
        return space.to_choices(arch)
    return tuple(c.options.index(op) for c, op in zip(space.choices(), space.cell(arch).ops, strict=True))


def nothing(space: Choices[Any]) -> list[int]:
    """The option `none` of each choice.

    Raises:
        ConfigError: a choice has none.
    """
    choices = space.choices()
    if lacking := [choice.name for choice in choices if "none" not in choice.options]:
        raise ConfigError(f"space {space.name} has choices that cannot be left out", got=lacking)
    return [choice.options.index("none") for choice in choices]


def _marked(archs: list[Any], space: Choices[Any], sizes: list[int]) -> Bools:
    """Members as booleans, their live options marked."""
    live = cache(partial(live_options, space))  # many are drawn again and again
    out = np.zeros((len(archs), len(sizes), max(sizes)), dtype=bool)
    options = np.array([live(arch) for arch in archs])
    np.put_along_axis(out, options[:, :, None], True, axis=2)
    return out


def _from_log(folder: Path, steps: int, architectures: int, space: Choices[Any], sizes: list[int]) -> Bools:
    path = folder / DRAWN
    if not path.is_file():
        raise DataError(
            "this run has not kept which architectures its controller drew",
            got=f"no {DRAWN} in {folder}",
            fix="train it with this version: python train_ghn.py weights=enas",
        )
    lines = read_lines(path)
    drawn = [line.get("options") for line in lines]
    whole = [line["step"] for line in lines] == list(range(1, steps + 1))
    if not whole or not all(isinstance(one, list) and len(one) == architectures for one in drawn):
        raise DataError(
            f"{path} does not hold what each step drew",
            got=f"{len(lines)} steps",
            expected=f"{architectures} architectures of each of {steps} steps",
        )
    members = []
    for options in (one for own in drawn for one in own):  # type: ignore[union-attr]
        fits = isinstance(options, list) and len(options) == len(sizes)
        if not fits or not all(type(o) is int and 0 <= o < size for o, size in zip(options, sizes, strict=True)):
            raise DataError(f"{path} holds what is no choice of this space", got=options, expected=f"below {sizes}")
        members.append(space.from_choices(options))
    return _marked(members, space, sizes)
