"""Partial results on disk: scores as they come, so that a killed run is taken up without scoring anything twice."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ghn.errors import DataError
from ghn.types import Estimator, Score, Trial

SCHEMA = "ghn.scores/1"


class PartialScores:
    """A JSON-lines file: a header that says what was scored how, then a line a score.

    Args:
        path: of the file; made with its folders when missing.
        identity: JSON-able; what the scores depend on. A file with another identity is refused.

    Raises:
        DataError: the file is foreign or damaged, or its scores were made in another way.
    """

    def __init__(self, path: Path | str, identity: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self.scores: dict[str, Score] = {}
        self.archs: dict[str, Any] = {}  # as JSON, by id
        header = {"schema": SCHEMA, "identity": json.loads(json.dumps(identity))}
        whole = self._read(header) if self.path.exists() else 0
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a")
        self._file.truncate(whole)  # a line that a kill tore is written anew
        if not whole:
            self._append(header)

    def add(self, trial: Trial[Any], score: Score) -> None:
        """Writes the score of a trial; on return the operating system has it."""
        row = {"id": trial.id, "arch": trial.arch, "value": score.value if score.ok else None, "error": score.error}
        rest = {"seconds": score.cost_seconds, "budget": score.budget, "std": score.std, "extra": score.extra}
        self._append(row | rest)
        self._file.flush()
        self.scores[trial.id] = score

    def close(self) -> None:
        """Closes the file; everything is on disk then."""
        os.fsync(self._file.fileno())
        self._file.close()

    def _append(self, row: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(row) + "\n")

    def _read(self, header: dict[str, Any]) -> int:
        """Takes over the scores of a file; returns the length of its whole lines."""
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if not whole and not json.dumps(header).encode().startswith(data):  # not even the start of ours
            self._check(None, header)
        for number, line in enumerate(data[:whole].splitlines(), start=1):
            try:
                row = json.loads(line)
                if number == 1:
                    self._check(row, header)
                else:
                    self.scores[row["id"]], self.archs[row["id"]] = _score(row), row["arch"]
            except (ValueError, KeyError, TypeError) as error:
                if isinstance(error, DataError):
                    raise
                raise DataError(
                    f"{self.path}, line {number}: not a score", got=repr(error), fix="give another file to write to"
                ) from None
        return whole

    def _check(self, row: Any, header: dict[str, Any]) -> None:
        if not isinstance(row, dict) or row.get("schema") != SCHEMA:
            raise DataError(
                f"{self.path} is not a file of scores", expected=SCHEMA, fix="give another file to write to"
            )
        if row != header:
            old, new = row.get("identity") or {}, header["identity"]
            changed = sorted(k for k in {*old, *new} if old.get(k) != new.get(k))
            raise DataError(
                f"{self.path} holds scores made in another way: {', '.join(changed)} differ",
                got={k: old.get(k) for k in changed},
                expected={k: new.get(k) for k in changed},
                fix="give another file to write to, or score with the same settings",
            )


def _score(row: Mapping[str, Any]) -> Score:
    value = float("nan") if row["value"] is None else row["value"]
    return Score(value, row["seconds"], row["budget"], row["std"], row["error"], row["extra"])


def score_to_file(
    estimator: Estimator[Any],
    trials: Sequence[Trial[Any]],
    path: Path | str,
    identity: Mapping[str, Any],
    *,
    progress: bool = True,
    label: str = "scoring",
) -> list[Score]:
    """Scores trials, keeping results on disk as they come; run again after a kill, it goes on where it was.

    Args:
        estimator: one that streams (`stream(trials)`) is asked so; any other gets one trial at a time.
        trials: with unique ids.
        path: of the JSON-lines file.
        identity: what the scores depend on, JSON-able; `estimator.identity` where there is one.
        progress: whether to show a bar with the time left.
        label: of the bar.

    Returns:
        A score each, in order.

    Raises:
        DataError: ids repeat, or the file holds scores made in another way, or of another architecture under an id.
    """
    ids = {t.id for t in trials}
    if len(ids) != len(trials):
        raise DataError("trial ids must be unique", got=f"{len(trials)} trials with {len(ids)} ids")
    partial = PartialScores(path, identity)
    for trial in trials:
        if trial.id in partial.archs and partial.archs[trial.id] != json.loads(json.dumps(trial.arch)):
            raise DataError(
                f"{path} holds the score of another architecture under the id {trial.id}",
                got=partial.archs[trial.id],
                expected=trial.arch,
                fix="give another file to write to, or ids that stay the same, such as the architectures themselves",
            )
    left = [t for t in trials if t.id not in partial.scores]
    bar = tqdm(total=len(trials), initial=len(trials) - len(left), disable=not progress, desc=label, unit="net")
    try:
        for trial, score in _stream(estimator, left):
            partial.add(trial, score)
            bar.update()
    finally:
        bar.close()
        partial.close()
    return [partial.scores[t.id] for t in trials]


def _stream(estimator: Any, trials: Sequence[Trial[Any]]) -> Iterator[tuple[Trial[Any], Score]]:
    if hasattr(estimator, "stream"):
        yield from estimator.stream(trials)
    else:
        for trial in trials:
            yield trial, estimator.score([trial])[0]
