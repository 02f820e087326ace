"""Files that list architectures, in the words of whatever tool wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from ghn.errors import ArchitectureError, DataError
from ghn.spaces.darts.space import DARTS
from ghn.spaces.lists import read_architectures
from ghn.spaces.nasbench201.space import NASBench201

CELLS = NASBench201((3, 8, 8), classes=4, width=2, depth=1)
GENOTYPES = DARTS((3, 8, 8), classes=4, width=2, depth=3)
A, B = (
    "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|skip_connect~2|",
    "|none~0|+|none~0|none~1|+|" + "none~0|none~1|none~2|",
)


@pytest.mark.parametrize(
    "written",
    [
        [A, B],
        [[2, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]],  # NASLib
        [CELLS.to_nni(CELLS.parse(A)), B],
        [json.dumps([2, 1, 1, 1, 1, 0]), B],
    ],
)
def test_a_json_list_is_a_list_of_architectures(tmp_path: Path, written: list[object]) -> None:
    path = tmp_path / "archs.json"
    path.write_text(json.dumps(written))
    assert read_architectures(path, CELLS) == ([A, B], [A, B])


def test_lines_are_in_any_words_of_the_space(tmp_path: Path) -> None:
    path = tmp_path / "archs.txt"
    path.write_text(f"{A}\n\n (1, 1, 1, 1, 1, 1)\n")
    assert read_architectures(path, CELLS).every == [A, B]
    path.write_text(f"{A}\n7\n")
    with pytest.raises(ArchitectureError, match=r"architecture 2: an index(?s:.*)official list(?s:.*)from_index"):
        read_architectures(path, CELLS)


@pytest.mark.parametrize("wrong", ['["a", 3]', '{"random": ["a"]}', "7", "{", "[null]"])
def test_what_is_no_list_is_refused(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "archs.json"
    path.write_text(wrong)
    with pytest.raises(DataError, match=r"not a list(?s:.*)a \.json list of them"):
        read_architectures(path, CELLS)


def test_a_file_of_genotypes_is_read_and_not_run(tmp_path: Path) -> None:
    one, two = (GENOTYPES.format(GENOTYPES.sample(Random(seed))) for seed in range(2))
    path = tmp_path / "genotypes.py"
    path.write_text(
        "from collections import namedtuple\n"
        "raise SystemExit\n"
        "Genotype = namedtuple('Genotype', 'normal normal_concat reduce reduce_concat')\n"
        "PRIMITIVES = ['none']\n"
        f"V1 = {one}\nV2: Genotype = {two}\nDARTS = V2\n"
    )
    assert read_architectures(path, GENOTYPES).every == [one, two]
    assert GENOTYPES.from_source(path.read_text()).keys() == {"V1", "V2", "DARTS"}
    assert GENOTYPES.parse(f"V1 = {one}") == GENOTYPES.parse(one)
    with pytest.raises(ArchitectureError, match="read_text"):
        GENOTYPES.from_source(path)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="do not stand in source code"):
        read_architectures(path, CELLS)


def test_genotypes_of_other_spaces_are_named(tmp_path: Path) -> None:
    good = GENOTYPES.format(GENOTYPES.sample(Random(0)))
    path = tmp_path / "genotypes.py"
    path.write_text(
        f"NASNet = {good.replace('sep_conv', 'conv_7x1')}\nGood = {good}\nBad = Genotype(normal=open('x'))\n"
    )
    with pytest.raises(ArchitectureError) as error:
        read_architectures(path, GENOTYPES)
    for said in (str(path), "NASNet: not a member", "Bad: malformed", "leave NASNet, Bad out; there remain Good"):
        assert said in str(error.value)
    for text in ("x = 1\n", "x = (\n"):
        path.write_text(text)
        with pytest.raises(ArchitectureError, match="genotypes"):
            read_architectures(path, GENOTYPES)
