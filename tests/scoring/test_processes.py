"""Estimators in several processes: the scores of one."""

from dataclasses import dataclass, field
from multiprocessing import parent_process
from random import Random

import pytest
import toy

from ghn.errors import ConfigError
from ghn.scoring.processes import LEAST, Pool, choose_workers
from ghn.scoring.zero_cost import make_zero_cost
from ghn.train.runtime import make_runtime
from ghn.types import Score, Trial


@dataclass
class Counts:
    """Says how many networks its own process has been asked about; one of them it cannot bear."""

    source: str = "here"
    identity: dict = field(default_factory=dict)

    def fit(self, history):
        """Nothing."""

    def score(self, trials):
        if any(trial.arch == "bad" for trial in trials):
            raise ValueError("not this one")
        return [Score(float(len(trials)), extra={"child": parent_process() is not None}) for _ in trials]

    def cost(self, arch):
        return 3.0


def test_processes_say_what_one_says_in_the_same_order(fabric, toy_task):
    plain = make_zero_cost("params", toy.SPACE, toy_task, fabric)
    archs = [toy.SPACE.sample(Random(k)) for k in range(7)]
    trials = [Trial(str(k), arch) for k, arch in enumerate(archs)]
    spread = Pool({"params": plain, "counts": Counts()}, 2).spread({"params": plain, "counts": Counts()})
    values = [score.value for score in spread["params"].score(trials)]
    assert values == [score.value for score in plain.score(trials)]
    assert len(set(values)) > 1
    assert spread["params"].identity == plain.identity
    asked = spread["counts"].score(trials)
    assert [score.value for score in asked] == [4, 3] * 3 + [4]
    assert spread["counts"].cost(None) == 3.0
    one = spread["counts"].score(trials[:1])  # one alone is not worth a process
    assert one[0].extra == {"child": False}
    mixed = spread["counts"].score([*trials[:3], Trial("x", "bad")])  # a bad one is the failure of one
    assert [score.ok for score in mixed] == [True, True, True, False]
    assert "not this one" in mixed[3].error


def test_auto_takes_processes_where_there_is_much_to_do_on_a_cpu(fabric, monkeypatch):
    monkeypatch.setattr("ghn.scoring.processes.cpu_count", lambda: 5)
    assert choose_workers("auto", LEAST - 1, fabric) == 1
    assert choose_workers("auto", LEAST, fabric) == 5
    assert choose_workers("auto", LEAST, make_runtime("cpu", threads=2)) == 1
    assert choose_workers(3, 1, fabric) == 3
    monkeypatch.setattr("ghn.scoring.processes.parent_process", lambda: "somebody")
    assert choose_workers("auto", LEAST, fabric) == 1


@pytest.mark.parametrize("workers", [0, -1, True, 1.5, "2", "many", None])
def test_other_numbers_are_refused(fabric, workers):
    with pytest.raises(ConfigError, match="from 1 on, or 'auto'"):
        choose_workers(workers, 10, fabric)
