"""The last epoch of a training, or its best."""

from __future__ import annotations

from typing import Any

import pytest
from doubles import Double

from ghn.errors import ConfigError, DataError
from ghn.search import ListSearch, SuccessiveHalving, run_search
from ghn.search.epochs import READINGS
from ghn.types import Score, Trial


class Peaked(Double):
    """Reaches its best after as many epochs as its name says, and is worse after each further one."""

    def score(self, trials: Any) -> list[Score]:
        return [self._score(int(t.arch), int(t.budget)) for t in trials]

    def _score(self, peak: int, epochs: int) -> Score:
        values = [1 - abs(e - peak) / 10 for e in range(1, epochs + 1)]
        curve = {"epochs": list(range(1, epochs + 1)), "val_accuracy": values}
        return Score(values[-1], budget=float(epochs), extra={"curve": curve})


def test_the_best_epoch_is_taken_and_the_last_one_kept() -> None:
    (score,) = Peaked().score([Trial("0", "3", 5.0)])
    best = READINGS["best"](score)
    assert (best.value, best.extra["last"], best.extra["best_epoch"]) == (1.0, 0.8, 3)
    assert READINGS["last"](score) is score
    failed = Score.failed("it broke")
    assert READINGS["best"](failed) is failed


def test_a_search_decides_by_it_and_goes_on_with_it_alone(tmp_path: Any) -> None:
    def run(epoch: str, name: str, **options: Any) -> Any:
        searcher = SuccessiveHalving(ListSearch(["1", "6"], None), max_budget=9, min_budget=4, n=3)
        return run_search(
            searcher, Peaked(), folder=tmp_path / name, epoch=epoch, identity={}, progress=False, **options
        )

    assert (run("last", "a").best[0].arch, run("last", "a", resume=True).best[1].value) == ("6", 0.7)
    best = run("best", "b")
    assert (best.best[0].arch, best.best[1].value) == ("1", 1.0)  # for its first epoch it was promoted, too
    with pytest.raises(DataError, match="epoch differ"):
        run("last", "b", resume=True)


def test_without_a_curve_there_is_no_best_epoch() -> None:
    class Bare(Double):
        def score(self, trials: Any) -> list[Score]:
            return [Score(0.5) for _ in trials]

    with pytest.raises(ConfigError, match=r"has no curve(.|\n)*epoch=last"):
        run_search(ListSearch(["a"]), Bare(), epoch="best", progress=False)
    with pytest.raises(ConfigError, match=r"last \| best"):
        run_search(ListSearch(["a"]), Bare(), epoch="first", progress=False)
