"""Permutation tests and their correction."""

from __future__ import annotations

import numpy as np
import pytest

from ghn.analysis import partial as significance
from ghn.analysis.partial import holm, permutation_test
from ghn.errors import ConfigError


def test_planted_and_clean() -> None:
    rng = np.random.default_rng(0)
    z, idle = rng.normal(size=(2, 200))
    useful = (z + rng.normal(size=200)).round()
    estimates = {"biased": z + idle + rng.normal(size=200), "clean": z + rng.normal(size=200)}
    found = permutation_test(estimates, {"idle": idle, "useful": useful}, z, permutations=199)
    assert list(found) == [(a, b) for a in estimates for b in ("idle", "useful")]
    assert found["biased", "idle"] == pytest.approx(1 / 200)  # never zero
    assert min(found["biased", "useful"], found["clean", "idle"], found["clean", "useful"]) > 0.05


def test_the_level_holds_where_residuals_widen_with_the_reference() -> None:
    rng = np.random.default_rng(1)
    found: list[float | None] = []
    for seed in range(30):
        z = rng.normal(size=150)
        spread = np.where(z > 0, 2, 0.2)
        x, y = ({f"{i}": z + spread * rng.normal(size=150) for i in range(4)} for _ in range(2))
        found += permutation_test(x, y, z, permutations=99, seed=seed).values()
    assert 0.01 < np.mean(np.array(found) <= 0.05) < 0.1


def test_p_is_uniform_under_few_values() -> None:
    rng = np.random.default_rng(2)
    z = rng.normal(size=(20, 40)).round()
    found = [permutation_test({"a": rng.integers(3, size=40)}, {"b": rng.integers(2, size=40)}, one) for one in z]
    p = [one["a", "b"] for one in found]
    assert 0.3 < np.mean(p) < 0.7


def test_chunks_and_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    z, x, y = np.random.default_rng(3).normal(size=(3, 30))
    whole = permutation_test({"x": x}, {"y": y}, z, permutations=99)
    assert permutation_test({"x": x}, {"y": y}, z, permutations=99) == whole
    monkeypatch.setattr(significance, "_CHUNK", 300)
    assert permutation_test({"x": x}, {"y": y}, z, permutations=99) == whole


def test_the_undefined_has_no_p_and_does_not_count() -> None:
    z, x, y = np.random.default_rng(4).normal(size=(3, 30))
    found = permutation_test({"x": x, "flat": np.ones(30), "perfect": z}, {"y": y}, z, permutations=49)
    assert found["flat", "y"] is None and found["perfect", "y"] is None and found["x", "y"] is not None
    assert holm(found) == pytest.approx(found)


def test_correction_by_hand() -> None:
    p = {("a", "1"): 0.01, ("a", "2"): 0.04, ("b", "1"): None, ("b", "2"): 0.03}
    found = holm(p)
    assert list(found) == list(p)
    # Three tests: 3 * 0.01, then 2 * 0.03, and 1 * 0.04, which must not be less than the one before.
    assert [found[pair] for pair in p] == [pytest.approx(0.03), pytest.approx(0.06), None, pytest.approx(0.06)]
    assert holm({("a", "1"): 0.9, ("a", "2"): 0.8}) == {("a", "1"): 1.0, ("a", "2"): 1.0}
    assert holm({}) == {}


def test_no_permutation() -> None:
    with pytest.raises(ConfigError, match="needs permutations"):
        permutation_test({"a": range(10)}, {"b": range(10)}, range(10), permutations=0)
