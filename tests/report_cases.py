"""Comparisons small enough to draw often and rich enough to show everything."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ghn.analysis.compare import compare
from ghn.analysis.comparison import Comparison
from ghn.report.model import Report

N = 60
EVIL = "<script>alert('x')</script> & [b] $x^$"


def arrays(n: int = N) -> dict[str, Any]:
    """Keyword arguments of `compare` in which every feature occurs."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=n)
    reference = (60 + 5 * truth + rng.normal(size=n)).round(2)
    good = truth + 0.3 * rng.normal(size=n)
    good[[3, 8]] = np.nan
    good[4] = -1e6  # far out, which must not flatten the scatter plot
    errors: list[str | None] = [None] * n
    errors[3] = EVIL
    seeds = np.full((n, 3), np.nan)
    seeds[:16] = reference[:16, None] + rng.normal(size=(16, 3))
    broken = np.full(n, np.nan)
    broken[:5] = 1.0
    return {
        "scores": {"good": good, EVIL: rng.normal(size=n), "broken": broken, "flat": np.ones(n)},
        "reference": reference,
        "ids": [f"|net~{i}|" for i in range(n)],
        "live_params": np.round(np.exp(truth + rng.normal(size=n))) * 1000,
        "seeds": seeds,
        "errors": {"good": errors},
        "seconds": {"good": rng.random(n), "live parameters": 1e-4},
        "one_off_seconds": {"good": 3.5 * 3600},
        "min_level": 5,
        "bootstrap": 100,
        "reference_name": "own trainings",
        "reference_unit": "test accuracy, %",
    }


@pytest.fixture
def data() -> dict[str, Any]:
    return arrays()


@pytest.fixture(scope="session")
def evil() -> str:
    return EVIL


@pytest.fixture(scope="session")
def comparison() -> Comparison:
    return compare(**arrays())


@pytest.fixture(scope="session")
def report(comparison: Comparison) -> Report:
    plain = compare(
        {"one": np.arange(12.0)}, np.arange(12.0) ** 2, bootstrap=20, baselines={}, reference_name="a table"
    )
    return Report(
        [comparison, plain],
        title="A title",
        protocol=["Trained by hand."],
        warnings=["Trained for five minutes: expect a bad order."],
        metadata={"machine": {"cores": 2}, "command": "python evaluate.py", "numbers": [1, float("nan")]},
    )
