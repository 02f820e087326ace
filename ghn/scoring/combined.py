"""The combined estimator: generated weights, a zero-cost proxy and size; a few trained references correct it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from random import Random
from typing import Any

import numpy as np

from ghn.analysis.correction import correct
from ghn.analysis.weighted import Floats
from ghn.scoring.panel import Panel, Rows
from ghn.types import Encoded, Finite, member_of

USUAL = 500  # architectures whose encodings tell what is usual in a space


class Combined(Panel):
    """Weighted sum of readings, each as a normal score; with references, a Gaussian process on what the sum misses.

    Without references the value is the sum, scaled: 0 is the middle of the space and 1 a standard deviation above.
    Members' disagreement did not tell how wrong the sum is (docs/ranking.md), so `std` is then the same for all. With
    references the value is the sum plus the process's mean, and `std` is its own for each candidate. The settings of
    the process hold as they are; it sees the readings and, where the space is `Encoded`, the space's own features.

    Source: rank aggregation as in Lee & Ham, "AZ-NAS", CVPR 2024, sec. 3.3 (there by logarithms of ranks); path
    features and surrogate as in White et al., "BANANAS", AAAI 2021; Gaussian process with a prior mean: Rasmussen &
    Williams, "Gaussian Processes for Machine Learning", 2006, eq. 2.38.
    """

    source = "Zhang, Ren & Urtasun, ICLR 2019; Jiang, Wang & Bie, NeurIPS 2023; White et al., AAAI 2021"

    def _values(self, new: Rows, known: Rows | None) -> tuple[Floats, Floats]:
        s = self.settings
        if known is None:
            return s.slope * new.sums, np.full(len(new.sums), (s.amplitude + s.offset + s.noise[1]) ** 0.5)
        return correct(self._features(known), known.sums, known.measured, self._features(new), new.sums, s)

    def _features(self, rows: Rows) -> Floats:
        """Features [n, f] of the regression: the readings, and the space's own encoding in standard units."""
        if not isinstance(self.space, Encoded):
            return rows.normal
        mean, std = self._usual_encoding
        encoded = self._encode([member_of(self.space, trial.arch) for trial in rows.trials])
        return np.hstack([rows.normal, (encoded - mean) / std])

    def _encode(self, archs: Sequence[Any]) -> Floats:
        assert isinstance(self.space, Encoded)
        return np.array([list(self.space.encode(arch).values()) for arch in archs])

    @cached_property
    def _usual_encoding(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the encoding over the space."""
        rng = Random(0)
        if isinstance(self.space, Finite):
            rows = self._encode(rng.choices(self.space.distinct(), k=USUAL))
        else:
            rows = self._encode([self.space.sample(rng) for _ in range(USUAL)])
        return rows.mean(0), np.where(rows.std(0) > 0, rows.std(0), 1.0)
