"""Learning curves made by a known law, which tests of their models share."""

from __future__ import annotations

import numpy as np

from ghn.tables.curves import Curves
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run, TableHeader

EPOCHS = tuple(range(1, 13))
HORIZON = 12


def power_curves(n: int = 40, *, noise: float = 0.005, features: bool = False, seed: int = 0) -> Curves:
    """Accuracies final + gap - gap x^-0.7 up to epoch 12; the feature is the asymptote, and losses fall with it."""
    rng = np.random.default_rng(seed)
    x = np.array(EPOCHS, dtype=float)
    asymptote, gap = rng.uniform(0.55, 0.75, n)[:, None], rng.uniform(0.25, 0.35, n)[:, None]
    accuracy = asymptote - gap * x**-0.7 + noise * rng.standard_normal((n, len(x)))
    own = np.concatenate([asymptote, rng.standard_normal((n, 1))], axis=1) if features else None
    return Curves(tuple(f"a{i}" for i in range(n)), EPOCHS, accuracy, 3 - 3 * accuracy, own)


def table_of(curves: Curves, space: str = "nasbench201", **header: object) -> ReferenceTable:
    """The curves as references; a second run of an architecture gets the next seed."""
    assert curves.train_loss is not None
    runs, seen = [], dict.fromkeys(curves.ids, 0)
    for i, arch in enumerate(curves.ids):
        loss, accuracy = tuple(curves.train_loss[i]), tuple(curves.val_accuracy[i])
        runs.append(Run(arch, seen[arch], train_loss=loss, val_accuracy=accuracy, seconds=12.0, epochs=curves.epochs))
        seen[arch] += 1
    return ReferenceTable(TableHeader(space, "toy", source="a test", **header), tuple(runs))  # type: ignore[arg-type]
