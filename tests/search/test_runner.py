"""Running a search: limits, history, kills at any moment, workers in processes and in simulation."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import light
import pytest
import recorded
from doubles import Double

import ghn
from ghn.errors import ConfigError, DataError, EstimatorError, ExistsError, TrainingError
from ghn.scoring.crossfit import CrossFitted
from ghn.search import (
    ASHA,
    Hyperband,
    Limit,
    RandomSearch,
    RegularizedEvolution,
    Screened,
    SearchResult,
    Simulated,
    SuccessiveHalving,
    run_search,
)
from ghn.search.history import begun_budget
from ghn.search.workers import Processes, _deaf, judge_trial, make_judge
from ghn.types import Score, Searcher, Trial

SEARCHERS: dict[str, Callable[[], Searcher[Any]]] = {
    "random": lambda: RandomSearch(recorded.space(), 0, budget=2),
    "evolution": lambda: RegularizedEvolution(recorded.space(), 0, population=8, sample=3),
    "halving": lambda: SuccessiveHalving(recorded.candidates(seed=0), max_budget=9, n=27),
    "hyperband": lambda: Hyperband(recorded.candidates(seed=0), max_budget=9, rounds=2),
    "asha": lambda: ASHA(recorded.candidates(30, seed=0), max_budget=9),
}


class Dying(Double):
    """The recorded table, which is killed at a trial; what the table lacks is a counted failure."""

    def __init__(self, dies: int = -1) -> None:
        self.left, self.table, self.judged = dies, recorded.estimator(), list[str]()
        self.remember = self.table.remember

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        self.judged += [trial.id for trial in trials]
        return self.table.score(trials)


def run(searcher: Searcher[Any], estimator: Any, folder: Path | None = None, **settings: Any) -> SearchResult:
    settings = {"limit": Limit(trials=40), "identity": {}, "progress": False, **settings}
    return run_search(searcher, estimator, folder=folder, **settings)


def shown(result: SearchResult) -> list[str]:
    return list(map(repr, result.steps))  # NaN equals itself here


@pytest.mark.parametrize("make", SEARCHERS.values(), ids=SEARCHERS)
@pytest.mark.parametrize("dies", [0, 1, 17, 25])
def test_killed_and_resumed_is_as_if_never_killed(make: Callable[[], Searcher[Any]], dies: int, tmp_path: Path) -> None:
    whole = run(make(), Dying(), tmp_path / "whole")
    killed, resumed = Dying(dies), Dying()
    with pytest.raises(KeyboardInterrupt) as caught:
        run(make(), killed, tmp_path / "killed")
    assert caught.value.__notes__[0].startswith(f"{dies} finished trials are kept in")
    again = run(make(), resumed, tmp_path / "killed", resume=True)
    assert shown(again) == shown(whole) and len(again.steps) > 25
    assert killed.judged + resumed.judged == [step.trial.id for step in whole.steps]  # nothing twice
    histories = [(tmp_path / name / "history.jsonl").read_text() for name in ("whole", "killed")]
    assert histories[0] == histories[1]


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_history_torn_anywhere_is_gone_on_with(cut: int, tmp_path: Path) -> None:
    whole = run(SEARCHERS["halving"](), Dying(), tmp_path)
    path = tmp_path / "history.jsonl"
    text = path.read_text()
    path.write_text(text[:-cut])
    assert shown(run(SEARCHERS["halving"](), Dying(), tmp_path, resume=True)) == shown(whole)
    assert path.read_text() == text


def test_a_limit_can_be_raised(tmp_path: Path) -> None:
    whole = run(SEARCHERS["hyperband"](), Dying(), limit=None)
    for trials, stopped in ((5, "limit"), (12, "limit"), (1000, "finished")):
        part = run(SEARCHERS["hyperband"](), Dying(), tmp_path, limit=Limit(trials=trials), resume=True)
        assert part.stopped == stopped and shown(part) == shown(whole)[: len(part.steps)]
    assert len(part.steps) == len(whole.steps)


@pytest.mark.parametrize("name", ["halving", "hyperband", "asha"])
@pytest.mark.parametrize("begun", [20, 1000])
def test_a_largest_budget_can_be_raised_and_is_found_again(name: str, begun: int, tmp_path: Path) -> None:
    part = run(SEARCHERS[name](), Dying(), tmp_path, limit=Limit(trials=begun))
    settings: dict[str, Any] = {"limit": Limit(trials=begun + 3), "max_budget": 20, "resume": True}
    more = run(SEARCHERS[name](), Dying(), tmp_path, **settings)
    whole = run(SEARCHERS[name](), Dying(), tmp_path, **{**settings, "limit": None})
    assert shown(more)[: len(part.steps)] == shown(part) and shown(whole)[: len(more.steps)] == shown(more)
    assert whole.best is not None and whole.best[0].budget == 20 and part.epochs < whole.epochs
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [row["raise"] for row in rows if "raise" in row] == [20]
    again = run(SEARCHERS[name](), Dying(), tmp_path, limit=None, resume=True)  # without a word it stays raised
    assert shown(again) == shown(whole)
    with pytest.raises(ConfigError, match="raised, not lowered"):
        run(SEARCHERS[name](), Dying(), tmp_path, limit=None, resume=True, max_budget=10)
    assert begun_budget(tmp_path) == 9


def test_only_schedulers_have_a_largest_budget(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no largest budget(.|\n)*evolution"):
        run(SEARCHERS["evolution"](), Dying(), tmp_path, max_budget=20)
    assert begun_budget(tmp_path) is None and begun_budget(tmp_path / "nowhere") is None


def test_the_bracket_of_a_trial_is_in_the_history(tmp_path: Path) -> None:
    found = run(SEARCHERS["hyperband"](), Dying(), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    brackets = {row["ask"]["id"]: row["bracket"] for row in rows if "ask" in row}
    assert {step.trial.id: step.bracket for step in found.steps}.items() <= brackets.items()
    assert len(set(brackets.values())) > 1
    assert {step.bracket for step in run(SEARCHERS["random"](), Dying()).steps} == {None}


class Broken(Dying):
    """Raises for every trial from one on."""

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        if self.left == 0:
            raise RuntimeError("shapes do not fit")
        return super().score(trials)


class Raising(Dying):
    """Raises for every trial whose number is among the bad ones."""

    def __init__(self, bad: Sequence[int]) -> None:
        super().__init__()
        self.bad = {str(i) for i in bad}

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        if trials[0].id.split("@")[0] in self.bad:
            raise RuntimeError("shapes do not fit")
        return super().score(trials)


@pytest.mark.parametrize("make", SEARCHERS.values(), ids=SEARCHERS)
def test_what_is_raised_for_a_trial_is_its_failure(make: Callable[[], Searcher[Any]], tmp_path: Path) -> None:
    found = run(make(), Raising([3, 7, 8]), tmp_path)
    failed = {t.id: s.error for t, s in found.history if not s.ok and "raised" in s.extra}
    assert {name.split("@")[0] for name in failed} == {"3", "7", "8"} and len(found.steps) > 25
    assert set(failed.values()) == {"RuntimeError: shapes do not fit"}
    assert shown(run(make(), Raising([]), tmp_path, resume=True)) == shown(found)  # nothing is asked again


def test_a_trial_at_which_an_earlier_version_died_is_gone_on_with(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(SEARCHERS["evolution"](), Dying(dies=5), tmp_path)
    assert json.loads((tmp_path / "history.jsonl").read_text().splitlines()[-1])["ask"]["id"] == "5"  # without a score
    found = run(SEARCHERS["evolution"](), Raising([5]), tmp_path, resume=True)
    assert len(found.steps) == 40 and found.history[5][1].error == "RuntimeError: shapes do not fit"


@pytest.mark.parametrize("make", SEARCHERS.values(), ids=SEARCHERS)
def test_a_row_of_raised_failures_ends_the_search_which_can_be_gone_on_with(
    make: Callable[[], Searcher[Any]], tmp_path: Path
) -> None:
    whole = run(make(), Dying(), tmp_path / "whole")
    with pytest.raises(EstimatorError, match=r"4 candidates in a row(.|\n)*shapes do not fit") as caught:
        run(make(), Broken(dies=6), tmp_path / "broken", give_up_after=4)
    assert caught.value.__notes__[0].startswith("6 finished trials are kept in")
    again = run(make(), Dying(), tmp_path / "broken", resume=True)  # mended
    assert shown(again) == shown(whole)
    histories = [(tmp_path / name / "history.jsonl").read_text() for name in ("whole", "broken")]
    assert histories[0] == histories[1]


def test_a_lack_of_memory_ends_the_search_and_is_no_failure(tmp_path: Path) -> None:
    class Greedy(Dying):
        def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
            if trials[0].id == "4":
                raise MemoryError
            return super().score(trials)

    with pytest.raises(MemoryError):
        run(SEARCHERS["random"](), Greedy(), tmp_path)
    whole = run(SEARCHERS["random"](), Dying())
    assert shown(run(SEARCHERS["random"](), Dying(), tmp_path, resume=True)) == shown(whole)


@pytest.mark.parametrize("epochs", [1, 10, 30.5])
def test_a_limit_of_epochs_is_kept(epochs: float, tmp_path: Path) -> None:
    found = run(SEARCHERS["hyperband"](), Dying(), tmp_path, limit=Limit(epochs=epochs))
    assert found.stopped == "limit" and epochs - 8 < found.epochs <= epochs
    again = run(SEARCHERS["hyperband"](), Dying(), tmp_path, limit=Limit(epochs=100), resume=True)
    assert shown(again) == shown(run(SEARCHERS["hyperband"](), Dying(), limit=Limit(epochs=100)))


def test_costs_failures_and_the_best() -> None:
    found = run(SEARCHERS["random"](), recorded.estimator(), limit=Limit(trials=300))
    assert 0 < found.failures < 300  # most of the space is not in the table
    good = [(trial, score) for trial, score in found.history if score.ok]
    assert found.best == max(good, key=lambda pair: pair[1].value) == found.ranked()[0]
    assert found.cost_seconds == pytest.approx(sum(score.cost_seconds for _, score in good))
    assert found.epochs == 600


def test_a_resumed_trial_costs_what_it_adds() -> None:
    found = run(SEARCHERS["halving"](), recorded.estimator(), limit=None)
    best = found.best
    assert best is not None and best[0].budget == 9
    own = [s.cost_seconds for t, s in found.history if t.arch == best[0].arch]
    seconds = next(r.seconds for r in recorded.table().of(best[0].arch) if r.seed == 0)
    assert sum(own) == pytest.approx(seconds * 9 / 20)


def test_another_configuration_is_refused(tmp_path: Path) -> None:
    run(SuccessiveHalving(recorded.candidates(), max_budget=9, n=27), recorded.estimator(), tmp_path, identity=None)
    with pytest.raises(ExistsError, match="resume=True"):
        run(SEARCHERS["halving"](), recorded.estimator(), tmp_path)
    for searcher, estimator, differs in (
        (SuccessiveHalving(recorded.candidates(), max_budget=9, n=28), recorded.estimator(), "searcher"),
        (SuccessiveHalving(recorded.candidates(95), max_budget=9, n=27), recorded.estimator(), "searcher"),
        (SuccessiveHalving(recorded.candidates(), max_budget=9, n=27), recorded.estimator("val_accuracy"), "estimator"),
    ):
        with pytest.raises(DataError, match=f"{differs} differ"):
            run(searcher, estimator, tmp_path, identity=None, resume=True)


def test_a_cross_fitted_estimator_with_other_references_is_refused(tmp_path: Path) -> None:
    def search(folds: int = 5, known: int = 20, screen: int | None = None, *, resume: bool = True) -> SearchResult:
        judge = CrossFitted(recorded.estimator, recorded.space(), folds)
        judge.fit([(Trial(str(i), arch), Score(i / 10)) for i, arch in enumerate(recorded.archs(known))])
        searcher = SEARCHERS["random"]() if screen is None else Screened(SEARCHERS["random"](), judge, screen)
        return run(searcher, recorded.estimator() if screen else judge, tmp_path, identity=None, resume=resume)

    first = search(resume=False)
    assert shown(search()) == shown(first)
    for changes, name in (({"folds": 4}, "'folds': 4"), ({"known": 21}, "'number': 21"), ({"screen": 3}, "'screened'")):
        with pytest.raises(DataError, match=rf"estimator(, searcher)? differ(.|\n)*{name}"):
            search(**changes)


def test_a_searcher_that_proposes_something_else_is_refused(tmp_path: Path) -> None:
    run(SEARCHERS["random"](), recorded.estimator(), tmp_path)
    changed = RandomSearch(recorded.space(), 0, budget=2)
    changed.ask()
    with pytest.raises(DataError, match="line 2: the searcher does not propose what it did"):
        run(changed, recorded.estimator(), tmp_path, resume=True)


@pytest.mark.parametrize(
    ("line", "text"), [(3, "{}"), (3, '{"tell": "nobody"}'), (2, '{"ask": 3}'), (4, "nonsense"), (3, "[]")]
)
def test_damaged_histories(line: int, text: str, tmp_path: Path) -> None:
    run(SEARCHERS["random"](), recorded.estimator(), tmp_path)
    path = tmp_path / "history.jsonl"
    lines = path.read_text().splitlines()
    lines[line - 1] = text
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=f"line {line}"):
        run(SEARCHERS["random"](), recorded.estimator(), tmp_path, resume=True)


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text(json.dumps({"schema": "ghn.scores/1"}) + "\n")
    with pytest.raises(DataError, match="not a file of a search"):
        run(SEARCHERS["random"](), recorded.estimator(), tmp_path, resume=True)


def test_the_line_says_best_spent_and_left(capsys: pytest.CaptureFixture[str]) -> None:
    run(SEARCHERS["halving"](), recorded.estimator(), limit=Limit(trials=40, epochs=60), progress=True)
    line = capsys.readouterr().err.rsplit("\r", 1)[-1]
    assert "best -1." in line and "@9)" in line and "spent" in line and "epochs, " in line and "trials" in line


# --- several workers


def test_processes_share_the_state_of_trials_and_can_be_resumed(tmp_path: Path) -> None:
    make = partial(light.Marking, str(tmp_path))
    part = run(SEARCHERS["halving"](), make, tmp_path / "out", workers=2, limit=Limit(trials=20))
    assert len(part.steps) == 20 and part.stopped == "limit"
    whole = run(SEARCHERS["halving"](), make, tmp_path / "out", limit=None, resume=True)
    alone = run(SEARCHERS["halving"](), make, limit=None)
    assert {(t, s.value) for t, s in whole.history} == {(t, s.value) for t, s in alone.history}
    assert len(whole.steps) == len(alone.steps) and whole.epochs == alone.epochs
    for trial, score in whole.history:
        assert score.extra["from"] == {1: 0, 3: 1, 9: 3}[trial.budget]
    assert os.getpid() not in {score.extra["process"] for _, score in part.history}


def test_what_is_raised_in_a_process_is_a_failure_and_a_lack_of_memory_ends_the_search(tmp_path: Path) -> None:
    greedy, make = (partial(kind, str(tmp_path), bad="1") for kind in (light.Greedy, light.Marking))
    with pytest.raises(MemoryError):  # at trial 4
        run(recorded.candidates(6), greedy, tmp_path / "out", workers=2)
    rows = [json.loads(line) for line in (tmp_path / "out" / "history.jsonl").read_text().splitlines()]
    told = {row["tell"]: row for row in rows if "tell" in row}
    assert len(told) >= 3 and "4" not in told
    again = run(recorded.candidates(6), make, tmp_path / "out", resume=True)
    assert sorted(t.id for t, _ in again.history) == list("012345")
    (score,) = (s for _, s in again.history if not s.ok)
    assert score.error == "ValueError: not this one" and "light.py" in score.extra["raised"]


def test_tables_in_several_processes_agree_on_costs() -> None:
    first, second = recorded.estimator(), recorded.estimator()
    low = Trial("0@1", recorded.archs()[0], 1.0)
    high = Trial("0@9", low.arch, 9.0, low.id)
    judge_trial(first, low, None)
    assert judge_trial(second, high, low) == judge_trial(first, high, low)
    alone = judge_trial(recorded.estimator(), Trial("x", low.arch, 9.0), None)
    assert judge_trial(second, high, low).cost_seconds == pytest.approx(alone.cost_seconds * 8 / 9)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (light.bad_factory, ConfigError, "no such task\n.*another"),
        (light.dying_worker, TrainingError, "a worker process died"),
    ],
)
def test_what_goes_wrong_in_a_process_is_said_here(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        run(recorded.candidates(1), make, workers=2)


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks into /proc")
def test_a_process_that_is_still_starting_does_not_hear_ctrl_c(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    workers = Processes(partial(make_judge, partial(light.Marking, str(tmp_path))), 1)
    workers.submit(ghn.Trial("a", "arch", 1.0), None)
    (child,) = (child for child in multiprocessing.active_children() if child not in workers._others)
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{child.pid}/status").read_text().splitlines())
    workers.wait()
    workers.close()
    assert (int(status["SigIgn"], 16) | int(status["SigBlk"], 16)) >> (signal.SIGINT - 1) & 1
    assert signal.getsignal(signal.SIGINT) is before
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_ctrl_c_while_a_process_is_started_is_heard() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), _deaf():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_workers_need_a_function_that_can_be_sent() -> None:
    with pytest.raises(ConfigError, match="2 workers need an estimator each"):
        run(SEARCHERS["random"](), recorded.estimator(), workers=2)
    with pytest.raises(ConfigError, match="cannot be sent"):
        run(SEARCHERS["random"](), lambda: recorded.estimator(), workers=2)
    with pytest.raises(ConfigError, match="at least one worker"):
        run(SEARCHERS["random"](), recorded.estimator(), workers=0)


SCRIPT = """
import sys, time
from ghn.types import Score

