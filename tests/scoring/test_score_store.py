"""Candidates, chunks and scores in a file that a kill leaves whole."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ghn.errors import DataError, WriteError
from ghn.scoring.score_store import Candidate, Read, ScoreStore
from ghn.types import Score

IDENTITY = {"weights": "a", "sample": {"val": 2}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "scores.sqlite"


def test_networks_are_scored_once_and_candidates_listed_all(path: Path) -> None:
    with closing(ScoreStore(path, IDENTITY)) as store:
        assert store.read() == (0, "") and store.waiting() == []
        some = [Candidate("x", "1"), Candidate("y", "2"), Candidate("z", "1"), Candidate("bad", error="malformed")]
        assert store.add(some, Read(4, "d")) == 1 and store.knows("2") and not store.knows("3")
        assert store.add([Candidate("x", "1"), Candidate("w", "2")], Read(6, "e")) == 2  # nothing new: done at once
        assert store.waiting() == [1] and store.networks(1) == [("1", "x"), ("2", "y")]
        assert [one.architecture for one in store.scored()] == ["bad"]
        store.done(1, {"1": Score(0.5, 0.1, std=0.2, extra={"loss": 1.0}), "2": Score.failed("burst")})
        store.done(1, {"1": Score(9.0), "2": Score(9.0)})  # by one who was thought dead
    with closing(ScoreStore(path, IDENTITY)) as store:
        assert store.read() == (6, "e") and store.waiting() == [] and store.counts() == (5, 2, 2, 3)
        rows = {one.architecture: (one.hash, one.score.value, one.score.error) for one in store.scored()}
    assert list(rows) == ["x", "y", "z", "bad", "w"]
    assert rows["x"] == rows["z"] == ("1", 0.5, None)
    assert rows["w"][2] == rows["y"][2] == "burst" and rows["bad"][2] == "malformed"


def test_a_chunk_is_written_whole_or_not_at_all(path: Path) -> None:
    with closing(ScoreStore(path, IDENTITY)) as store:
        store.add([Candidate("x", "1"), Candidate("y", "2")], Read(2, "d"))
        with pytest.raises(sqlite3.Error):
            store.add([Candidate("v", "3"), Candidate(None, "4")], Read(4, "e"))  # type: ignore[arg-type]
        with pytest.raises(sqlite3.Error):
            store.done(1, {"1": Score(1.0), object(): Score(1.0)})  # type: ignore[dict-item]
    with closing(ScoreStore(path, IDENTITY)) as store:
        assert store.waiting() == [1] and store.counts() == (2, 2, 0, 0) and store.read() == (2, "d")


def test_a_score_knows_its_checksum(path: Path) -> None:
    with closing(ScoreStore(path, IDENTITY)) as store:
        store.add([Candidate("x", "1")], Read(1, "d"))
        store.done(1, {"1": Score(0.5)})
    for old, new in (("0.5", "0.6"), (', "crc"', ', "other"')):  # a changed digit; a file of an older version
        with closing(sqlite3.connect(path)) as file, file:
            file.execute("UPDATE networks SET score = replace(score, ?, ?)", (old, new))
        with closing(ScoreStore(path, IDENTITY)) as store:
            if new == "0.6":
                with pytest.raises(DataError, match="the checksum in it is not that of its content"):
                    list(store.scored())
            else:
                assert [one.score.value for one in store.scored()] == [0.6]


def test_foreign_files_are_refused(path: Path) -> None:
    ScoreStore(path, IDENTITY).close()
    with pytest.raises(DataError, match=r"other settings: sample, weights differ|weights differ"):
        ScoreStore(path, {**IDENTITY, "weights": "b"})
    path.write_bytes(b"no database, and longer than a hundred bytes: " * 4)
    with pytest.raises(DataError, match="no file of scores"):
        ScoreStore(path, IDENTITY)
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE about (schema, identity)")
        other.execute("INSERT INTO about VALUES ('mine', '{}')")
        other.commit()
    with pytest.raises(DataError, match="another version"):
        ScoreStore(path, IDENTITY)


def test_a_full_disk_takes_a_step_back(path: Path) -> None:
    with closing(ScoreStore(path, IDENTITY)) as store:
        store.add([Candidate("x", "1")], Read(1, "d"))
        (pages,) = store._file.execute("PRAGMA page_count").fetchone()
        store._file.execute(f"PRAGMA max_page_count = {pages}")
        many = [Candidate("y" * 100 + str(i), str(i)) for i in range(2, 400)]
        with pytest.raises(WriteError, match=r"scores\.sqlite cannot be written(.|\n)*full(.|\n)*make room") as error:
            store.add(many, Read(400, "e"))
        assert error.value.errno == errno.ENOSPC and store.read() == (1, "d")
    path.unlink()
    path.mkdir()
    with pytest.raises(WriteError, match=r"unable to open(.|\n)*a folder stands where a file should"):
        ScoreStore(path, IDENTITY)
