"""What `Model.rank` combines: votes, populations of cards, companions."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm
from toy_models import SAMPLE, cells, save_toy, toy_net

from ghn.analysis.correction import Population
from ghn.analysis.correlation import kendall
from ghn.errors import CheckpointError, ConfigError
from ghn.scoring.load import load
from ghn.scoring.model import Model
from ghn.scoring.panel import SIZE
from ghn.scoring.proxies import ZERO_COST
from ghn.scoring.ranker import FURTHER, MECO, NASWOT, RANDOM, SWAP, make_ranker, measure_population, rank_weights
from ghn.tasks import ImageTask
from ghn.types import Trial

CELLS = cells(4)


def test_a_population_in_the_card_lets_a_single_architecture_be_ranked(toy_model: Model, toy_task: ImageTask) -> None:
    archs = cells(24)
    ranker = make_ranker(toy_model, task=toy_task)
    trials = [Trial(str(i), arch) for i, arch in enumerate(archs)]
    assert ranker.witness == MECO  # not SWAP, which counts units
    whole, usual = ranker.score(trials), ranker.population_of(ranker.read(trials))
    known = {"task_checksum": toy_task.checksum, "meco": ZERO_COST["meco"].version}
    held = {**known, "quantiles": usual.describe(), "votes": usual.votes}
    card = toy_model.card | {"population": held}
    carded = Model(toy_net(), toy_model.space, card, toy_model.fabric, toy_model.digest)
    single = carded.rank(archs[5:6], task=toy_task)[0]
    assert single.value == pytest.approx(whole[5].value, abs=1e-3)
    for bad in (
        {"quantiles": {}},
        {**held, "votes": {"graph/params": -1}},
        {**held, "votes": dict.fromkeys(usual.votes, 0)},
        {**held, "quantiles": {"graph/params": [2, 1]}},
        {**held, "draws": [0]},
        {**held, "draws": "012"},
        [1],
    ):
        card = toy_model.card | {"population": bad}
        broken = Model(toy_net(), toy_model.space, card, toy_model.fabric)
        with pytest.raises(CheckpointError, match="population"):
            broken.rank(archs, task=toy_task)


def test_each_reading_has_a_vote_and_companions_share_it() -> None:
    alone = rank_weights(["ghn_depth1", "ghn_depth3"])
    votes = {name for name, weight in alone.items() if weight == 1}
    assert votes == {SIZE, "ghn_depth1/loss", "ghn_depth3/loss", RANDOM, *FURTHER}
    former = rank_weights(["ghn_depth1", "ghn_depth3"], further=())
    assert {name for name, weight in former.items() if weight} == votes - {*FURTHER} and "synflow/value" in former
    assert not any(weight for name, weight in alone.items() if name not in votes)
    pair = rank_weights(["ghn_depth1", "ghn_depth3", "ghn2_depth1", "ghn2_depth3"], models=2, proxy=False, further=())
    assert sum(pair.values()) == sum(former.values()) - 1 and pair["ghn2_depth1/loss"] == pair["ghn_depth1/loss"] == 0.5


def test_companions_are_read_by_rank_alone(toy_model: Model, toy_task: ImageTask, tmp_path: Path) -> None:
    archs, paths = cells(24), [tmp_path / f"{seed}.safetensors" for seed in (0, 1)]
    models = [save_toy(path, toy_model.space, toy_task, toy_model.fabric, seed=i) for i, path in enumerate(paths)]
    both = load(paths, fabric=toy_model.fabric)
    assert both.digest == models[0].digest and sum(both.trainings(companions=True).values()) == 180.0
    scores = [[s.value for s in one.score(CELLS, task=toy_task, sample=SAMPLE)] for one in (both, models[0])]
    assert scores[0] == scores[1]
    together, single = both.rank(archs, task=toy_task), [model.rank(archs, task=toy_task) for model in models]
    for i, score in enumerate(together):
        assert score.extra["ghn_depth5/loss"] == single[0][i].extra["ghn_depth5/loss"]
        assert score.extra["ghn2_depth5/loss"] == single[1][i].extra["ghn_depth5/loss"]
    turned = load(paths[::-1], fabric=toy_model.fabric).rank(archs, task=toy_task)
    assert [score.value for score in together] == pytest.approx([score.value for score in turned], abs=1e-4)


def test_populations_of_companions_are_joined(toy_model: Model, toy_task: ImageTask) -> None:
    archs = cells(24)

    @cache
    def population_of(seed: int) -> dict[str, Any]:
        made = Model(toy_net(seed), toy_model.space, toy_model.card, toy_model.fabric)
        ranker = make_ranker(made, task=toy_task)
        usual = ranker.population_of(ranker.read([Trial(str(i), arch) for i, arch in enumerate(archs)]))
        known = {"task_checksum": toy_task.checksum, "meco": ZERO_COST["meco"].version}
        return {**known, "quantiles": usual.describe(), "votes": usual.votes}

    def carded(seed: int, *companions: Model, population: bool = True) -> Model:
        card = toy_model.card | ({"population": population_of(seed)} if population else {})
        net, space, fabric = toy_net(seed), toy_model.space, toy_model.fabric
        return Model(net, space, card, fabric, companions=companions)

    first, second = carded(0), carded(1)
    former = carded(1)
    former.card["population"] = {k: v for k, v in former.card["population"].items() if k != "votes"}
    assert make_ranker(carded(0, former), task=toy_task).population.votes == {}  # else it would outvote the first
    votes = second.card["population"]["votes"]
    former.card["population"]["meco"] = ""  # MeCo of all channels at once, as in cards of before
    with pytest.warns(UserWarning, match=r"MeCo as it was read before(?s:.*)measure_population\(model, 300\)"):
        found = [make_ranker(one, task=toy_task).population for one in (former, carded(0, former))]
    assert found == [None, None]
    former.card["population"] |= {"meco": ZERO_COST["meco"].version, "votes": votes}
    assert make_ranker(former, task=toy_task).population.votes == votes
    asked = [name for name in votes if name not in FURTHER]  # by those that knew no votes of further readings
    former.card["population"]["votes"] = {name: votes[name] for name in asked}
    usual = make_ranker(former, task=toy_task)
    assert make_ranker(former, task=toy_task, draws=[0, 1, 2]).further == FURTHER
    assert usual.further == () and NASWOT not in usual.members and usual.weights[FURTHER[0]] == 0
    former.card["population"]["votes"] |= {FURTHER[0]: 0.0, FURTHER[1]: 0.5}  # nor if nothing confirms one
    usual = make_ranker(former, task=toy_task)
    assert usual.further == FURTHER[1:] and NASWOT in usual.members and usual.weights[FURTHER[0]] == 0
    half = make_ranker(carded(0, former), task=toy_task).population.votes  # a card that knows nothing of one
    known = [one.card["population"]["votes"].get(FURTHER[1], 0.0) for one in (carded(0), former)]
    assert half[FURTHER[1]] == pytest.approx(np.mean(known))
    former.card["population"]["votes"].pop(FURTHER[1])
    assert make_ranker(carded(0, former), task=toy_task).population.votes[FURTHER[1]] == pytest.approx(known[0] / 2)
    pair = carded(0, second)
    one, other, together = (model.rank(archs[5:6], task=toy_task)[0].value for model in (first, second, pair))
    assert min(one, other) < together < max(one, other), (one, other, together)
    with pytest.raises(ConfigError, match="too few networks"):
        carded(0, carded(1, population=False)).rank(archs[5:6], task=toy_task)


def test_agreement_is_with_both_proxies(toy_model: Model, toy_task: ImageTask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses that are the mean of two proxies, of which neither alone says the same."""
    rng = np.random.default_rng(0)
    meco, swap = (norm.ppf((rng.permutation(60) + 0.5) / 60) for _ in range(2))
    columns = {"ghn/loss": meco + swap, MECO: meco, SWAP: swap}
    ranker = SimpleNamespace(usual=lambda networks, progress: (Population.of(columns), columns))
    monkeypatch.setattr("ghn.scoring.ranker.make_ranker", lambda model, task, draws: ranker)
    monkeypatch.setattr(Model, "images", lambda model, task: toy_task)
    assert measure_population(toy_model, 60)["agreement"] > 0.9 > 0.7 > (kendall(columns["ghn/loss"], meco) or 0.0)
