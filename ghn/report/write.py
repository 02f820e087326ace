"""A report to a folder, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from ghn.errors import ExistsError
from ghn.files import write_atomic
from ghn.report.figures import Picture, pictures
from ghn.report.html import render
from ghn.report.report import Report
from ghn.report.style import to_bytes


def write_report(report: Report, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Writes `report.html`, `report.json` and `figures/*.png` into a folder, each file whole or not at all.

    Args:
        report: what to write.
        folder: made when missing; other files in it are left alone.
        overwrite: replace a report that is there, figures of it that no longer exist included.

    Returns:
        The path of `report.html`.

    Raises:
        ExistsError: there is a report in the folder and `overwrite` is False.
    """
    folder = Path(folder)
    there = [name for name in ("report.html", "report.json") if (folder / name).exists()]
    if there and not overwrite:
        raise ExistsError(
            "there is a report in this folder already",
            got=f"{' and '.join(there)} in {folder}",
            fix="choose another folder, or pass overwrite=True",
        )
    # Everything is made before anything is written: a crash while drawing leaves the old report as it was.
    drawn = [pictures(comparison) for comparison in report.comparisons]
    files = _images(drawn)
    files["report.json"] = json.dumps(report.to_json(), indent=1, allow_nan=False, ensure_ascii=False).encode()
    files["report.html"] = render(report, drawn).encode()
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for stale in (folder / "figures").glob("*.png") if there else ():
        if f"figures/{stale.name}" not in files:
            stale.unlink()
    for name, data in files.items():
        write_atomic(folder / name, data)
    return folder / "report.html"


def _images(drawn: Sequence[Sequence[Picture]]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for index, group in enumerate(drawn, start=1):
        for picture in group:
            name = f"figures/{index}-{picture.kind}-{slug(picture.subject)}"
            while f"{name}.png" in files:  # two names may differ only in signs that a file name should not have
                name += "-2"
            files[f"{name}.png"] = to_bytes(picture.figure, "png")
    return files


def slug(name: str) -> str:
    """A name as a file may have it."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "row"
