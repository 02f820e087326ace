"""Scores of any number of candidates in one file: what is known, what is to be done, and what came of it.

The file is SQLite: each step is a transaction, so that a kill leaves it before or after, and memory does not grow with
the number of candidates. Its tables:

    chunks       the manifest: networks that are scored in one go, how far the candidates were read, whether done
    networks     one a canonical hash: the candidate that stands for it, its chunk, and its score as a line of JSON
    candidates   all, in the order given, each once
"""

from __future__ import annotations

import errno
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ghn.disk import writing
from ghn.errors import DataError, check_settings
from ghn.lines import FIX, decode_line, encode_line
from ghn.reading import from_json, reading
from ghn.scoring.score_files import row_of_score, score_of_row
from ghn.types import Score

SCHEMA = "ghn.score_store/1"
LARGEST = 1 << 26  # bytes of a value in it
TABLES = """
BEGIN;
CREATE TABLE about (schema TEXT NOT NULL, identity TEXT NOT NULL);
CREATE TABLE chunks (number INTEGER PRIMARY KEY, upto INTEGER NOT NULL, digest TEXT NOT NULL, done INTEGER NOT NULL);
CREATE TABLE networks (number INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, architecture TEXT NOT NULL,
    chunk INTEGER NOT NULL, score TEXT);
CREATE TABLE candidates (number INTEGER PRIMARY KEY, architecture TEXT NOT NULL UNIQUE, hash TEXT, error TEXT);
CREATE INDEX chunk_of ON networks (chunk);
"""
REFUSED = {"FULL": errno.ENOSPC, "READONLY": errno.EROFS, "CANTOPEN": errno.EACCES, "IOERR": errno.EIO}  # of SQLite
ROWS = """
SELECT candidates.architecture, coalesce(candidates.hash, ''), candidates.error, networks.score
FROM candidates LEFT JOIN networks ON networks.hash = candidates.hash ORDER BY candidates.number
"""


class Candidate(NamedTuple):
    """A candidate as it was read: its canonical hash, or why it has none."""

    architecture: str
    hash: str | None = None
    error: str | None = None


class Read(NamedTuple):
    """How far candidates were read: how many, and a digest of them all, which tells others from them."""

    upto: int
    digest: str


class Scored(NamedTuple):
    """A candidate with the score of its network; of isomorphic ones the same."""

    architecture: str
    hash: str
    score: Score


class Counts(NamedTuple):
    """What a store holds."""

    candidates: int
    networks: int
    scored: int
    failed: int  # candidates


