"""A survey's pages and figures from its `survey.json` alone: python -m ghn.report.survey.redraw FILE FOLDER."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ghn.errors import ConfigError, GhnError
from ghn.files import write_atomic
from ghn.report.model import Survey, read_survey
from ghn.report.survey.pages import write_survey
from ghn.spaces import SPACES, make_space
from ghn.types import Space


def redraw_survey(path: str | Path, folder: str | Path, space: Space[Any] | None = None) -> Path:
    """Writes all that a survey wrote, and its JSON, into a folder; nothing is scored.

    Args:
        path: a `survey.json`, or the folder that it lies in.
        folder: made when missing; other files in it are left alone.
        space: of the survey's networks; needed where it is none of ghn's.

    Returns:
        The path of `survey.html`.

    Raises:
        DataError: there is no readable survey.
        ConfigError: its space is none of ghn's, and was not given.
        ExistsError: a page that no survey wrote has the name of one to be written.
    """
    path, folder = Path(path), Path(folder)
    path = path / "survey.json" if path.is_dir() else path
    survey = read_survey(path)
    page = write_survey(survey, space or space_of(survey), folder)
    if path.resolve() != (folder / "survey.json").resolve():
        write_atomic(folder / "survey.json", path.read_bytes())
    return page


def space_of(survey: Survey) -> Space[Any]:
    """The space of ghn's that a survey names, in which pictures of its networks are drawn.

    Raises:
        ConfigError: it names none of ghn's.
    """
    name = survey.report.metadata.get("space")
    if name not in SPACES:
        raise ConfigError(
            "the survey is of a space that is none of ghn's",
            got=name,
            expected=" | ".join(SPACES),
            fix="give the space: redraw_survey(path, folder, space)",
        )
    return make_space(name, input_shape=(3, 32, 32), classes=10)  # pictures of networks show neither


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 2 when something is wrong, which is printed."""
    parser = ArgumentParser(prog="python -m ghn.report.survey.redraw", description=__doc__.split(":")[0] + ".")
    parser.add_argument("file", help="a survey.json, or the folder that it lies in")
    parser.add_argument("folder", help="where pages and figures are written; made when missing")
    given = parser.parse_args(arguments)
    try:
        print(f"wrote {redraw_survey(given.file, given.folder)}, index.md, a page an estimator, and figures")
    except GhnError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
