"""Streams of candidates through workers: each network once, whatever is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from doubles import Double
from toy_models import CHAIN, EDGE, cells

from ghn.errors import ConfigError, DataError, EstimatorError
from ghn.scoring.score_store import ScoreStore
from ghn.search.score_all import make_chunk_judge, score_all
from ghn.search.workers import Here
from ghn.types import Score, Trial


class Asked(Double):
    """Keeps what it was asked, and fails where it is told to."""

    def __init__(self, raises: Callable[[Any], bool] = lambda arch: False) -> None:
        super().__init__()
        self.asked, self.raises = list[Any](), raises

    def score(self, trials: Any) -> list[Score]:
        self.asked += [trial.arch for trial in trials]
        if any(self.raises(trial.arch) for trial in trials):
            raise ValueError("shapes do not fit")
        return [Score(float(sum("conv" in op for op in trial.arch))) for trial in trials]


def strings(space: Any, n: int = 20) -> list[str]:
    return [space.format(cell) for cell in [*cells(n), CHAIN, EDGE]]


def run(path: Path, space: Any, archs: Any, estimator: Any, **options: Any) -> dict[str, Score]:
    with closing(ScoreStore(path, {})) as store:
        workers = Here(make_chunk_judge(lambda: (estimator, space)))
        score_all(archs, space, store, workers, chunk=4, progress=False, **options)
        return {one.architecture: one.score for one in store.scored()}


def test_each_network_is_judged_once(toy_space: Any, tmp_path: Path) -> None:
    archs, estimator = [*strings(toy_space), "|fft~0|", *strings(toy_space, 2)], Asked()
    found = run(tmp_path / "a", toy_space, iter(archs), estimator)
    assert list(found) == list(dict.fromkeys(archs)) and "fft" in (found["|fft~0|"].error or "")
    functions = {toy_space.canonical(toy_space.parse(text)) for text in strings(toy_space)}
    assert len(estimator.asked) == len(functions) == len({toy_space.canonical(arch) for arch in estimator.asked})
    assert all(one.value == text.count("conv") for text, one in found.items() if one.ok and text not in archs[20:22])
    assert found[archs[20]] == found[archs[21]]  # two that compute the same


def test_a_killed_run_goes_on(toy_space: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archs, path, first, then = strings(toy_space), tmp_path / "a", Asked(), Asked()
    write, calls = ScoreStore.done, list[int]()

    def done(store: ScoreStore, chunk: int, scores: Any) -> None:
        calls.append(chunk)
        if len(calls) == 3:
            raise KeyboardInterrupt
        write(store, chunk, scores)

    monkeypatch.setattr(ScoreStore, "done", done)
    with pytest.raises(KeyboardInterrupt):
        run(path, toy_space, archs, first)
    monkeypatch.setattr(ScoreStore, "done", write)
    assert len(first.asked) == 12
    found = run(path, toy_space, archs, then)
    assert then.asked[:4] == first.asked[8:]  # the chunk that was lost, first
    assert found == run(tmp_path / "b", toy_space, archs, Asked()) and len(found) == 22
    assert [*first.asked[:8], *then.asked] == list(dict.fromkeys(first.asked + then.asked))  # none twice
    idle = Asked()
    assert run(path, toy_space, archs, idle) == found and not idle.asked
    more = Asked()
    assert len(run(path, toy_space, [*archs, *strings(toy_space, 23)], more)) == 25 and len(more.asked) == 3


def test_other_candidates_are_refused(toy_space: Any, tmp_path: Path) -> None:
    archs = strings(toy_space, 6)
    found = run(tmp_path / "a", toy_space, archs, Asked())
    for others in (archs[1:], archs[:-1], [archs[1], archs[0], *archs[2:]]):
        with pytest.raises(DataError, match="its first 8 are not these"):
            run(tmp_path / "a", toy_space, others, Asked())
    assert run(tmp_path / "a", toy_space, archs, Asked()) == found


def test_failures_are_rows_until_all_fail(toy_space: Any, tmp_path: Path) -> None:
    archs = strings(toy_space, 6)
    bad = toy_space.parse(archs[1])
    found = run(tmp_path / "a", toy_space, archs, Asked(lambda arch: arch == bad))
    assert [text for text, one in found.items() if not one.ok] == [archs[1]]
    with pytest.raises(EstimatorError, match="3 candidates in a row"):
        run(tmp_path / "b", toy_space, archs, Asked(lambda arch: True), give_up_after=3)
    assert all(one.ok for one in run(tmp_path / "b", toy_space, archs, Asked()).values())  # mended


def test_memory_does_not_grow_with_the_candidates(toy_space: Any, tmp_path: Path) -> None:
    alive = 0

    class Text(str):
        """Counts those of it that are held."""

        __slots__ = ()

        def __new__(cls, text: str) -> Text:
            nonlocal alive
            alive += 1
            return super().__new__(cls, text)

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    most = 0

    def stream() -> Iterator[str]:
        nonlocal most
        for text in strings(toy_space, 60):
            most = max(most, alive)
            yield Text(text)

    assert len(run(tmp_path / "a", toy_space, stream(), Asked())) == 62 and most <= 8


def test_estimators_that_compare_candidates_are_refused(toy_space: Any) -> None:
    class Together(Asked):
        together = True

    with pytest.raises(ConfigError, match="by one another"):
        make_chunk_judge(lambda: (Together(), toy_space))


def test_a_judge_gives_a_score_a_network(toy_space: Any) -> None:
    archs = strings(toy_space, 3)
    trial = Trial("chunk 1", (1, tuple((str(i), text) for i, text in enumerate(archs))))
    score = make_chunk_judge(lambda: (Asked(lambda arch: arch == CHAIN), toy_space))(trial, None)
    assert score.value == 4 and [row["error"] is None for row in score.extra["scores"]] == [True] * 3 + [False, True]
