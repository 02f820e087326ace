"""A survey to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ghn.report.survey.model import Survey
from ghn.types import Space


def write_survey(survey: Survey, space: Space[Any], folder: Path) -> None:
    """Writes page, Markdown and figures of a survey beside its JSON."""


def print_survey(survey: Survey) -> None:
    """Prints the table."""
