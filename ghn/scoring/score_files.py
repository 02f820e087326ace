"""Partial results on disk: scores as they come, so that a killed run is taken up without scoring anything twice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ghn.errors import DataError
from ghn.files import JsonLines
from ghn.scoring.guard import GIVE_UP_AFTER, Patience, judge_stream, judges_together
from ghn.types import Estimator, Score, Trial

SCHEMA = "ghn.scores/1"


class PartialScores:
    """A JSON-lines file: a header that says what was scored how, then a line a score.

    Args:
        path: of the file; made with its folders when missing.
        identity: JSON-able; what the scores depend on. A file with another identity is refused.

    Raises:
        DataError: the file is foreign or damaged, or its scores were made with other settings.
    """

    def __init__(self, path: Path | str, identity: Mapping[str, Any]) -> None:
        self.path, self.scores = path, dict[str, Score]()
        self.archs: dict[str, Any] = {}  # as JSON, by id
        self._lines = JsonLines(path, SCHEMA, identity, "scores")
        try:
            for number, row in self._lines.rows:
                with self._lines.reading(number, "a score"):
                    self.scores[row["id"]], self.archs[row["id"]] = score_of_row(row), row["arch"]
        except DataError:
            self._lines.close()
            raise

    def check(self, trials: Sequence[Trial[Any]]) -> None:
        """Raises `DataError` where the file holds the score of another architecture under the id of a trial."""
        for trial in trials:
            if trial.id in self.archs and (held := self.archs[trial.id]) != json.loads(json.dumps(trial.arch)):
                raise DataError(
                    f"{self.path} holds the score of another architecture under the id {trial.id}",
                    got=held,
                    expected=trial.arch,
                    fix="give another file to write to, or ids that stay the same, such as the architecture's string",
                )

    def add(self, trial: Trial[Any], score: Score, patience: Patience) -> None:
        """Writes the score of a trial; on return the operating system has it, unless `patience` may yet drop it."""
        self.scores[trial.id] = score
        patience.write(self._lines, {"id": trial.id, "arch": trial.arch} | row_of_score(score), trial, score)

    def drop_held(self) -> None:
        self._lines.drop_held()

    def close(self) -> None:
        self._lines.close()


def row_of_score(score: Score) -> dict[str, Any]:
    """A score as JSON."""
    row = {"value": score.value if score.ok else None, "error": score.error, "seconds": score.cost_seconds}
    return row | {"budget": score.budget, "std": score.std, "extra": score.extra}


def score_of_row(row: Mapping[str, Any]) -> Score:
    """Reads what `row_of_score` gave; raises KeyError, TypeError, OverflowError or ValueError for what is no score."""
    value = float("nan") if row["value"] is None else row["value"]
    for name, number in (("value", value), *((name, row[name]) for name in ("seconds", "budget", "std"))):
        if type(number) not in (int, float) and (number is not None or name == "seconds"):
            raise TypeError(f"{name} is {number!r}, not a number")
        float(number or 0)  # one of hundreds of digits is none
    if not isinstance(row["error"], str | None) or not isinstance(row["extra"], dict):
        raise TypeError("its error is no text, or its extra readings no object")
    return Score(value, row["seconds"], row["budget"], row["std"], row["error"], row["extra"])


def score_to_file(
    estimator: Estimator[Any],
    trials: Sequence[Trial[Any]],
    path: Path | str,
    identity: Mapping[str, Any],
    *,
    progress: bool = True,
    label: str = "scoring",
    give_up_after: int | None = GIVE_UP_AFTER,
) -> list[Score]:
    """Scores trials, keeping results on disk as they come; run again after a kill, it goes on where it was.

    Args:
        estimator: one that streams (`stream(trials)`) is asked so; any other gets one trial at a time. One that judges
            trials `together` is asked about all of them as long as one is left.
        trials: with unique ids.
        path: of the JSON-lines file.
        identity: what the scores depend on, JSON-able; `estimator.identity` where there is one.
        progress: whether to show a bar with the time left.
        label: of the bar.
        give_up_after: so many candidates in a row for which the estimator raised an error end the run; they are not
            kept. None never does. Where others follow that can be judged, they are counted failures.

    Returns:
        A score each, in order.

    Raises:
        DataError: ids repeat, or the file holds scores made with other settings, or of another architecture under an
            id.
        EstimatorError: the estimator raised an error for one candidate after the other.
    """
    ids = {t.id for t in trials}
    if len(ids) != len(trials):
        raise DataError("trial ids must be unique", got=f"{len(trials)} trials with {len(ids)} ids")
    together, patience = judges_together(estimator), Patience(give_up_after)
    if together:  # then a score depends on who else was scored
        identity = {**identity, "scored_with": sha256("\n".join(sorted(ids)).encode()).hexdigest()}
    partial = PartialScores(path, identity)
    partial.check(trials)
    left = [t for t in trials if t.id not in partial.scores]
    # scores come in blocks, one right after the other: the last of a block is to be seen, and what a mean foresees
    shown: dict[str, Any] = {"desc": label, "unit": "net", "mininterval": 0, "smoothing": 0}
    bar = tqdm(total=len(trials), initial=len(trials) - len(left), disable=not progress, **shown)
    asked = trials if left and together else left  # a part alone would be scored otherwise
    try:
        for trial, score in judge_stream(estimator, asked):
            if trial.id not in partial.scores:
                partial.add(trial, score, patience)
                bar.update()
    finally:
        bar.close()
        partial.close()
    return [partial.scores[t.id] for t in trials]
