"""Everything that weighs and judges networks, in NAS-Bench-101."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random

import pytest
from lightning_fabric import Fabric
from shared_cases import METHODS, TRAINER
from toy_models import NET, SAMPLE

from ghn.errors import ConfigError
from ghn.families.sharing.train import train_shared
from ghn.graph.vocabulary import BASE_OPERATIONS
from ghn.nets.ghn import GHNConfig
from ghn.scoring.load import CHECKPOINT, load
from ghn.scoring.ranker import make_ranker
from ghn.scoring.train_model import train_hypernetwork
from ghn.scoring.zero_cost import make_zero_cost
from ghn.spaces import NASBench101
from ghn.tasks import ImageTask
from ghn.train.meta import MetaConfig
from ghn.types import Trial

SPACE = NASBench101((3, 8, 8), classes=4, width=5, depth=1)
NARROWED = "conv3x3:0|conv1x1:1|conv1x1:0|output:123"  # vertex 1 has one channel more than vertex 2, which reads it
JSON = '{"module_adjacency": [[0,1,0],[0,0,1],[0,0,0]], "module_operations": ["input", "conv1x1-bn-relu", "output"]}'
META = MetaConfig(steps=5, architectures=2, images=8, warmup=1, save_every=5, log_every=1)


def test_a_hypernetwork_is_trained_scores_and_is_read_for_a_rank(
    toy_task: ImageTask, fabric: Fabric, tmp_path: Path
) -> None:
    config = GHNConfig(toy_task.classes, **NET)
    options = {"scoring_task": None, "check": 0, "population": 0, "progress": False}
    train_hypernetwork(config, SPACE, toy_task, META, fabric, tmp_path, **options)
    model = load(tmp_path / CHECKPOINT, fabric=fabric)
    assert model.space == SPACE and set(model.hypernetwork("a test").config.vocabulary) == {*BASE_OPERATIONS, "narrow"}
    scores = model.score([NARROWED, JSON, "output:0"], task=toy_task, sample=SAMPLE)
    assert all(score.ok for score in scores) and len({score.value for score in scores}) == 3
    read = make_ranker(model, task=toy_task).read([Trial("0", SPACE.parse(NARROWED))])
    assert read[0].error is None and {f"ghn_depth{depth}/loss" for depth in (1, 2, 3)} <= read[0].values.keys()


def test_shared_weights_hold_members_that_they_have_not_seen(
    toy_task: ImageTask, fabric: Fabric, tmp_path: Path
) -> None:
    options = {"scoring_task": None, "check": 0, "progress": False}
    model = train_shared(METHODS["enas"], SPACE, toy_task, TRAINER, fabric, tmp_path, **options)
    rng = Random(1)
    archs = [model.card["found"]["architecture"], *(SPACE.sample(rng) for _ in range(10))]
    assert all(score.ok for score in model.score(archs, task=toy_task, sample=SAMPLE))
    with pytest.raises(ConfigError, match="nasbench101 has no network in which all options stand side by side"):
        train_shared(METHODS["darts"], SPACE, toy_task, TRAINER, fabric, tmp_path / "darts", **options)


@pytest.mark.parametrize("name", ["meco", "naswot", "synflow", "zen"])
def test_proxies_judge_its_networks(name: str, toy_task: ImageTask, fabric: Fabric) -> None:
    estimator = make_zero_cost(name, SPACE, toy_task, fabric, batch=8)
    trials = [Trial(text, SPACE.parse(text)) for text in (NARROWED, JSON, "maxpool3x3:0|output:01")]
    values = [score.value for score in estimator.score(trials)]
    assert all(map(math.isfinite, values)) and len(set(values)) == 3
