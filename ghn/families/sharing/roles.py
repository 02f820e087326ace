"""What a bank has to hold of a space: the parameters of its supergraph, or, where it has none, of its members.

Without a supergraph a parameter is held by its name and shape. All members are looked at where the space lists them,
and `SAMPLED` random ones of any other: these are what is trained. Another member may have a parameter that none of them
has; it cannot be scored, and says so.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any

from ghn.errors import ConfigError, GhnError
from ghn.graph.op import Param
from ghn.spaces import skeletons_of
from ghn.spaces.choices import Choices, role_of
from ghn.train.meta import PathSampler
from ghn.types import Listed, Space

SAMPLED = 500


def key_of(param: Param) -> str:
    """Where a bank keeps a parameter: by role, and by shape, as an edge's convolutions 1x1 and 3x3 may share a name.

    The normalisations behind such convolutions have one name and one shape, and so are one.
    """
    return f"{role_of(param.name)}:{'x'.join(map(str, param.shape))}"


def param_of(key: str, kind: str) -> Param:
    """The parameter that a bank keeps under a key."""
    name, _, sizes = key.rpartition(":")
    return Param(name, tuple(int(size) for size in sizes.split("x") if size), kind)


def roles_of(
    space: Space[Any], skeletons: Sequence[Mapping[str, Any]] = (), *, convolutions: bool = True
) -> dict[str, str]:
    """The kind of each parameter that a bank must hold, by its key, in a space without a supergraph; none in others.

    Weights of square 2-D convolutions are left out where `convolutions` is false: SMASH emits them.
    """
    if isinstance(space, Choices):
        return {}
    roles: dict[str, str] = {}
    for one in skeletons_of(space, skeletons):
        for arch in trained_members(one):
            graph = one.network(arch).graph
            for node, params in zip(graph.nodes, graph.node_params, strict=True):
                held = params if convolutions or not node.operation.convolves else params[1:]
                roles |= {key_of(param): param.kind for param in held}
    return roles


def trained_members(space: Space[Any]) -> list[Any]:
    """The members whose parameters a bank holds: of those looked at, all that have a network.

    Raises:
        ConfigError: none has.
    """
    rng = Random("members")
    looked_at = space.members() if isinstance(space, Listed) else [space.sample(rng) for _ in range(SAMPLED)]
    found, why = [], ""
    for arch in dict.fromkeys(looked_at):
        try:
            space.network(arch)
            found.append(arch)
        except GhnError as error:
            why = str(error)
    if not found:
        raise ConfigError(f"no member of space {space.name} has a network", got=why)
    return found


class MemberSampler(PathSampler):
    """Draws the architectures of a step from the members that a bank holds; with `distinct`, one of each function."""

    def __init__(self, space: Space[Any], seed: int, *, distinct: bool = False) -> None:
        self.space, self.seed, self.pool = space, seed, trained_members(space)
        if distinct:
            first: dict[Hashable, Any] = {}
            for arch in self.pool:
                first.setdefault(space.canonical(arch), arch)
            self.pool = list(first.values())

    def __call__(self, step: int, n: int) -> list[Any]:
        return Random(f"{self.seed}/{step}").choices(self.pool, k=n)


def holds(keys: Mapping[str, Any], space: Space[Any], arch: Any) -> bool:
    """Whether a member has a network whose parameters are all held."""
    with suppress(GhnError):
        return all(key_of(param) in keys for param in space.network(arch).graph.params())
    return False
