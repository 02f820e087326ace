"""The history of a search on disk: what was proposed and what came of it, in order, so that a killed run goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ghn.errors import DataError, ExistsError
from ghn.files import JsonLines
from ghn.lines import decode_line
from ghn.reading import open_plain, there_is
from ghn.scoring.score_files import row_of_score, score_of_row
from ghn.search.basic import as_raisable
from ghn.types import Score, Searcher, Trial

SCHEMA = "ghn.search/1"
NAME = "history.jsonl"
LONGEST = 1 << 24  # bytes of the first line
SYNC_SECONDS = 1.0  # waiting for the disk can take longer than proposing a thousand trials


class History:
    """A line for every proposal and every score; a score is written before the searcher is told of it.

    A killed process loses nothing but what is held back (`told`). The disk is waited for once a second at most, which
    after trials that take longer is each time: a power cut loses trials of the last second.

    Args:
        folder: of `history.jsonl`; None keeps nothing.
        identity: JSON-able; what the search depends on.
        resume: go on with the history that is there.

    Raises:
        ExistsError: there is a history already, and `resume` is false.
        DataError: it is foreign or damaged, or of a search with other settings.
    """

    def __init__(self, folder: Path | str | None, identity: Mapping[str, Any], *, resume: bool = False) -> None:
        self.path = None if folder is None else Path(folder) / NAME
        if self.path and self.path.exists() and not resume:
            raise ExistsError(
                "there is a search already", got=str(self.path), fix="choose another folder, or go on: resume=True"
            )
        self._synced, self._holding = float("-inf"), False
        self._lines = JsonLines(self.path, SCHEMA, identity, "a search") if self.path else None

    def replay(self, searcher: Searcher[Any]) -> tuple[list[tuple[Trial[Any], Score]], list[Trial[Any]]]:
        """Brings a new searcher to where the history ends.

        Returns:
            What was told, in order; and the trials that were proposed and have no score yet.
        """
        told: list[tuple[Trial[Any], Score]] = []
        pending: dict[str, Trial[Any]] = {}
        for number, row in self._lines.rows if self._lines else ():
            assert self._lines is not None
            with self._lines.reading(number, "a proposal or a score of a search"):
                if "raise" in row:
                    as_raisable(searcher).raise_budget(row["raise"])
                elif "ask" in row:
                    trial = self._again(searcher, row["ask"], number)
                    pending[trial.id] = trial
                else:
                    trial, score = pending.pop(row["tell"]), score_of_row(row)
                    searcher.tell(trial, score)
                    told.append((trial, score))
        return told, list(pending.values())

    def asked(self, trial: Trial[Any], bracket: int | None = None) -> None:
        row: dict[str, Any] = {"ask": row_of_trial(trial)}
        self._write(row if bracket is None else {**row, "bracket": bracket})

    def raised(self, max_budget: float) -> None:
        """Notes that the largest budget was raised here."""
        self._write({"raise": max_budget})

    def _write(self, row: Mapping[str, Any]) -> None:
        if self._lines:
            (self._lines.hold if self._holding else self._lines.append)(row)

    def told(self, trial: Trial[Any], score: Score, *, hold: bool = False) -> None:
        """Writes a score; on return the operating system has it, and the disk if it was not waited for just now.

        With `hold`, the score and what is proposed after it are kept back until the next score that is not, or the end:
        a run that gives up after many failures in a row can drop them (`drop_held`), as no candidate was to blame.
        """
        if self._lines is None:
            return
        row, self._holding = {"tell": trial.id} | row_of_score(score), hold
        if hold:
            self._lines.hold(row)
            return
        due = time.monotonic() - self._synced > SYNC_SECONDS
        self._lines.append(row, sync=due)
        self._synced = time.monotonic() if due else self._synced

    def drop_held(self) -> None:
        if self._lines:
            self._lines.drop_held()

    def close(self) -> None:
        if self._lines:
            self._lines.close()

    def _again(self, searcher: Searcher[Any], row: Mapping[str, Any], number: int) -> Trial[Any]:
        """Lets the searcher propose what it did."""
        trials = searcher.ask(1)
        found = json.loads(json.dumps(row_of_trial(trials[0]))) if trials else None
        if found != row:
            raise DataError(
                f"{self.path}, line {number}: the searcher does not propose what it did",
                got=found,
                expected=dict(row),
                fix="go on with the version of ghn, the space and the estimator with which the search began",
            )
        return trials[0]


def begun_budget(folder: Path | str) -> float | None:
    """The largest budget with which the search in a folder began; None where there is none, or it has none."""
    path = Path(folder) / NAME
    if not there_is(path):
        return None
    try:
        with open_plain(path) as file:
            found = decode_line(file.readline(LONGEST))["identity"]["searcher"]
        while "rungs" not in found:
            found = found["inner"]
        return float(found["rungs"][-1])
    except Exception:
        return None  # of another searcher, or damaged: whoever goes on with it is told


def row_of_trial(trial: Trial[Any]) -> dict[str, Any]:
    """A trial as JSON."""
    return {"id": trial.id, "arch": trial.arch, "budget": trial.budget, "resume": trial.resume}
