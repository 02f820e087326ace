"""One bank for every path of a space."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import torch
from shared_cases import SPACES, make_bank, one_hot

from ghn.errors import ConfigError, GraphError
from ghn.families.sharing.bank import Bank, BankConfig, key_of
from ghn.families.sharing.smash import SmashConfig
from ghn.graph import Interpreter, simplify
from ghn.spaces import DARTS, NASBench201

spaces = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


@spaces
def test_a_bank_has_the_weights_of_every_path_and_nothing_else(space: Any) -> None:
    bank, rng = make_bank(space), Random(0)
    used = {key_of(p) for _ in range(400) for p in space.network(space.sample(rng)).graph.params()}
    held = {name for name, _ in bank.named_parameters()}
    assert used <= held
    assert len(held - used) < 0.05 * len(held)  # 400 paths leave little out


@spaces
def test_paths_share_their_weights(space: Any) -> None:
    bank, rng = make_bank(space), Random(1)
    first, second = bank([space.network(space.sample(rng)).graph for _ in range(2)])
    for name in first.keys() & second.keys():
        assert (first[name] is second[name]) == (first[name].shape == second[name].shape)


@spaces
def test_a_mixture_with_all_weight_on_one_option_equals_its_path(space: Any) -> None:
    bank, rng = make_bank(space).double(), Random(2)
    supergraph, choice_of = space.supergraph()
    module, x = Interpreter(supergraph), torch.randn(6, *supergraph.input_shape, dtype=torch.float64)
    for _ in range(4):
        arch = space.sample(rng)
        hot = one_hot(space, space.to_choices(arch))
        weights = {**bank([supergraph])[0], **{n: hot[c].double() for n, c in choice_of.items()}}
        path = space.network(arch).graph  # whole: `simplify` drops the constants that normalisations make of zeros
        mixed, single = module.run(weights, x).output, Interpreter(path).run(bank([path])[0], x).output
        torch.testing.assert_close(mixed, single, rtol=1e-9, atol=1e-9)


@spaces
def test_a_supergraph_of_one_option_each_equals_its_path_too(space: Any) -> None:
    bank, arch = make_bank(space).double(), space.sample(Random(3))
    x = torch.randn(6, 3, 8, 8, dtype=torch.float64)
    one_each = [(option,) for option in space.to_choices(arch)]
    graphs = [simplify(g) for g in (space.supergraph(one_each, mixed=False).graph, space.network(arch).graph)]
    out = [Interpreter(g).run(w, x).output for g, w in zip(graphs, bank(graphs), strict=True)]
    torch.testing.assert_close(out[0], out[1], rtol=1e-9, atol=1e-9)


def test_convolutions_of_one_name_and_two_shapes_lie_side_by_side() -> None:
    bank, space = make_bank(), SPACES["nasbench201"]
    for kernel, op in ((1, "nor_conv_1x1"), (3, "nor_conv_3x3")):
        weights = bank([space.network((op,) * 6).graph])[0]
        assert weights["stage0/cell0/0-1/conv/weight"].shape[-1] == kernel
    held = [name for name, _ in bank.named_parameters() if name.startswith("stage0/cell0/0-1/conv/weight")]
    assert held == ["stage0/cell0/0-1/conv/weight:4x4x1x1", "stage0/cell0/0-1/conv/weight:4x4x3x3"]


def test_a_path_outside_the_bank_says_what_is_missing() -> None:
    bank, cell = make_bank(), ("nor_conv_3x3",) * 6
    with pytest.raises(GraphError, match=r"no weights for stage0/cell1/0-1/conv/weight\n") as error:
        bank([NASBench201((3, 8, 8), 4, width=4, depth=2).network(cell).graph])
    assert "train a bank" in str(error.value)
    with pytest.raises(GraphError, match=r"stem/conv/weight of this shape(?s:.*)got: +8x3x3x3(?s:.*)4x3x3x3"):
        bank([NASBench201((3, 8, 8), 4, width=8, depth=1).network(cell).graph])
    other = SPACES["darts"]
    with pytest.raises(GraphError, match="no weights for stem/conv/weight of this shape"):
        bank([other.network(other.sample(Random(0))).graph])


def test_skeletons_are_covered_when_asked_for() -> None:
    bank = make_bank(skeletons=[{"depth": 2}])
    deep = NASBench201((3, 8, 8), 4, width=4, depth=2).network(("nor_conv_3x3",) * 6).graph
    shallow = SPACES["nasbench201"].network(("nor_conv_3x3",) * 6).graph
    made, small = bank([deep, shallow])
    assert made.keys() == {p.name for p in deep.params()}
    assert small["stem/conv/weight"] is made["stem/conv/weight"]


def test_initial_weights_depend_on_the_seed_alone() -> None:
    space = SPACES["darts"]
    a, b, c = (make_bank(space, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(a[k], b[k]) for k in a) and not all(torch.equal(a[k], c[k]) for k in a)


def test_what_cannot_be_shared_is_refused() -> None:
    class Opaque:
        name = "opaque"

    config = BankConfig("oneshot", 4)
    with pytest.raises(ConfigError, match=r"opaque has no network in which all options(?s:.*)Choices"):
        Bank(config, Opaque())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="unknown way to share weights"):
        BankConfig("twoshot", 4)


def test_decisions_lead_to_every_member_and_back() -> None:
    rng = Random(4)
    for space in (*SPACES.values(), DARTS((1, 16, 16), 3, width=3, depth=6)):
        for _ in range(30):
            chosen: list[int] = []
            for choice in space.choices():
                allowed = list(space.allowed(chosen))
                assert allowed and max(allowed) < len(choice.options)
                chosen.append(rng.choice(allowed))
            assert space.to_choices(space.from_choices(chosen)) == tuple(chosen)
            arch = space.sample(rng)
            assert space.from_choices(space.to_choices(arch)) == arch


def test_a_card_of_skeletons_without_end_is_refused() -> None:
    """Each would have its supergraph built before anything is compared with the tensors."""
    for config in (BankConfig, SmashConfig):
        with pytest.raises(ConfigError, match="too many skeletons"):
            config(method="smash", classes=4, skeletons=[{"depth": 1}] * 1000)
