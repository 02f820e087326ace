"""Architectures in the words of NASLib, NNI and the benchmarks: there and back, and refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from ghn.errors import ArchitectureError, DataError
from ghn.spaces.darts.space import DARTS
from ghn.spaces.nasbench101.space import NASBench101
from ghn.spaces.nasbench201.notation import cell_of_index, read_listing
from ghn.spaces.nasbench201.published import read_meta
from ghn.spaces.nasbench201.space import NASBench201

CELLS = NASBench201((3, 8, 8), classes=4, width=2, depth=1)
GENOTYPES = DARTS((3, 8, 8), classes=4, width=2, depth=3)
MODULES = NASBench101((3, 8, 8), classes=4, width=4, depth=1)
SMALL = ("conv3x3:0", "conv1x1:01", "output:12")
# a cell that DARTS itself found, second order, as NASLib and NNI write it
DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"
)
COMPACT = (
    ((0, 3), (1, 3), (0, 3), (1, 3), (1, 3), (0, 2), (0, 2), (2, 5)),
    ((0, 0), (1, 0), (2, 2), (1, 0), (0, 0), (2, 2), (2, 2), (1, 0)),
)


def samples(space: Any, n: int = 20) -> list[Any]:
    rng = Random(0)
    return [space.sample(rng) for _ in range(n)]


@pytest.mark.parametrize("space", [CELLS, GENOTYPES, MODULES], ids=lambda space: space.name)
def test_naslib_there_and_back(space: Any) -> None:
    for arch in [SMALL] if space is MODULES else samples(space):
        numbers = space.to_naslib(arch)
        assert space.from_naslib(numbers) == arch == space.parse(str(numbers)) == space.parse(json.dumps(numbers))
        assert space.from_naslib(np.array(numbers)) == arch


@pytest.mark.parametrize("space", [CELLS, GENOTYPES], ids=lambda space: space.name)
def test_nni_there_and_back(space: Any) -> None:
    for arch in samples(space):
        choices = space.to_nni(arch)
        assert space.from_nni(choices) == arch == space.parse(json.dumps(choices)) == space.parse(str(choices))


def test_known_architectures_in_their_tools_own_words() -> None:
    text = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    assert CELLS.format(CELLS.from_naslib((4, 3, 3, 0, 0, 0))) == text  # README of NASLib's own conversions
    choices = dict(
        zip(
            ("0_1", "0_2", "0_3", "1_2", "1_3", "2_3"),
            ["avg_pool_3x3", "conv_1x1", "conv_1x1"] + ["skip_connect"] * 3,
            strict=True,
        )
    )
    for label in ("", "cell/", "cell__", "model_1/cell/"):
        assert CELLS.format(CELLS.from_nni({label + key: op for key, op in choices.items()})) == text
    assert GENOTYPES.from_naslib(COMPACT) == GENOTYPES.parse(DARTS_V2)
    nni = {f"{cell}/input_{node}_{k}": [source] for cell, node, k, source in (("normal", 2, 0, 0), ("reduce", 3, 1, 2))}
    assert GENOTYPES.from_nni(
        GENOTYPES.to_nni(GENOTYPES.from_naslib(COMPACT)) | nni | {"width": 36}
    ) == GENOTYPES.parse(DARTS_V2)


def test_a_module_of_nasbench101_in_all_its_words() -> None:
    matrix, ops = (
        [[0, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]],
        ["input", "conv3x3-bn-relu", "conv1x1-bn-relu", "output"],
    )
    assert MODULES.to_matrix(SMALL) == (matrix, ops)
    assert MODULES.from_matrix(np.array(matrix), ops) == SMALL
    for names in (("module_adjacency", "module_operations"), ("matrix", "ops")):
        assert MODULES.parse(json.dumps(dict(zip(names, (matrix, ops), strict=True)))) == SMALL
    assert MODULES.to_naslib(SMALL) == (0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 4, 3, 1)
    with_dead = [[0, 1, 1, 1, 0], [0, 0, 1, 0, 1], [0, 0, 0, 0, 1], [0] * 5, [0] * 5]  # vertex 3 feeds nothing
    assert MODULES.from_matrix(with_dead, [*ops[:3], "maxpool3x3", "output"]) == SMALL
    with pytest.raises(DataError, match="official list"):
        CELLS.from_index(0, None)  # type: ignore[arg-type]
    cube = np.zeros((4, 4, 4), int)
    for wrong in ((None, ops), (matrix, None), (3, ops), (matrix, 3), ([None] * 4, ops), (matrix, "ops!"), (cube, ops)):
        with pytest.raises(ArchitectureError, match="NAS-Bench-101"):
            MODULES.from_matrix(*wrong)


CHOICES, NNI = CELLS.to_nni(("none",) * 6), GENOTYPES.to_nni(GENOTYPES.from_naslib(COMPACT))


@pytest.mark.parametrize(
    ("read", "given", "says"),
    [
        (CELLS.from_naslib, (0, 1, 2, 3, 4), "six numbers"),
        (CELLS.from_naslib, (0, 1, 2, 3, 4, 5), "six numbers from 0 to 4"),
        (CELLS.from_naslib, (0, 1, 2, 3, 4, True), "six numbers"),
        (CELLS.from_naslib, 3, "six numbers"),
        (CELLS.parse, "(0, 1, 2, 3, 4, 0", "no Python literal"),
        (CELLS.parse, "[" * 30_000, "30000 characters"),
        (CELLS.parse, "[__import__('os')]", "no Python literal"),
        (CELLS.parse, "12345", "says nothing without the official list"),
        (CELLS.from_nni, {**CHOICES, "cell/3_4": "none"}, r"no edge of a cell(?s:.*)cell/3_4"),
        (CELLS.from_nni, {**CHOICES, "0_1": "none"}, "twice an edge"),
        (CELLS.from_nni, {**CHOICES, "cell/2_3": "conv_5x5"}, r"cell/2_3(?s:.*)got: +conv_5x5(?s:.*)conv_1x1"),
        (CELLS.from_nni, {"cell/0_1": "none"}, "no 0_2, 1_2, 0_3, 1_3, 2_3"),
        (CELLS.from_nni, [], "lack an edge"),
        (GENOTYPES.from_naslib, COMPACT[0], "two cells of 8 pairs"),
        (
            GENOTYPES.from_naslib,
            (COMPACT[0], (*COMPACT[1][:7], (1, 7))),
            r"pair 7 of the reduce cell(?s:.*)begin with none",
        ),
        (GENOTYPES.from_naslib, (COMPACT[0], (*COMPACT[1][:7], 3)), "pair 7 of the reduce cell"),
        (GENOTYPES.from_naslib, (((2, 3), *COMPACT[0][1:]), COMPACT[1]), "not a member"),
        (GENOTYPES.from_nni, {**NNI, "normal/op_2_0": "none"}, r"normal/op_2_0(?s:.*)got: +none"),
        (GENOTYPES.from_nni, {**NNI, "reduce/input_5_1": 5}, r"reduce/input_5_1(?s:.*)0 to 4"),
        (GENOTYPES.from_nni, {**NNI, "normal/input_2_0": [0, 1]}, "normal/input_2_0"),
        (GENOTYPES.from_nni, {**NNI, "normal/input_2_0": 1}, "node 2 of the normal cell(?s:.*)twice the input 1"),
        (GENOTYPES.from_nni, {"normal/op_2_0": "sep_conv_3x3"}, r"normal/input_2_0(?s:.*)nothing"),
        (GENOTYPES.from_nni, 7, "a dict"),
        (GENOTYPES.parse, "V1 = V2 = 3", "malformed genotype"),
        (GENOTYPES.parse, "import os", "neither a genotype"),
        (MODULES.from_naslib, (0, 1), "2 numbers"),
        (MODULES.from_naslib, (0, 1, 0, 0, 0, 9), r"unknown operation(?s:.*)3: conv1x1-bn-relu"),
        (MODULES.from_naslib, (0, 2, 0, 0, 0, 1), "entry"),
        (MODULES.parse, '{"input1": [0], "op1": "conv3x3"}', r"an object with input1, op1"),
    ],
)
def test_what_is_not_known_is_refused_by_name(read: Callable[[Any], Any], given: Any, says: str) -> None:
    with pytest.raises(ArchitectureError, match=says):
        read(given)


@pytest.fixture(scope="module")
def listing() -> list[str]:
    every = [CELLS.format(cell) for cell in CELLS]
    Random(0).shuffle(every)
    return every


def test_an_index_is_a_place_of_the_official_list(listing: list[str], tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(json.dumps(listing))
    assert read_listing(tmp_path / "list.json") == listing
    assert CELLS.format(CELLS.from_index(6111, listing)) == listing[6111]


def test_the_benchmarks_own_file_has_it(listing: list[str], tmp_path: Path) -> None:
    from nats_bench import pickle_save

    pickle_save({"meta_archs": listing, "arch2infos": None}, str(tmp_path / "meta.pickle"))
    assert read_meta(tmp_path) == listing
    pickle_save({"meta_archs": listing[:1], "arch2infos": None}, str(tmp_path / "meta.pickle"))
    with pytest.raises(DataError, match=r"not the official list(?s:.*)1 strings(?s:.*)all 15625"):
        read_meta(tmp_path)


def test_lists_and_places_that_are_none_are_refused(listing: list[str], tmp_path: Path) -> None:
    for index in (-1, 15_625, "3", True):
        with pytest.raises(ArchitectureError, match="0 to 15624"):
            cell_of_index(index, listing)
    with pytest.raises(DataError, match="not the official list"):
        cell_of_index(0, listing[:100])
    path = tmp_path / "list.txt"
    for text, says in (
        ("\n".join(listing[:100]), "100 strings"),
        ("\n".join([listing[5], *listing[:100]]), "numbers 0 and 6"),
        (f"{listing[0]}\nnone", "number 1 of the list: malformed"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=says):
            read_listing(path)
    with pytest.raises(DataError, match="no list of architectures"):
        read_listing(tmp_path / "nowhere.txt")
