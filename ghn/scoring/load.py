"""Opens checkpoints: from a file on disk to a model that scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from ghn.assets import asset, here_or_shipped
from ghn.errors import CheckpointError, meant
from ghn.nets.ghn import GHN, GHNConfig
from ghn.nets.net import KINDS, make_fitting, make_net, not_finite
from ghn.reading import is_folder, there_is
from ghn.scoring.card import check_card, check_outputs
from ghn.scoring.model import Model
from ghn.spaces import CHECKPOINTS, DEFAULT_CHECKPOINT, SPACES, describe_space, make_space
from ghn.train.checkpoint import fit_tensors, load_tensors
from ghn.train.runtime import make_runtime
from ghn.types import Space

CHECKPOINT = "checkpoint.safetensors"  # what a training leaves in its folder
SHIPPED = DEFAULT_CHECKPOINT


class ForeignSpaceError(CheckpointError):
    """A checkpoint is of a space of its user's own, which was not given, or is another now."""


def load(
    path: Path | str | Sequence[Path | str] | None = None,
    *,
    device: str = "auto",
    precision: str = "float32",
    fabric: Fabric | None = None,
    space: Space[Any] | None = None,
) -> Model:
    """Loads a hypernetwork or a bank of shared weights; without a path, the one that is shipped.

    Args:
        path: of a checkpoint, or the name of a space that one is shipped for, such as `deepnets`; or several trainings
            of one recipe, of which `rank` reads all and everything else the first.
        device: `auto`, `cpu`, `cuda` or `mps`.
        precision: `float32`, `tf32` or `bf16`.
        fabric: a runtime instead of `device` and `precision`.
        space: must be the checkpoint's, when given; must be given where that is a user's own, as a file never chooses
            what is imported.

    Raises:
        CheckpointError: missing, damaged, foreign, or made for another space.
    """
    path = "shipped" if path is None else path
    fabric = fabric or make_runtime(device, precision)
    paths = [path] if isinstance(path, (str, Path)) else path
    if not isinstance(paths, Sequence) or not paths or not all(isinstance(one, (str, Path)) for one in paths):
        fix = f"give one, or the name of a space: {' | '.join(CHECKPOINTS)}"
        raise CheckpointError("no path of a checkpoint", got=repr(path), expected="a path, or a list of them", fix=fix)
    first, *others = paths
    companions = [_load(find_checkpoint(other), fabric, space) for other in others]
    return _load(find_checkpoint(first), fabric, space, companions)


def find_checkpoint(name: Path | str) -> Path:
    """The file of a checkpoint: a path, `shipped`, or the name of a space that one is shipped for.

    A file that is there is meant before anything that is shipped, and the shipped one where nothing is there.

    Raises:
        CheckpointError: there is neither, and one of these names is near.
    """
    if not there_is(name) and (known := {"shipped": SHIPPED, **CHECKPOINTS}.get(str(name))):
        return asset(known)
    if is_folder(name) and there_is(inside := Path(name) / CHECKPOINT):  # that of a training
        return inside
    if not there_is(path := here_or_shipped(name)) and (fix := meant(str(name), ["shipped", *CHECKPOINTS])):
        expected = f"a .safetensors file, or what is shipped for a space: {' | '.join(CHECKPOINTS)}"
        raise CheckpointError("no checkpoint here", got=str(name), expected=expected, fix=fix)
    return path


def load_start(path: Path | str) -> tuple[GHN, dict[str, Any]]:
    """Loads a hypernetwork of any space and classes, to train another from, and the whole header of its checkpoint.

    Args:
        path: of its checkpoint, `shipped`, or the name of a space that one is shipped for.

    Raises:
        CheckpointError: missing, damaged, or no hypernetwork.
    """
    path = find_checkpoint(path)
    tensors, header = _weights(path, GHN.kind)
    with _usable(path):
        config = header["card"]["config"]
        net = make_fitting(lambda: GHN(GHNConfig(**config)), GHN.repeated, config, tensors)
    fit_tensors(net, tensors, path)
    return net, header


def _load(path: Path, fabric: Fabric, space: Space[Any] | None, companions: Sequence[Model] = ()) -> Model:
    tensors, header = _weights(path, *KINDS)
    card = header["card"]
    with _usable(path):
        check_card(card)
        own = _space_of(card["space"], space, path)
        net = make_net(header["kind"], card["config"], own, tensors)
        check_outputs(card, net.config.classes)
    if space is not None and describe_space(space) != describe_space(own):
        raise CheckpointError(
            f"{path} was made for another space",
            got=repr(own),
            expected=repr(space),
            fix="choose its space (space=..., space.width=..., space.depth=...), or train one for this space",
        )
    fit_tensors(net, tensors, path)
    return Model(net, own, {**card, "versions": header["versions"]}, fabric, header["digest"], companions)


def _weights(path: Path, *kinds: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights of a file, and its header; what is stored in half precision is computed with in single.

    Raises:
        CheckpointError: as `load_tensors`, or weights of a training that diverged.
    """
    tensors, header = load_tensors(path, *kinds)
    if wrong := not_finite(tensors):
        fix = "take an earlier checkpoint, or train it again"
        raise CheckpointError(f"{path}: its weights are not finite", got=wrong[:5], fix=fix)
    return {k: v.float() if v.dtype == torch.float16 else v for k, v in tensors.items()}, header


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    """Says of anything that is wrong with a card which file it is in; a foreign space is another matter."""
    try:
        yield
    except ForeignSpaceError:
        raise
    except Exception as error:  # cards are wrong in dozens of ways
        raise CheckpointError(f"{path}: its card cannot be used", got=repr(error), fix="train it again") from error


def _space_of(described: Mapping[str, Any], given: Space[Any] | None, path: Path) -> Space[Any]:
    """The space of a checkpoint: made from its settings, or, where it is a user's own, the one given if it is that."""
    if described["name"] in SPACES or "target" not in described:
        return make_space(**described)
    if given is None:
        raise ForeignSpaceError(
            f"{path} was made for a space of its user's own",
            got=described["target"],
            expected="that space: a checkpoint does not choose what is imported",
            fix="give it: ghn.load(path, space=FunctionSpace(build, ...)); on the command line space=function "
            f"space.target={described['target']}",
        )
    mine = describe_space(given)
    if mine == described:
        return given
    changed = {key for key in {*mine, *described} if mine.get(key) != described.get(key)}
    if changed == {"source"}:
        what = f"{path} was made with another version of the source of {described['target']}"
        fix = "go back to the version that it was trained with, or train it again with this one"
    else:
        if mine["name"] != described["name"]:
            changed = {"name"}
        what = f"{path} was made for another space: {', '.join(sorted(changed))} differ"
        fix = f"give the space that it was trained on, {described['target']}, and its task; or train one for this space"
    raise ForeignSpaceError(
        what, got={k: described.get(k) for k in changed}, expected={k: mine.get(k) for k in changed}, fix=fix
    )
