"""Trained references as users give them to `Model.rank`: what cannot be used is named and counted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from toy_models import cells

from ghn.errors import ConfigError
from ghn.scoring.combined import Combined
from ghn.scoring.given_references import check_references, fit_references
from ghn.scoring.model import Model
from ghn.spaces import NASBench201
from ghn.tasks import ImageTask
from ghn.types import Score, Trial

GOOD = {cell: np.float32(i / 10) for i, cell in enumerate(cells(8))}  # numpy's numbers are numbers
BAD = {
    "|nor_conv_3x3~0|+": "malformed",
    "typo": "malformed",
    None: "not a NAS-Bench-201 cell",
    7: "not a NAS-Bench-201 cell",
}


def check(space: NASBench201, references: Any, unusable: str = "refuse") -> list[tuple[Trial[Any], Score]]:
    return check_references(space, references, lambda arch: arch, unusable)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400, "0.9", None, True, [0.9]])
def test_values_that_are_no_finite_numbers_are_named(toy_space: NASBench201, value: Any) -> None:
    archs = cells(9)
    with pytest.raises(ConfigError, match=r"1 of 9 references cannot be used[\s\S]*no finite number"):
        check(toy_space, {**GOOD, archs[8]: value})


@pytest.mark.parametrize(("arch", "why"), BAD.items())
def test_what_is_no_architecture_is_named(toy_space: NASBench201, arch: Any, why: str) -> None:
    with pytest.raises(ConfigError, match=rf"1 of 9 references cannot be used[\s\S]*{why}"):
        check(toy_space, {**GOOD, arch: 0.5})


def test_all_that_is_wrong_is_counted_and_the_first_are_named(toy_space: NASBench201) -> None:
    with pytest.raises(ConfigError) as told:
        check(toy_space, {**GOOD, **{f"typo{i}": 0.5 for i in range(40)}})
    assert "40 of 48" in str(told.value) and "typo4" in str(told.value) and "and 35 more" in str(told.value)
    assert "typo5" not in str(told.value) and 'unusable="leave_out"' in str(told.value)


def test_left_out_by_choice_with_a_warning(toy_space: NASBench201) -> None:
    with pytest.warns(UserWarning, match="2 of 10 references cannot be used and are left out: typo"):
        found = check(toy_space, {**GOOD, "typo": 0.5, cells(9)[8]: math.nan}, "leave_out")
    assert [score.value for _, score in found] == pytest.approx([i / 10 for i in range(8)])


def test_what_is_left_must_be_enough(toy_space: NASBench201) -> None:
    four = dict(list(GOOD.items())[:4])
    with pytest.raises(ConfigError, match=r"1 of 5 references cannot be used, too few are left[\s\S]*typo"):
        check(toy_space, {**four, "typo": 0.5}, "leave_out")


@pytest.mark.parametrize("references", [["a"], "a", 3, [("a", 0.5)]])
def test_references_are_a_mapping(toy_space: NASBench201, references: Any) -> None:
    with pytest.raises(ConfigError, match="references are a mapping"):
        check(toy_space, references)


def test_a_reference_whose_reading_fails_is_named_too(toy_space: NASBench201) -> None:
    first = cells(8)[0]

    class Member:
        source, identity = "", {"name": "member"}

        def fit(self, history: Any) -> None: ...

        def cost(self, arch: Any) -> None: ...

        def score(self, trials: Any) -> list[Score]:
            return [
                Score.failed("its loss is NaN") if t.arch == first else Score(float(i)) for i, t in enumerate(trials)
            ]

    panel = Combined(toy_space, {"member": Member()}, {"member/value": 1.0})
    with pytest.raises(ConfigError, match=r"1 of 8 references cannot be used[\s\S]*its loss is NaN"):
        fit_references(panel, check(toy_space, GOOD), "refuse")
    with pytest.warns(UserWarning, match=r"1 of 8 references[\s\S]*its loss is NaN"):
        fit_references(panel, check(toy_space, GOOD), "leave_out")


def test_rank_refuses_before_anything_is_read(toy_model: Model, toy_task: ImageTask) -> None:
    archs = cells(24)
    four = dict.fromkeys(archs[:4], 0.5)
    with pytest.raises(ConfigError, match=r"1 of 5 references cannot be used[\s\S]*typo"):
        toy_model.rank(archs, {**four, "typo": 0.5}, task=toy_task)
    with pytest.raises(ConfigError, match="unusable="):
        toy_model.rank(archs, GOOD, task=toy_task, unusable="drop")
