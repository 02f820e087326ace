"""What is known of a space's networks where this project's own trainings are all that is shipped of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ghn.assets import asset
from ghn.errors import ConfigError, DataError
from ghn.tables.references import ReferenceTable, table_reference
from ghn.types import Reference, Score, Space, Trial

DEVELOPMENT, REPORT = "development", "report"
OWN, ALL = "embedded", "all"  # words of configs
SHARE = 0.4  # of the networks, to develop with


@dataclass(frozen=True)
class TrainedBenchmark:
    """A benchmark of networks that this project has trained: some of a table to develop with, the others to report on.

    Both stand in a fixed random order, so that few stand for many.

    Args:
        space: parses their strings.
        file: the table, an asset.
    """

    space: Space[Any]
    file: str
    label: str = "own trainings"
    samples: tuple[str, str] = (DEVELOPMENT, REPORT)
    words: tuple[str, ...] = (OWN, ALL)

    @property
    def trainings(self) -> Path:
        return asset(self.file)

    @cached_property
    def _table(self) -> ReferenceTable:
        return ReferenceTable.load(self.trainings)

    @cached_property
    def _order(self) -> list[str]:
        archs = sorted(self._table.archs())
        return [archs[i] for i in np.random.default_rng(0).permutation(len(archs))]

    def candidates(self, n: int, sample: str) -> list[str]:
        """The first `n` of a sample, or all of it where it has fewer: there are no others with a reference."""
        if sample not in self.samples:
            raise ConfigError("unknown sample of candidates", got=sample, expected=" | ".join(self.samples))
        if not isinstance(n, int) or n < 1:
            raise ConfigError("the number of candidates", got=n, expected="1 or more")
        cut = round(SHARE * len(self._order))
        return (self._order[:cut] if sample == DEVELOPMENT else self._order[cut:])[:n]

    def sample(self, name: str, task_checksum: str) -> Reference:
        return self.trained(task_checksum).part(self.candidates(len(self._order), name), f"{self.label}, {name}")

    def references(self, word: str, archs: Sequence[str], task_checksum: str) -> list[Reference]:
        return [self.trained(task_checksum)]

    def trained(self, task_checksum: str) -> Reference:
        return table_reference(self.trainings, self.space, task_checksum, name="embedded references")

    def published(self, archs: Sequence[str]) -> Reference:
        """Raises `DataError`, as `every` does: none are shipped."""
        return self.every()

    def every(self) -> Reference:
        raise DataError(
            f"no published accuracies of space {self.space.name} are shipped",
            fix="bring them as a table: references=mine.csv (docs/own-table.md)",
        )

    def history(self, given: int) -> list[tuple[Trial[Any], Score]]:
        """Test accuracies of networks of the sample to develop with."""
        archs, values = self.candidates(len(self._table.runs), DEVELOPMENT), self._table.value("test_accuracy")
        if not 0 <= given <= len(archs):
            raise ConfigError("the development sample has no such number of networks", got=given, expected=len(archs))
        return [(Trial(text, self.space.parse(text)), Score(values[text])) for text in archs[:given]]