class ScoreStore:
    """A file of candidates and scores, made with its folders when missing.

    Args:
        path: of the file.
        identity: JSON-able; what the scores depend on.

    Raises:
        DataError: the file is foreign or damaged, or its scores were made with other settings.
        WriteError: the disk is full, or something stands in the way; here and wherever something is added.
    """

    def __init__(self, path: Path | str, identity: Mapping[str, Any]) -> None:
        self.path = Path(path)
        with self._reading(), self._writing():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(self.path)
            self._file.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST)
            self._open(json.dumps(identity))

    def read(self) -> Read:
        """How far the candidates were read."""
        with self._reading():
            last = self._file.execute("SELECT upto, digest FROM chunks ORDER BY number DESC LIMIT 1").fetchone()
            return Read(*last) if last else Read(0, "")

    def knows(self, hashed: str) -> bool:
        """Whether a network stands in a chunk."""
        with self._reading():
            return self._file.execute("SELECT 1 FROM networks WHERE hash = ?", (hashed,)).fetchone() is not None

    def add(self, candidates: Sequence[Candidate], read: Read) -> int:
        """Adds candidates, and those of their networks that are new as a chunk, which waits to be scored.

        Returns:
            The number of the chunk.
        """
        new = [(one.hash, one.architecture) for one in candidates if one.hash is not None]
        with self._writing(), self._file as file:
            (number,) = file.execute("SELECT coalesce(max(number), 0) + 1 FROM chunks").fetchone()
            unless = "ON CONFLICT DO NOTHING"
            file.executemany(
                f"INSERT INTO candidates (architecture, hash, error) VALUES (?, ?, ?) {unless}", candidates
            )
            file.executemany(
                f"INSERT INTO networks (hash, architecture, chunk) VALUES (?, ?, {number:d}) {unless}", new
            )
            (added,) = file.execute("SELECT count(*) FROM networks WHERE chunk = ?", (number,)).fetchone()
            file.execute("INSERT INTO chunks VALUES (?, ?, ?, ?)", (number, *read, not added))
        return int(number)

    def waiting(self) -> list[int]:
        """Numbers of the chunks that are not done."""
        with self._reading():
            found = self._file.execute("SELECT number FROM chunks WHERE NOT done ORDER BY number").fetchall()
        return [number for (number,) in found]

    def networks(self, chunk: int) -> list[tuple[str, str]]:
        """Hash and architecture of each network of a chunk, in the order of the candidates."""
        found = "SELECT hash, architecture FROM networks WHERE chunk = ? ORDER BY number"
        with self._reading():
            return self._file.execute(found, (chunk,)).fetchall()

    def done(self, chunk: int, scores: Mapping[str, Score]) -> None:
        """Writes the scores of a chunk by hash, all of them or none; what is done already stays as it is."""
        rows = [(encode_line(row_of_score(score)).rstrip(), hashed, chunk) for hashed, score in scores.items()]
        with self._writing(), self._file as file:
            if file.execute("UPDATE chunks SET done = 1 WHERE number = ? AND NOT done", (chunk,)).rowcount:
                file.executemany("UPDATE networks SET score = ? WHERE hash = ? AND chunk = ?", rows)

    def scored(self) -> Iterator[Scored]:
        """All candidates in their order with what is known of them; those that wait are left out."""
        with self._reading():
            for architecture, hashed, error, score in self._file.execute(ROWS):
                if error is not None:
                    yield Scored(str(architecture), hashed, Score.failed(str(error)))
                elif score is not None:
                    yield Scored(str(architecture), hashed, score_of_row(decode_line(score.encode())))

    def counts(self) -> Counts:
        """How many there are."""
        failed = "json_extract(score, '$.error') IS NOT NULL"
        with self._reading():
            networks, scored = self._file.execute("SELECT count(*), count(score) FROM networks").fetchone()
            candidates, none = self._file.execute("SELECT count(*), count(error) FROM candidates").fetchone()
            query = f"SELECT count(*) FROM candidates JOIN networks USING (hash) WHERE {failed}"
            (bad,) = self._file.execute(query).fetchone()
        return Counts(candidates, networks, scored, none + bad)

    def close(self) -> None:
        self._file.close()

    def _reading(self) -> AbstractContextManager[None]:
        """Around what reads the file, which may be any."""
        return reading(f"{self.path} is no file of scores, or damaged", fix=FIX)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """What SQLite says of a disk, as the system says it; a transaction that fails is taken back."""
        with writing(self.path):
            try:
                yield
            except sqlite3.OperationalError as error:
                name = (error.sqlite_errorname or "").split("_")
                number = next((number for word, number in REFUSED.items() if word in name), None)
                if number is None:
                    raise
                number = errno.EISDIR if self.path.is_dir() else number
                raise OSError(number, str(error)) from error

    def _open(self, identity: str) -> None:
        """Makes the tables where there are none, and refuses those of other settings."""
        self._file.execute("PRAGMA trusted_schema = OFF")  # what others wrote in it runs nothing
        if not self._file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            self._file.executescript(TABLES)
            self._file.execute("INSERT INTO about VALUES (?, ?)", (SCHEMA, identity))
            self._file.commit()
        schema, known = self._file.execute("SELECT schema, identity FROM about").fetchone()
        if schema != SCHEMA:
            raise DataError(f"{self.path} is of another version", got=schema, expected=SCHEMA, fix=FIX)
        fix = f"{FIX}, or go on with the same settings"
        check_settings(DataError, self.path, from_json(known), from_json(identity), fix)
