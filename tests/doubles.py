"""What the estimators of tests share; imports little, as worker processes import it too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ghn.types import Score, Trial


class Double:
    """An estimator that learns nothing and costs nothing; a test says how it scores."""

    source = "these tests"

    @property
    def identity(self) -> dict[str, Any]:
        return {"estimator": type(self).__name__}

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None: ...

    def cost(self, arch: Any) -> float | None:
        return None
