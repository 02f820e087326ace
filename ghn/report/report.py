"""A report: one or more comparisons and everything needed to repeat them. `docs/report.md` documents every key."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from ghn.analysis.comparison import Comparison
from ghn.errors import DataError
from ghn.files import Stored, from_json, plain


@dataclass(frozen=True, slots=True)
class Report(Stored):
    """One or more comparisons and everything needed to repeat them.

    Attributes:
        comparisons: for instance one against own trainings and one against a published table.
        title: heading of the page.
        protocol: paragraphs that say how estimates and references came about.
        warnings: what the reader must know first, such as "trained for five minutes: expect a bad order".
        metadata: machine, date, versions, command, checkpoint card; JSON-able, shown as it is.
        created: ISO 8601, UTC.
    """

    SCHEMA: ClassVar[str] = "ghn.report/1"

    comparisons: tuple[Comparison, ...]
    title: str = "How well is the order of networks known without training them?"
    protocol: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def __post_init__(self) -> None:
        # Lists are what callers have at hand; tuples are what compares equal after a round trip.
        for name in ("comparisons", "protocol", "warnings"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "metadata", plain(self.metadata))


def read_report(path: str | Path) -> Report:
    """Reads a `report.json`, or the one in a folder.

    Raises:
        DataError: no such file, not JSON, or another schema.
    """
    path = Path(path)
    path = path / "report.json" if path.is_dir() else path
    try:
        return Report.from_json(from_json(path.read_text(encoding="utf-8")))
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(
            "there is no readable report", got=f"{path}: {error}", expected="a report.json that ghn wrote"
        ) from error
