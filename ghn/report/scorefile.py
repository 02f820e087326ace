"""A ranking as a file that any program reads, and its head in the terminal."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ghn.estimators.combined import LIVE_PARAMETERS
from ghn.types import Score, Trial

COLUMNS = ("rank", "architecture", "value", "std", "live_parameters", "error")


def write_ranking(path: Path | str, trials: Sequence[Trial[Any]], scores: Sequence[Score]) -> None:
    """Writes a CSV, best first; what could not be judged stands last, without a rank and with the reason."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(_rows(trials, scores))
    os.replace(unfinished, path)


def print_ranking(trials: Sequence[Trial[Any]], scores: Sequence[Score], most: int) -> None:
    """Prints the best, a line each: official strings do not fit into the columns of a table."""
    print(f"{'rank':>5}  {'value':>7}  {'std':>5}  {'live parameters':>15}  architecture")
    for rank, arch, value, std, params, error in _rows(trials, scores)[:most]:
        if not error:
            print(f"{rank:>5}  {value:>7.3f}  {std:>5.3f}  {params:>15,.0f}  {arch}")


def _rows(trials: Sequence[Trial[Any]], scores: Sequence[Score]) -> list[tuple[Any, ...]]:
    pairs = list(zip(trials, scores, strict=True))
    good = sorted((p for p in pairs if p[1].ok), key=lambda p: -p[1].value)
    rows: list[tuple[Any, ...]] = [
        (rank, t.id, s.value, s.std, s.extra.get(LIVE_PARAMETERS), "") for rank, (t, s) in enumerate(good, start=1)
    ]
    return rows + [("", t.id, "", "", "", s.error) for t, s in pairs if not s.ok]
