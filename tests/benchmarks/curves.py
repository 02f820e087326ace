"""Extrapolating learning curves."""

from __future__ import annotations

import numpy as np

from ghn.families.curves.estimator import make_curve_model
from ghn.tables.curves import Curves
from tests.benchmarks.measure import Figure, timed


def least_squares(runs: int, curves: int) -> list[Figure]:
    """Fits all eleven families to curves of 10 points and extrapolates them to epoch 20."""
    rng, x = np.random.default_rng(0), np.arange(1, 11)
    end, gap, rate = (rng.uniform(low, high, (curves, 1)) for low, high in ((0.5, 0.9), (0.2, 0.4), (0.3, 1.0)))
    accuracy = np.clip(end - gap * x**-rate + 0.01 * rng.standard_normal((curves, 10)), 0, 1)
    observed = Curves(tuple(map(str, range(curves))), tuple(x), accuracy)
    model = make_curve_model("parametric")
    seconds = [timed(lambda: model.predict(observed, 20))[0] for _ in range(runs)]
    title = f"learning curves: {curves:,} of 10 points, least squares"
    return [Figure.of(title, "s", seconds, target=20.0 * curves / 1000, note="all eleven families")]
