"""What every `Space` must do."""

from __future__ import annotations

import json
from itertools import islice
from random import Random
from typing import Any

import pytest
import torch
from random_graphs import random_weights

from ghn.errors import ArchitectureError
from ghn.graph import Interpreter, canonical_hash, function_key, simplify
from ghn.spaces import ModuleSpace, make_space
from ghn.spaces.choices import Choices, Decisions
from ghn.types import Changeable, Listed, Space


def drawn(space: Space[Any], n: int = 8, seed: int = 0) -> list[Any]:
    """Some members."""
    rng = Random(seed)
    return [space.sample(rng) for _ in range(n)]


def is_a_space(space: Space[Any]) -> None:
    assert isinstance(space, Space)
    assert space.name


def sampling_depends_on_the_seed_alone(space: Space[Any]) -> None:
    assert drawn(space) == drawn(space)
    assert drawn(space) != drawn(space, seed=1)
    assert len(set(drawn(space, 30))) > 10


def members_are_hashable_and_jsonable(space: Space[Any]) -> None:
    def tuples(value: Any) -> Any:
        return tuple(map(tuples, value)) if isinstance(value, list) else value

    for arch in drawn(space):
        assert tuples(json.loads(json.dumps(arch))) == arch
        assert {arch: 1}[arch] == 1


def official_strings_round_trip(space: Space[Any]) -> None:
    for arch in drawn(space, 30):
        assert space.parse(space.format(arch)) == arch
        assert space.format(space.parse(space.format(arch))) == space.format(arch)


def what_is_not_a_member_is_refused(space: Space[Any]) -> None:
    for text in ("", "nonsense", space.format(drawn(space)[0])[1:]):
        with pytest.raises(ArchitectureError):
            space.parse(text)
    for thing in (None, (), ("nonsense",), 3):
        for use in (space.network, space.format, space.canonical, lambda a: list(space.neighbours(a))):
            with pytest.raises(ArchitectureError):
                use(thing)


def neighbours_are_other_members_and_mutual(space: Space[Any]) -> None:
    arch = drawn(space)[0]
    around = list(space.neighbours(arch))
    assert around
    assert len(set(around)) == len(around)
    assert arch not in around
    for other in islice(around, 0, None, max(1, len(around) // 5)):
        # of decisions that come and go with others, those that went are not found again
        assert arch in list(space.neighbours(other)) or _decisions(arch) != _decisions(other)
        space.network(other)


def _decisions(arch: Any) -> list[Any]:
    """Names of the decisions of a member that is made of some."""
    return [part[0] for part in arch if isinstance(part, tuple)]


def lowering_is_deterministic_and_runs(space: Space[Any]) -> None:
    for arch in drawn(space, 3):
        graph = space.network(arch).graph
        assert space.network(arch).graph == graph
        x = torch.randn(2, *graph.input_shape, dtype=torch.float64)
        for g in (graph, simplify(graph)):
            logits = Interpreter(g).run(random_weights(g), x).output
            assert logits.shape == (2, *graph.output_shape)
            assert logits.isfinite().all()


def a_role_has_one_name(space: Space[Any]) -> None:
    """What two members call the same is of one kind and, but for the kernel, one shape: banks rest on it.

    In a space without a supergraph they rest on name and shape.
    """
    roles: dict[Any, Any] = {}
    for arch in drawn(space, 20):
        for p in space.network(arch).graph.params():
            role = p.kind, p.shape[:2], len(p.shape)
            key = (
                p.name if isinstance(space, Choices) or not isinstance(space, Decisions | Listed) else (p.name, p.shape)
            )
            assert roles.setdefault(key, role) == role


def canonical_keys_agree_with_the_graphs(space: Space[Any]) -> None:
    archs = drawn(space, 60) + list(space.neighbours(drawn(space)[0]))
    keys = {(space.canonical(a), function_key(simplify(space.network(a).graph))) for a in archs}
    assert len(keys) == len({a for a, _ in keys}) == len({b for _, b in keys})
    hashes: dict[str, Any] = {}
    for arch in archs:  # the same network is the same function
        assert hashes.setdefault(canonical_hash(space.network(arch).graph), space.canonical(arch)) == space.canonical(
            arch
        )


def settings_make_an_equal_space(space: Space[Any]) -> None:
    settings = json.loads(json.dumps(space.describe()))
    if isinstance(space, Changeable):
        again = space.with_settings({})
        assert again == space and hash(again) == hash(space) and repr(again) == repr(space) and again is not space
        return
    if isinstance(space, ModuleSpace):  # the modules are no settings
        return
    again = type(space)(**settings)
    assert again == space
    assert hash(again) == hash(space)
    assert repr(again) == repr(space)
    assert make_space(space.name, **settings) == space


def listed_functions_are_one_each(space: Space[Any]) -> None:
    if not hasattr(space, "distinct"):
        pytest.skip("the space cannot list its functions")
    members = space.distinct()
    assert len({space.canonical(a) for a in members}) == len(members)
    assert {space.canonical(a) for a in drawn(space, 50)} <= {space.canonical(a) for a in members}


SPACE_CHECKS = (
    is_a_space,
    sampling_depends_on_the_seed_alone,
    members_are_hashable_and_jsonable,
    official_strings_round_trip,
    what_is_not_a_member_is_refused,
    neighbours_are_other_members_and_mutual,
    lowering_is_deterministic_and_runs,
    a_role_has_one_name,
    canonical_keys_agree_with_the_graphs,
    settings_make_an_equal_space,
    listed_functions_are_one_each,
)


def check_space(space: Space[Any]) -> None:
    """Runs the whole suite."""
    for check in SPACE_CHECKS:
        check(space)
