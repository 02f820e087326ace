"""A cheap estimator in front of a searcher's proposals, and PNAS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import toy
from doubles import Double

from ghn.errors import ConfigError, EstimatorError
from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.search import ProgressiveSearch, RandomSearch, RegularizedEvolution, Screened
from ghn.types import Growing, Score, Searcher, Trial


class Convs(Double):
    """Likes convolutions; cannot judge cells that begin with a pooling."""

    def __init__(self) -> None:
        self.fitted: list[int] = []

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None:
        assert all(score.ok for _, score in history)
        self.fitted.append(len(history))

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        return [
            Score.failed("no pooling, please", 0.5)
            if t.arch[0] == "avg_pool_3x3"
            else Score(sum(op.startswith("nor_conv") for op in t.arch), 0.5)
            for t in trials
        ]


def test_the_liked_ones_of_the_proposals_are_handed_on() -> None:
    proposals = RandomSearch(toy.SPACE, 0).ask(40)
    values = [score.value if score.ok else -1 for score in Convs().score(proposals)]
    searcher = Screened(RandomSearch(toy.SPACE, 0), Convs(), 20)
    chosen = searcher.ask(2)
    assert sorted(values, reverse=True)[:2] == sorted((values[proposals.index(t)] for t in chosen), reverse=True)
    assert searcher.cost_seconds == 20
    alone = [values[20 * i + max(range(20), key=lambda j: values[20 * i + j])] for i in range(2)]
    one = Screened(RandomSearch(toy.SPACE, 0), Convs(), 20)
    assert [values[proposals.index(one.ask()[0])] for _ in range(2)] == alone


def test_what_was_screened_out_is_no_parent_and_fills_no_population() -> None:
    searcher = Screened(RegularizedEvolution(toy.SPACE, 0, population=4, sample=4), Convs(), 8)
    good = []
    for i in range(12):
        (trial,) = searcher.ask()
        assert i < 4 or any(trial.arch in set(toy.SPACE.neighbours(arch)) for arch in good[-4:])
        good.append(trial.arch)
        searcher.tell(trial, Score(0.5))


def test_the_estimator_is_fitted_to_successes_when_it_is_time() -> None:
    judge = Convs()
    searcher = Screened(RandomSearch(toy.SPACE, 0), judge, 2, refit=3)
    for i in range(14):
        (trial,) = searcher.ask()
        searcher.tell(trial, Score.failed("it broke") if i % 2 else Score(0.1 * i))
    assert judge.fitted == [3, 6]


class Raising(Convs):
    """Raises where the other fails; or always."""

    def __init__(self, *, always: bool = False) -> None:
        super().__init__()
        self.always = always

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        if self.always or any(not score.ok for score in super().score(trials)):
            raise RuntimeError("no pooling, please")
        return super().score(trials)


def test_proposals_for_which_the_estimator_raises_are_liked_least() -> None:
    chosen = Screened(RandomSearch(toy.SPACE, 0), Raising(), 20).ask(2)
    assert chosen == Screened(RandomSearch(toy.SPACE, 0), Convs(), 20).ask(2)
    with pytest.raises(EstimatorError, match=r"20 candidates in a row(.|\n)*no pooling, please"):
        Screened(RandomSearch(toy.SPACE, 0), Raising(always=True), 20).ask(2)


def test_the_estimator_is_not_fitted_to_fewer_references_than_it_needs() -> None:
    surrogate = SurrogateEstimator(toy.SPACE, model="ridge", least=10)
    surrogate.fit([(Trial(str(i), a), Score(i / 20)) for i, a in enumerate(list(toy.SPACE.distinct())[:20])])
    before, searcher = surrogate.identity, Screened(RandomSearch(toy.SPACE, 0), surrogate, 2, refit=4)
    for i in range(12):
        assert (surrogate.identity == before) == (i < 12)
        (trial,) = searcher.ask()
        searcher.tell(trial, Score(0.1 * i))
    assert surrogate.identity != before  # 4 and 8 were too few


@pytest.mark.parametrize("settings", [{"factor": 1}, {"factor": 4, "refit": 0}])
def test_senseless_settings(settings: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="screening"):
        Screened(RandomSearch(toy.SPACE, 0), Convs(), **settings)


# --- PNAS: levels, what the surrogate decides, and what it is told

SPACE = toy.SPACE


class Counting(Double):
    """Prefers what has most of one operation, and remembers what it was fitted on."""

    least = 1

    def __init__(self, op: str = "nor_conv_3x3") -> None:
        self.op, self.fits = op, []

    def fit(self, history: Any) -> None:
        self.fits.append([trial.id for trial, _ in history])

    def score(self, trials: Any) -> list[Score]:
        return [Score(SPACE.canonical(t.arch).count(self.op)) for t in trials]  # the same for all forms of a function


def drive(searcher: Any, ask: int = 3, fails: Any = lambda trial: False) -> dict[int, list[Trial[Any]]]:
    """Trials by level; scores are told in the reverse order of the proposals."""
    levels: dict[int, list[Trial[Any]]] = {}
    waiting: list[Trial[Any]] = []
    while True:
        new = searcher.ask(ask)
        levels.setdefault(searcher.level, []).extend(new)
        waiting += new
        if not new and not waiting:
            return {level: trials for level, trials in levels.items() if trials}
        if not new:
            for trial in reversed(waiting):
                searcher.tell(trial, Score.failed("x") if fails(trial) else Score(value(trial)))
            waiting = []


def value(trial: Trial[Any]) -> float:
    return SPACE.encode(trial.arch)["count_conv"] / 10


def search(**settings: Any) -> ProgressiveSearch[Any]:
    return ProgressiveSearch(SPACE, **{"beam": 6, "surrogate": Counting(), **settings})


def test_levels_grow_by_a_path_and_functions_are_new() -> None:
    levels = drive(search())
    assert {level: len(trials) for level, trials in levels.items()} == {1: 6, 2: 6, 3: 6, 4: 6}
    for level, trials in levels.items():
        for trial in trials:
            ops, nodes = SPACE.cell(trial.arch), {0, 3}
            nodes |= {n for edge, op in zip(ops.edges, ops.ops, strict=True) if op != "none" for n in edge}
            used = sum(op != "none" for op in ops.ops)
            assert used - len(nodes) + 2 == level
    keys = [SPACE.canonical(t.arch) for trials in levels.values() for t in trials]
    assert len(set(keys)) == len(keys) == 24


def test_the_surrogate_decides_and_is_refitted_each_level() -> None:
    surrogate = Counting()
    levels = drive(search(surrogate=surrogate))
    assert [len(ids) for ids in surrogate.fits] == [6, 12, 18]
    forms: dict[str, list[Any]] = {}
    for arch in SPACE:
        forms.setdefault(SPACE.canonical(arch), []).append(arch)
    known: set[str] = set()
    for level in (1, 2, 3):
        parents = {SPACE.canonical(t.arch) for t in levels[level]}
        known |= parents
        grown = {SPACE.canonical(a) for key in parents for form in forms[key] for a in SPACE.expand(form)}
        best = sorted((key.count("nor_conv_3x3") for key in grown - known), reverse=True)
        chosen = [SPACE.canonical(t.arch).count("nor_conv_3x3") for t in levels[level + 1]]
        assert chosen == best[:6]
    pools = drive(search(surrogate=Counting("avg_pool_3x3")))
    assert [t.arch for t in pools[4]] != [t.arch for t in levels[4]]


def test_it_finds_better_networks_than_its_first_level() -> None:
    searcher = ProgressiveSearch(SPACE, beam=12, surrogate=SurrogateEstimator(SPACE, model="ridge"))
    levels = drive(searcher)
    best = [max(map(value, trials)) for trials in levels.values()]
    assert best == sorted(best) and best[-1] == 0.6 and best[0] <= 0.3  # six convolutions are the most there are


def test_a_level_waits_for_its_scores() -> None:
    searcher = search(beam=4)
    trials = searcher.ask(10)
    assert len(trials) == 4 and searcher.ask() == []
    for trial in trials[:3]:
        searcher.tell(trial, Score(0.5))
        assert searcher.ask() == [] and searcher.level == 1
    searcher.tell(trials[3], Score(0.5))
    assert len(searcher.ask(10)) == 4 and searcher.level == 2


def test_the_paper_trains_the_whole_first_level() -> None:
    searcher = search(first=100)
    assert len({SPACE.canonical(t.arch) for t in searcher.ask(100)}) == 40


def test_failures_do_not_grow() -> None:
    levels = drive(search(), fails=lambda trial: int(trial.id) % 3 == 0)
    assert [len(trials) for trials in levels.values()] == [6, 6, 6, 6]
    assert list(drive(search(), fails=lambda trial: True)) == [1]


def test_without_enough_references_a_level_is_drawn_at_random() -> None:
    surrogate = SurrogateEstimator(SPACE, model="ridge", least=10)
    searcher = search(beam=6, surrogate=surrogate)
    for trial in searcher.ask(6):
        searcher.tell(trial, Score(value(trial)))
    assert len(searcher.ask(6)) == 6 and not surrogate.references


def test_the_same_seed_gives_the_same_trials_whatever_the_workers() -> None:
    assert drive(search()) == drive(search(), ask=1) == drive(search(), ask=50)
    assert drive(search(seed=1)) != drive(search())


def test_budgets_and_protocol() -> None:
    searcher = search(budget=5)
    assert isinstance(searcher, Searcher) and isinstance(SPACE, Growing) and searcher.source
    trial = searcher.ask()[0]
    assert trial.budget == 5
    searcher.tell(trial, Score(0.5))
    for wrong in (trial, Trial("nobody's", trial.arch)):
        with pytest.raises(ConfigError, match="does not await"):
            searcher.tell(wrong, Score(0.5))


def test_what_does_not_fit() -> None:
    class Flat:
        name = "flat"

    with pytest.raises(ConfigError, match=r"expand\(arch\)"):
        ProgressiveSearch(Flat())  # type: ignore[arg-type]
    for settings in ({"beam": 0}, {"first": 0}):
        with pytest.raises(ConfigError, match=r"a level .* must be a whole number of at least 1"):
            search(**settings)


def test_what_the_surrogate_raises_for_a_candidate_costs_that_one() -> None:
    class Picky(Counting):
        def score(self, trials: Any) -> list[Score]:
            if any(SPACE.canonical(t.arch).count("nor_conv_1x1") == 1 for t in trials):
                raise RuntimeError("shapes do not fit")
            return super().score(trials)

    levels = drive(search(surrogate=Picky(), first=10))
    assert len(levels) > 2
    for level, trials in levels.items():
        assert level == 1 or not any(SPACE.canonical(t.arch).count("nor_conv_1x1") == 1 for t in trials)
