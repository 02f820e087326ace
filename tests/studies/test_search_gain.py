"""What a search gains from a surrogate: a table of a toy space, from scores to a picture."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import toy
from lightning_fabric import Fabric
from toy_models import SAMPLE, save_toy

from ghn.app.setting import Setting, open_checkpoint
from ghn.errors import ConfigError, DataError
from ghn.scoring.ranker import make_ranker
from ghn.scoring.score_files import score_to_file
from ghn.tables.references import ReferenceTable
from ghn.train.network import Recipe
from ghn.types import Reference, Trial
from studies.known_networks import KnownNetworks
from studies.run import options_of
from studies.search_gain import arrivals, evolution, random_search, regrets, run_searcher, search_gain_study, tpe

SPACE = toy.SPACE


def table(n: int = 30) -> dict[str, float]:
    """Accuracies that a count of convolutions tells in part."""
    rng = Random(0)
    texts = [SPACE.format(arch) for arch in SPACE.distinct()[:n]]
    return {text: 0.5 + 0.05 * text.count("conv") + 0.02 * rng.random() for text in texts}


def test_the_networks_of_a_table_are_a_space() -> None:
    known = KnownNetworks(SPACE, Reference("r", "accuracy", table(), {}))
    rng = Random(0)
    for _ in range(20):
        arch = known.sample(rng)
        near = list(known.neighbours(arch))
        assert len(near) >= 8 and arch not in near and set(near) <= set(known.members)
        assert known.trainings(0)(arch) == known.quality(arch, 0) == known.values[arch] <= known.best()
        assert known.nearest(SPACE.to_choices(arch), np.ones(len(known.members), dtype=bool)) == arch
    with pytest.raises(DataError, match="too few networks"):
        KnownNetworks(SPACE, Reference("r", "accuracy", dict(list(table().items())[:5]), {}))


def test_one_of_several_trainings_is_seen_and_their_mean_is_judged() -> None:
    values = table()
    several = {text: [value - 0.01, value + 0.01] for text, value in values.items()}
    known = KnownNetworks(SPACE, Reference("r", "accuracy", values, several))
    arch = known.members[3]
    seen = {round(known.trainings(seed)(arch) - known.quality(arch, seed), 3) for seed in range(20)}
    assert seen == {-0.01, 0.01}


@pytest.mark.parametrize("make", [random_search, evolution, tpe])
def test_searchers_train_each_network_once_and_arrive(make: Any) -> None:
    known = KnownNetworks(SPACE, Reference("r", "accuracy", table(), {}))
    courses = run_searcher(known, make, seeds=2, trainings=99)
    found = regrets(known, courses)
    assert found.shape == (2, 30) and (np.diff(found) <= 0).all() and (found[:, -1] == 0).all()
    assert courses == run_searcher(known, make, seeds=2, trainings=30)


def test_when_a_search_has_arrived() -> None:
    regret = np.array([[0.01, 0.0, 0.0], [0.0, 0.01, 0.0], [0.0, 0.0, 0.0], [0.01, 0.01, 0.01]])
    assert arrivals(regret[:3], close=0.1) == [2.0, 2.0, 3.0]
    assert arrivals(regret, close=0.1) == [2.0, 3.0, None]


def test_the_study(tmp_path: Path, fabric: Fabric) -> None:
    path = tmp_path / "run" / "checkpoint.safetensors"
    save_toy(path, SPACE, toy.make_task(), fabric)
    setting = Setting(SPACE, toy.make_task(), fabric, [str(path)], sample=SAMPLE)
    values = table(22)
    (tmp_path / "t.csv").write_text("arch,test_accuracy\n" + "".join(f"{text},{v}\n" for text, v in values.items()))
    ranker = make_ranker(open_checkpoint(setting, str(path))[1], task=setting.task)
    trials = [Trial(text, SPACE.parse(text)) for text in values]
    score_to_file(ranker, trials, tmp_path / "s.jsonl", ranker.identity, progress=False, label="scores")
    small = ["gain.seeds=1", "gain.trainings=6", "gain.plain=12", "gain.tpe=12", f"gain.tables=[{tmp_path}/t.csv]"]
    given = options_of("search_gain", [*small, f"gain.scores={tmp_path}/s.jsonl", f"out={tmp_path}/out"])
    search_gain_study(setting, given)
    found = json.loads((tmp_path / "out" / "search_gain.json").read_text())
    assert found["networks"] == 22 and len(found["searchers"]) == 9
    assert len(found["searchers"]["suggest, hypernetwork"]["median"]) == 6
    assert (tmp_path / "out" / "search_gain.png").read_bytes().startswith(b"\x89PNG")

    trained = {**given["gain"], "tables": ["trained"], "plain": 3, "searchers": ["random search", "suggest, surrogate"]}
    real = {**given, "gain": {**trained, "trainings": 3}, "out": f"{tmp_path}/real"}
    setting = replace(setting, recipe=Recipe(epochs=1))
    search_gain_study(setting, real)
    found = json.loads((tmp_path / "real" / "search_gain.json").read_text())
    runs = ReferenceTable.load(tmp_path / "real" / "references.jsonl").runs
    assert list(found["searchers"]) == ["random search", "suggest, surrogate"] and 3 <= len(runs) <= 6
    best = max(run.test_accuracy for run in runs)
    for row in found["searchers"].values():
        assert min(abs(100 * (best - run.test_accuracy) - row["median"][-1]) for run in runs) < 1e-3
    (tmp_path / "real" / "search_gain.json").unlink()
    search_gain_study(setting, {**real, "resume": True})
    assert len(ReferenceTable.load(tmp_path / "real" / "references.jsonl")) == len(runs)  # nothing is trained twice

    with pytest.raises(ConfigError, match="searcher"):
        search_gain_study(setting, {**given, "gain": {**trained, "searchers": ["TPO"]}, "out": f"{tmp_path}/none"})
    with pytest.raises(ConfigError, match=r"gain\.scores must be given"):
        search_gain_study(setting, {**given, "gain": {**given["gain"], "scores": None}, "out": f"{tmp_path}/two"})
    lines = (tmp_path / "s.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "less.jsonl").write_text("".join(lines[:-3]))
    less = {**given["gain"], "scores": f"{tmp_path}/less.jsonl"}
    with pytest.raises(DataError, match="lacks networks of the table"):
        search_gain_study(setting, {**given, "gain": less, "out": f"{tmp_path}/three"})
