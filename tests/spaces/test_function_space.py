"""Spaces from functions: what is asked, what is remembered, and what is refused."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
import torch
from function_spaces import SHAPE, chain, cnn, tiny
from torch import nn

from ghn.errors import ArchitectureError, ConfigError, GraphError
from ghn.graph import Interpreter, canonical_hash, function_key
from ghn.spaces import FunctionSpace, changed_space
from ghn.spaces.function import LISTED, ListedFunctionSpace
from ghn.types import Finite


@pytest.fixture
def space() -> FunctionSpace:
    return FunctionSpace(cnn, SHAPE, 4)


def test_members_are_the_choices_in_the_order_asked(space: FunctionSpace) -> None:
    arch = space.parse('{"depth": 1, "width": 8, "kernel0": 3, "act": "gelu"}')
    assert arch == (("width", 8), ("act", "gelu"), ("depth", 1), ("kernel0", 3))
    assert json.loads(space.format(arch)) == {"width": 8, "act": "gelu", "depth": 1, "kernel0": 3}


def test_what_was_asked_once_needs_no_build() -> None:
    built = []

    def counted(choose: Any) -> nn.Module:
        built.append(choose)
        return tiny(choose)

    space = FunctionSpace(counted, SHAPE, 4)
    before = len(built)
    rng = Random(0)
    for _ in range(20):
        arch = space.sample(rng)
        assert len(list(space.neighbours(arch))) == 3
        assert space.parse(space.format(arch)) == arch
    assert len(built) == before


def test_neighbours_keep_later_choices_where_they_are_asked_alike(space: FunctionSpace) -> None:
    arch = space.parse('{"width": 4, "act": "relu", "depth": 2, "kernel0": 3, "kernel1": 3}')
    around = list(space.neighbours(arch))
    assert (("width", 4), ("act", "relu"), ("depth", 1), ("kernel0", 3)) in around  # one question fewer
    assert (("width", 4), ("act", "relu"), ("depth", 3), ("kernel0", 3), ("kernel1", 3), ("kernel2", 1)) in around
    assert (("width", 8), *arch[1:]) in around
    assert len(set(around)) == len(around) == 1 + 1 + 2 + 1 + 1


def test_every_member_is_grown_in_one_way() -> None:
    space = FunctionSpace(cnn, SHAPE, 4)
    (first, *_), found = list(space.simplest()), list[Any]()
    todo = [first]
    while todo:
        found.append(arch := todo.pop())
        todo += space.expand(arch)
    assert len(found) == len(set(found)) and set(found) == set(space.members())  # type: ignore[attr-defined]
    assert len(list(space.simplest())) == 1 + 5


def test_draws_do_not_depend_on_what_was_asked_before(space: FunctionSpace) -> None:
    other = FunctionSpace(cnn, SHAPE, 4)
    [other.sample(Random(seed)) for seed in range(50)]
    assert [space.sample(Random(seed)) for seed in range(100, 110)] == [
        other.sample(Random(seed)) for seed in range(100, 110)
    ]


def test_only_small_spaces_are_listed(space: FunctionSpace) -> None:
    small, large = FunctionSpace(tiny, SHAPE, 4), FunctionSpace(chain(9), SHAPE, 4)
    assert isinstance(small, Finite) and isinstance(small, ListedFunctionSpace)
    assert (
        len(small.members()) == len(set(small.members())) == 6 and len(small.distinct()) == 5
    )  # kernel=1 is one, skip or not
    assert isinstance(space, Finite) and len(space.members()) == 2 * 2 * (2 + 4 + 8) <= LISTED
    assert not isinstance(large, Finite)


def test_known_operations_are_run_as_a_graph_and_others_as_the_module(space: FunctionSpace) -> None:
    network = space.network(space.sample(Random(1)))
    assert isinstance(network.program, Interpreter)

    class Sorted(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.sort(dim=1).values

    def odd(choose: Any) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(192, choose("width", [2, 3])), Sorted(), nn.LazyLinear(4))

    def unusual(choose: Any) -> nn.Module:
        width = choose("width", [2, 3])
        return nn.Sequential(nn.Flatten(), nn.Linear(192, width), Sorted(), nn.Linear(width, choose.classes))

    seen = FunctionSpace(unusual, SHAPE, 4).network((("width", 3),))
    assert not isinstance(seen.program, Interpreter)
    own = seen.complete({})
    assert seen.program.run(own, torch.randn(5, *SHAPE)).output.shape == (5, 4)
    with pytest.raises(GraphError):  # a lazy layer has no parameters to see
        FunctionSpace(odd, SHAPE, 4).network((("width", 3),))


def test_what_a_graph_does_not_hold_is_not_kept_on_disk() -> None:
    class Shifted(nn.Module):
        def __init__(self, by: float) -> None:
            super().__init__()
            self.register_buffer("by", torch.full((192,), by))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.by

    def shifted(choose: Any) -> nn.Module:
        return nn.Sequential(nn.Flatten(), Shifted(choose("by", [1.0, 2.0])), nn.Linear(192, 4))

    space = FunctionSpace(shifted, SHAPE, 4)
    networks = [space.network(arch) for arch in space.members()]  # type: ignore[attr-defined]
    assert all(isinstance(network.program, Interpreter) for network in networks)
    own, images = networks[0].complete({}), torch.randn(2, *SHAPE)
    first, second = (network.program.run(own, images).output for network in networks)
    keys = {space.canonical(arch) for arch in space.members()}  # type: ignore[attr-defined]
    assert len(keys) == len({canonical_hash(network.graph) for network in networks}) == 2
    assert not torch.equal(first, second) and not space._captures.folder.exists()  # type: ignore[union-attr]


class TwoInputs(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.image, self.table = nn.Linear(192, width), nn.Linear(5, width)
        self.head = nn.Linear(width, 4)

    def forward(self, table: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head((self.image(image.flatten(1)) + self.table(table)).relu())
        return out


def test_several_inputs_by_name() -> None:
    space = FunctionSpace(lambda choose: TwoInputs(choose("width", [2, 3])), {"image": SHAPE, "table": (5,)}, 4)
    network = space.network((("width", 3),))
    given = {"table": torch.randn(6, 5), "image": torch.randn(6, *SHAPE)}
    assert network.program.run(network.complete({}), given).output.shape == (6, 4)
    assert space.network((("width", 3),)) is network


def test_graphs_are_kept_on_disk_and_damaged_ones_made_again(space: FunctionSpace, monkeypatch: Any) -> None:
    arch = space.sample(Random(3))
    graph = space.network(arch).graph
    (kept,) = [f for f in space._captures.folder.iterdir() if json.loads(f.read_text())["name"] == space.format(arch)]
    again = FunctionSpace(cnn, SHAPE, 4)
    with monkeypatch.context() as patched:
        patched.setattr("ghn.spaces.captures.capture", None)
        network = again.network(arch)
    assert network.graph == graph
    images = torch.randn(3, *SHAPE)
    first, second = (n.program.run(n.complete({}), images).output for n in (space.network(arch), network))
    assert torch.equal(first, second)
    kept.write_text('{"name": "?"}')
    assert FunctionSpace(cnn, SHAPE, 4).network(arch).graph == graph


def test_canonical_keys_are_those_of_live_graphs(space: FunctionSpace) -> None:
    arch = space.sample(Random(5))
    assert space.canonical(arch) == function_key(space.network(arch).live().graph)


def test_settings_are_arguments_of_build() -> None:
    space = FunctionSpace(sized, SHAPE, 4, width=3)
    (head,) = [p for p in space.network(space.sample(Random(0))).graph.params() if p.shape == (4, 3)]
    wider = changed_space(space, {"width": 7, "input_shape": (3, 4, 4)})
    assert wider.network(space.sample(Random(0))).graph.input_shape == (3, 4, 4) and head
    assert any(p.shape == (4, 7) for p in wider.network(space.sample(Random(0))).graph.params())
    assert wider != space and changed_space(wider, {"width": 3, "input_shape": SHAPE}) == space
    with pytest.raises(ConfigError, match="no setting 'depth'"):
        changed_space(space, {"depth": 1})


def sized(choose: Any, width: int) -> nn.Module:
    bias = choose("bias", [True, False])
    return nn.Sequential(nn.Conv2d(3, width, 1, bias=bias), nn.Flatten(2), Mean(), nn.Linear(width, choose.classes))


class Mean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(2)


def test_features_have_one_name_each(space: FunctionSpace) -> None:
    rng = Random(0)
    encoded = [space.encode(space.sample(rng)) for _ in range(10)]
    assert all(one.keys() == encoded[0].keys() for one in encoded)
    one = space.encode(space.parse('{"width": 8, "act": "gelu", "depth": 1, "kernel0": 3}'))
    assert (one["width"], one["act=gelu"], one["act=relu"], one["kernel0"]) == (8, 1, 0, 3)
    assert (one["kernel1"], one["kernel1?"]) == (0, 0)


def test_it_is_a_sequence_of_decisions(space: FunctionSpace) -> None:
    rng = Random(0)
    for _ in range(20):
        arch = space.sample(rng)
        chosen = space.to_choices(arch)
        assert len(chosen) == len(space.choices()) and space.from_choices(chosen) == arch
        assert all(option in space.allowed(chosen[:i]) for i, option in enumerate(chosen))


def test_spaces_can_be_sent_to_other_processes(space: FunctionSpace) -> None:
    again = pickle.loads(pickle.dumps(space))
    assert again == space and isinstance(again, Finite) and again.sample(Random(1)) == space.sample(Random(1))


def twice(choose: Any) -> nn.Module:
    choose("width", [1, 2])
    return nn.Linear(choose("width", [1, 2]), 2)


def failing(choose: Any) -> nn.Module:
    if choose("width", [1, 2]) == 2:
        raise ZeroDivisionError("no such width")
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 4))


REFUSED: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "two of one name": (twice, ConfigError, "two choices of the name 'width'"),
    "no options": (lambda choose: choose("width", []), ConfigError, "'width' has no options"),
    "an empty range": (lambda choose: choose.int("depth", 3, 1), ConfigError, "'depth' has no options"),
    "a string for a list": (lambda choose: choose("width", "ab"), ConfigError, "'width' has no options"),
    "an option twice": (lambda choose: choose("width", [1, 1]), ConfigError, "'width' has an option twice"),
    "a function": (lambda choose: choose("act", [nn.ReLU]), ConfigError, "(?s)'act' is of another type.*names"),
    "failing": (lambda choose: failing(lambda *_: 2), GraphError, "(?s)build fails for.*no such width"),
    "no name": (lambda choose: choose("", [1]), ConfigError, "needs a name"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_asked_is_refused_with_its_name(name: str) -> None:
    build, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        FunctionSpace(build, SHAPE, 4)


def test_what_builds_another_thing_is_refused() -> None:
    with pytest.raises(GraphError, match=r"(?s)gives no module for width=1.*NoneType"):
        FunctionSpace(lambda choose: choose("width", [1, 2]) and None, SHAPE).network((("width", 1),))
    wrong = FunctionSpace(lambda c: nn.Sequential(nn.Flatten(), nn.Linear(192, c("width", [2, 4]))), SHAPE, 4)
    for _ in range(2):  # also where it is remembered
        with pytest.raises(GraphError, match=r"(?s)width=2 does not fit the task.*\(2,\)"):
            wrong.network((("width", 2),))
    wrong = FunctionSpace(lambda c: nn.Sequential(nn.Flatten(), nn.Linear(c("width", [2, 4]), 4)), SHAPE, 4)
    with pytest.raises(GraphError, match="module '1' of Sequential cannot be captured"):
        wrong.network((("width", 2),))


def test_a_member_that_cannot_be_built_is_a_failure_of_its_own() -> None:
    space = FunctionSpace(failing, SHAPE, 4)
    good, bad = space.parse('{"width": 1}'), space.parse('{"width": 2}')
    with pytest.raises(GraphError, match=r"(?s)build fails for width=2.*no such width"):
        space.network(bad)
    assert space.canonical(bad) != space.canonical(good) and space.neighbours(bad)
    assert space.distinct() == [good]  # type: ignore[attr-defined]


def test_a_build_that_asks_differently_is_refused() -> None:
    count = iter(range(1000))

    def unsteady(choose: Any) -> nn.Module:
        return nn.Linear(choose(f"width{next(count) % 7}", [1, 2]), 2)

    with pytest.raises(ConfigError, match=r"asks differently each time: for 'width\d' "):
        FunctionSpace(unsteady, SHAPE, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"width": 5, "act": "relu", "depth": 1, "kernel0": 3}', r"(?s)'width'.*5.*\[4, 8\]"),
        ('{"width": 4, "depth": 1, "kernel0": 3}', "'act' is missing"),
        ('{"width": 4, "act": "relu", "depth": 1, "kernel0": 3, "kernel1": 3}', "no choice 'kernel1'"),
        ('{"width": true, "act": "relu", "depth": 1, "kernel0": 3}', "'width'"),
        ("[1]", "not the choices"),
    ],
)
def test_values_that_are_no_options_are_named(space: FunctionSpace, text: str, message: str) -> None:
    with pytest.raises(ArchitectureError, match=message):
        space.parse(text)


def test_a_build_that_needs_values_is_asked_on_the_cpu() -> None:
    def needy(choose: Any) -> nn.Module:
        width = int(torch.tensor([4.0]).sum().item()) + choose("more", [0, 1])
        return nn.Sequential(nn.Flatten(), nn.Linear(192, width), nn.Linear(width, 4))

    space = FunctionSpace(needy, SHAPE, 4)
    assert space.network((("more", 1),)).graph.output_shape == (4,)