class Slow:
    source, identity = "a test", {}
    def fit(self, history): ...
    def cost(self, arch): ...
    def score(self, trials):
        time.sleep(0.05 if trials[0].id < "3" else 600)
        return [Score(1.0) for _ in trials]

if __name__ == "__main__":
    from ghn.search import ListSearch, run_search
    run_search(ListSearch(list("abcdefgh"), None), Slow, workers=2, folder=sys.argv[1], identity={}, progress=False)
"""


def start_script(tmp_path: Path) -> subprocess.Popen[str]:
    """A search in two processes, three of whose trials have ended; two more would take ten minutes."""
    script, history = tmp_path / "script.py", tmp_path / "out" / "history.jsonl"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, script, tmp_path / "out"],
        env={**os.environ, "PYTHONPATH": str(Path(ghn.__file__).parents[1])},
        stderr=subprocess.PIPE,
        text=True,
        # tests in the background of a shell inherit that Ctrl-C is ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while process.poll() is None and not (history.exists() and history.read_text().count("tell") == 3):
        time.sleep(0.05)
    return process


def test_ctrl_c_ends_the_processes_and_says_how_to_go_on(tmp_path: Path) -> None:
    process = start_script(tmp_path)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)  # waiting for the trials in work would take ten minutes
    assert "3 finished trials are kept in" in said and "resume=True" in said
    assert process.returncode != 0


def test_a_killed_search_leaves_no_workers_behind(tmp_path: Path) -> None:
    process = start_script(tmp_path)
    process.kill()
    process.communicate(timeout=60)  # the workers have its stderr, too: it is closed when they have ended


# --- simulated workers


def test_simulated_workers_share_the_time() -> None:
    clocks = {}
    for slots in (1, 4):
        crew = Simulated(recorded.estimator(), slots)
        found = run(SEARCHERS["asha"](), crew, limit=None)
        clocks[slots] = crew.finished[-1]
        assert crew.finished == sorted(crew.finished) and len(crew.finished) == len(found.steps)
        assert slots > 1 or crew.finished[-1] == pytest.approx(found.cost_seconds)
    assert clocks[1] / 4 < clocks[4] < clocks[1] / 2


def test_simulated_workers_finish_in_the_order_of_their_costs() -> None:
    class Costly(Double):
        def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
            return [Score(0.5, {"0": 10.0, "1": 1.0, "2": 2.0, "3": 7.5}.get(t.id, 100.0)) for t in trials]

    crew = Simulated(Costly(), 2)
    found = run(SEARCHERS["random"](), crew, limit=Limit(seconds=10.2))
    assert [t.id for t, _ in found.history] == ["1", "2", "0", "3", "4"]
    assert crew.finished == [1, 3, 10, 10.5, 110]


def test_asha_keeps_workers_busy_where_halving_waits() -> None:
    ends = {}
    for name, searcher in {
        "asha": ASHA(recorded.candidates(27, seed=0), max_budget=9),
        "halving": SuccessiveHalving(recorded.candidates(27, seed=0), max_budget=9, n=27),
    }.items():
        crew = Simulated(recorded.estimator(), 9)
        found = run(searcher, crew, limit=None)
        first_full = next(i for i, step in enumerate(found.steps) if step.trial.budget == 9)
        ends[name] = crew.finished[first_full]
    assert ends["asha"] < ends["halving"]
