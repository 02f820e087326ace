"""What is known of a space's networks where this project's own trainings are all that is shipped of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ghn.analysis.correlation import MIN_ITEMS
from ghn.errors import ConfigError, DataError, NothingToLearnError
from ghn.tables.references import ReferenceTable, table_reference
from ghn.types import Reference, Score, Space, Trial

DEVELOPMENT, REPORT = "development", "report"
OWN, ALL = "embedded", "all"  # words of configs; `all` is a sample, too
SHARE = 0.4  # of the networks, to develop with


@dataclass(frozen=True)
class TrainedBenchmark:
    """A benchmark of networks that this project has trained: some of a table to develop with, the others to report on.

    The first of the table are those to develop with: networks were drawn at random, and when more are trained none
    that something was chosen on becomes one to report on. Of too few all are to report on.

    Args:
        space: parses their strings.
        file: the table; its first networks stand for all.
    """

    space: Space[Any]
    file: Path | str
    label: str = "own trainings"
    samples: tuple[str, str] = (DEVELOPMENT, REPORT)
    usual: str = ALL
    words: tuple[str, ...] = (OWN, ALL)

    @property
    def trainings(self) -> Path:
        return Path(self.file)

    @cached_property
    def _table(self) -> ReferenceTable:
        return ReferenceTable.load(self.trainings)

    def candidates(self, n: int, sample: str) -> list[str]:
        """The first `n` of a sample, or all of it where it has fewer: there are no others with a reference."""
        archs = self._table.archs()
        cut = share if (share := round(SHARE * len(archs))) >= MIN_ITEMS else 0
        parts = {DEVELOPMENT: archs[:cut], REPORT: archs[cut:], ALL: archs}
        if sample not in parts:
            raise ConfigError("unknown sample of candidates", got=sample, expected=" | ".join(parts))
        if not isinstance(n, int) or n < 1:
            raise ConfigError("the number of candidates", got=n, expected="1 or more")
        return parts[sample][:n]

    def sample(self, name: str, task_checksum: str) -> Reference:
        return self.trained(task_checksum).part(self.candidates(len(self._table.runs), name), f"{self.label}, {name}")

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
            raise NothingToLearnError(
                "the development sample has no such number of networks", got=given, expected=len(archs)
            )
        return [(Trial(text, self.space.parse(text)), Score(values[text])) for text in archs[:given]]
