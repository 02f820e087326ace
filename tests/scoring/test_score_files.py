"""Partial results: a killed run goes on without scoring anything twice, and never with somebody else's scores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from doubles import Double

from ghn.errors import DataError, EstimatorError
from ghn.lines import decode_line, encode_line
from ghn.scoring.guard import Patience
from ghn.scoring.score_files import PartialScores, score_to_file
from ghn.types import Score, Trial

TRIALS = [Trial(f"t{i}", ("cell", str(i))) for i in range(10)]
IDENTITY = {"weights": "abc", "sample": {"val": 8}, "shape": (3, 8, 8)}


class Plain(Double):
    """Scores one at a time, and is killed at the trial `dies`."""

    def __init__(self, dies: int | None = None, raises: Sequence[int] = ()) -> None:
        self.dies, self.raises, self.asked = dies, raises, 0

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        return [self._score(t) for t in trials]

    def _score(self, trial: Trial[Any]) -> Score:
        i = int(trial.id[1:])
        if i == self.dies:
            raise KeyboardInterrupt
        if i in self.raises:
            raise RuntimeError("shapes do not fit")
        self.asked += 1
        if i == 3:
            return Score.failed("no such operation: 'fft'\nat all", 0.25)
        return Score(i / 3, 0.5, budget=20.0, std=0.1, extra={"loss": 1 / (i + 1), "curve": [0.1, i]})


class Streaming(Plain):
    def stream(self, trials: Sequence[Trial[Any]]) -> Iterator[tuple[Trial[Any], Score]]:
        for trial in trials:
            yield trial, self._score(trial)


def run(estimator: Plain, path: Path, **changes: Any) -> list[Score]:
    trials, identity = changes.pop("trials", TRIALS), changes.pop("identity", IDENTITY)
    return score_to_file(estimator, trials, path, identity, progress=False, **changes)


def same(a: Sequence[Score], b: Sequence[Score]) -> bool:
    return list(map(repr, a)) == list(map(repr, b))  # NaN equals itself here


@pytest.mark.parametrize("kind", [Plain, Streaming])
def test_killed_and_resumed_scores_nothing_twice(tmp_path: Path, kind: type[Plain]) -> None:
    path, whole = tmp_path / "deep" / "scores.jsonl", kind()
    expected = run(whole, tmp_path / "whole.jsonl")
    killed, resumed, idle = kind(dies=6), kind(), kind()
    with pytest.raises(KeyboardInterrupt):
        run(killed, path)
    assert same(run(resumed, path), expected)
    assert (whole.asked, killed.asked, resumed.asked) == (10, 6, 4)
    assert same(run(idle, path), expected) and idle.asked == 0
    assert path.read_text() == (tmp_path / "whole.jsonl").read_text()


@pytest.mark.parametrize("kind", [Plain, Streaming])
def test_what_is_raised_for_one_trial_is_its_failure(tmp_path: Path, kind: type[Plain]) -> None:
    path = tmp_path / "scores.jsonl"
    scores = run(kind(raises=[4, 9]), path)
    others = run(kind(), tmp_path / "whole.jsonl")
    assert [s.error for s in (scores[4], scores[9])] == ["RuntimeError: shapes do not fit"] * 2
    assert same(
        [s for i, s in enumerate(scores) if i not in (4, 9)], [s for i, s in enumerate(others) if i not in (4, 9)]
    )
    idle = kind()
    assert same(run(idle, path), scores) and idle.asked == 0  # counted, as what an estimator returns is


@pytest.mark.parametrize("kind", [Plain, Streaming])
def test_a_row_of_raised_failures_ends_the_run_and_is_not_kept(tmp_path: Path, kind: type[Plain]) -> None:
    path, mended = tmp_path / "scores.jsonl", kind()
    with pytest.raises(EstimatorError, match=r"3 candidates in a row(.|\n)*shapes do not fit"):
        run(kind(raises=range(4, 10)), path, give_up_after=3)
    assert same(run(mended, path), run(kind(), tmp_path / "whole.jsonl")) and mended.asked == 6
    assert path.read_text() == (tmp_path / "whole.jsonl").read_text()
    counted = run(kind(raises=range(4, 10)), tmp_path / "all.jsonl", give_up_after=None)
    assert [s.ok for s in counted] == [i < 4 and i != 3 for i in range(10)]


class Together(Streaming):
    """Says how far each trial is above the mean of those that it is asked about."""

    together = True

    def stream(self, trials: Sequence[Trial[Any]]) -> Iterator[tuple[Trial[Any], Score]]:
        numbers = [int(trial.id[1:]) for trial in trials]
        for trial, number in zip(trials, numbers, strict=True):
            if number == self.dies:
                raise KeyboardInterrupt
            yield trial, Score(number - sum(numbers) / len(numbers))


def test_what_is_judged_together_is_never_judged_in_part(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    expected = run(Together(), tmp_path / "whole.jsonl")
    with pytest.raises(KeyboardInterrupt):
        run(Together(dies=6), path)
    assert same(run(Together(), path), expected)
    with pytest.raises(DataError, match="scored_with differ"):
        run(Together(), path, trials=TRIALS[:8])


@pytest.mark.parametrize("cut", [1, 20, -3])
def test_a_torn_last_line_is_written_anew(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "scores.jsonl"
    expected = run(Plain(), path)
    whole = path.read_text()
    last = whole.rstrip("\n").rindex("\n") + 1
    path.write_text(whole[: last + cut if cut > 0 else cut])
    again = Plain()
    assert same(run(again, path), expected) and again.asked == 1
    assert path.read_text() == whole


@pytest.mark.parametrize("keep", [0, 1, 30])
def test_a_torn_header_is_written_anew(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "scores.jsonl"
    run(Plain(), path)
    whole = path.read_text()
    path.write_text(whole[:keep])
    run(Plain(), path)
    assert path.read_text() == whole


def test_more_trials_may_follow_in_any_order(tmp_path: Path) -> None:
    path, more = tmp_path / "scores.jsonl", Plain()
    run(Plain(), path, trials=TRIALS[:4])
    scores = run(more, path, trials=TRIALS[::-1])
    assert more.asked == 6 and same(scores[::-1], run(Plain(), tmp_path / "whole.jsonl"))


def test_scores_made_in_another_way_are_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    run(Plain(), path)
    before = path.read_bytes()
    with pytest.raises(DataError, match="sample, weights differ") as caught:
        run(Plain(), path, identity={**IDENTITY, "weights": "xyz", "sample": {"val": 9}})
    assert "xyz" in str(caught.value) and "abc" in str(caught.value) and "shape" not in str(caught.value)
    with pytest.raises(DataError, match="device differ"):
        run(Plain(), path, identity={**IDENTITY, "device": "cpu"})
    assert path.read_bytes() == before


def test_another_architecture_under_a_known_id_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    run(Plain(), path, trials=TRIALS[:4])
    with pytest.raises(DataError, match="another architecture under the id t2"):
        run(Plain(), path, trials=[*TRIALS[:2], Trial("t2", ("cell", "5"))])


def test_repeated_ids_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="11 trials with 10 ids"):
        run(Plain(), tmp_path / "scores.jsonl", trials=[*TRIALS, TRIALS[0]])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content",
    ["my notes", "my notes\n", "[1, 2]\n", '{"schema": "ghn.scores/0"}\n', '{"step": 1}\n{"step": 2}\n', "\n"],
)
def test_a_foreign_file_is_refused_and_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(content)
    with pytest.raises(DataError, match="another file"):
        run(Plain(), path)
    assert path.read_text() == content


@pytest.mark.parametrize("line", ["nonsense", "[]", '{"id": "t9"}', '{"id": "t9", "value": null, "error": null}'])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "scores.jsonl"
    run(Plain(), path, trials=TRIALS[:2])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(DataError, match="line 4"):
        run(Plain(), path)


def test_every_line_is_there_as_soon_as_it_is_scored(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    partial = PartialScores(path, IDENTITY)
    for i, trial in enumerate(TRIALS[:3]):
        partial.add(trial, Score(float(i)), Patience())
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        assert len(rows) == i + 2 and rows[-1]["id"] == trial.id and rows[-1]["arch"] == list(trial.arch)
    partial.close()


@pytest.mark.parametrize(
    "change",
    [
        {"seconds": "0.5"},
        {"seconds": None},
        {"value": 10**400},
        {"value": True},
        {"std": "x"},
        {"budget": []},
        {"error": 3},
        {"extra": []},
        {"id": []},
    ],
    ids=str,
)
def test_a_row_that_is_no_score_is_refused_with_its_line(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "scores.jsonl"
    run(Plain(), path, trials=TRIALS[:2])
    header, first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header + first + encode_line(decode_line(second) | change).encode())
    before = path.read_bytes()
    for _ in range(2):  # the lock of the file is given back
        with pytest.raises(DataError, match=r"scores\.jsonl, line 3: not a score"):
            run(Plain(), path)
    assert path.read_bytes() == before


def test_files_of_older_versions_are_gone_on_with(tmp_path: Path) -> None:
    path, expected = tmp_path / "scores.jsonl", run(Plain(), tmp_path / "whole.jsonl")
    run(Plain(), path, trials=TRIALS[:5])
    path.write_text("".join(json.dumps(decode_line(line)) + "\n" for line in path.read_bytes().splitlines()))
    again = Plain()
    assert same(run(again, path), expected) and again.asked == 5
    assert path.read_text().count('"crc"') == 5
