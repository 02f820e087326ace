"""A saved hypernetwork: what it says when it is used rightly, and when it is used wrongly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from toy_models import CHAIN, EDGE, READOUTS, SAMPLE, cells, toy_card, toy_net

import ghn
from ghn.errors import CheckpointError, ConfigError
from ghn.families.sharing.bank import Bank, BankConfig
from ghn.scoring.load import load, load_start
from ghn.scoring.model import Model
from ghn.spaces import NASBench201
from ghn.tasks import ImageTask, Normalisation, from_arrays

CELLS = cells(4)


def values(model: Model, task: ImageTask, readout: str = "loss", archs: Any = CELLS) -> list[float]:
    scores = model.score(archs, readout, task=task, sample=SAMPLE)
    assert all(s.ok for s in scores), scores
    return [s.value for s in scores]


@pytest.mark.parametrize("readout", READOUTS)
def test_what_is_saved_and_loaded_scores_the_same(
    toy_model: Model, toy_task: ImageTask, fabric: Fabric, tmp_path: Path, readout: str
) -> None:
    fresh = Model(toy_net(), toy_model.space, toy_card(toy_task), fabric)
    assert values(fresh, toy_task, readout) == values(toy_model, toy_task, readout)
    toy_model.save(tmp_path / "again.safetensors")
    again = ghn.load(tmp_path / "again.safetensors", device="cpu")
    assert values(again, toy_task, readout) == values(toy_model, toy_task, readout)
    assert again.digest == toy_model.digest and again.card == toy_model.card and again.space == toy_model.space


def test_half_precision_is_half_the_file_and_scores_nearly_alike(
    toy_model: Model, toy_task: ImageTask, tmp_path: Path
) -> None:
    whole, half, again, back = (tmp_path / f"{name}.safetensors" for name in ("whole", "half", "again", "back"))
    toy_model.save(whole)
    toy_model.save(half, half=True)
    assert half.stat().st_size < 0.65 * whole.stat().st_size
    model = load(half, fabric=toy_model.fabric)
    assert {v.dtype for v in model.net.state_dict().values()} == {v.dtype for v in toy_model.net.state_dict().values()}
    assert values(model, toy_task) == pytest.approx(values(toy_model, toy_task), rel=1e-2)
    assert values(model, toy_task) != values(toy_model, toy_task)
    model.save(again)
    assert load(again, fabric=toy_model.fabric).digest == model.digest != load(whole, fabric=toy_model.fabric).digest
    model.save(back, half=False)
    single = load(back, fabric=toy_model.fabric)
    assert "stored" not in single.card and values(single, toy_task) == values(model, toy_task)
    assert all(torch.equal(a, b) for a, b in zip(load_start(half)[0].parameters(), model.net.parameters(), strict=True))


def test_official_strings_and_cells_score_alike(toy_model: Model, toy_task: ImageTask) -> None:
    assert values(toy_model, toy_task, archs=[toy_model.space.format(c) for c in CELLS]) == values(toy_model, toy_task)


def test_the_normalisation_is_the_checkpoints_own(
    toy_model: Model, toy_task: ImageTask, make_toy_task: Callable[..., ImageTask]
) -> None:
    shifted = Normalisation((0.1, 0.2, 0.3), (1.0, 2.0, 3.0))
    other = replace(toy_task, **{k: replace(v, normalisation=shifted) for k, v in toy_task.splits().items()})
    assert values(toy_model, other) == values(toy_model, toy_task)
    assert values(toy_model, make_toy_task(val=9)) != values(toy_model, toy_task)


def test_weights_are_those_that_the_graph_asks_for(toy_model: Model) -> None:
    graph = toy_model.space.network(CELLS[0]).graph
    weights = toy_model.weights(graph)
    assert {n: tuple(w.shape) for n, w in weights.items()} == {p.name: p.shape for p in graph.params()}
    assert all(w.isfinite().all() and not w.requires_grad for w in weights.values())


def test_embeddings_are_equal_for_equal_networks_only(toy_model: Model) -> None:
    from ghn.graph.simplify import simplify

    chain, edge, other = (toy_model.embed(simplify(toy_model.space.network(a).graph)) for a in (CHAIN, EDGE, CELLS[0]))
    assert chain.shape == (toy_model.net.config.hidden,)
    assert torch.allclose(chain, edge, atol=1e-6) and not torch.allclose(chain, other, atol=1e-3)


def test_a_single_string_is_no_list(toy_model: Model, toy_task: ImageTask) -> None:
    with pytest.raises(ConfigError, match="put it into a list"):
        toy_model.score(toy_model.space.format(CELLS[0]), task=toy_task)
    with pytest.raises(ConfigError, match=r"logits[\s\S]*loss \| accuracy \| ridge"):
        toy_model.score(CELLS, "logits", task=toy_task)
    assert toy_model.score([], task=toy_task, sample=SAMPLE) == []


def test_without_a_task_of_its_own_it_asks_for_one(toy_model: Model) -> None:
    with pytest.raises(ConfigError, match="task=task"):
        toy_model.score(CELLS)


def test_the_default_reading_is_the_best_that_the_space_names(toy_model: Model, toy_task: ImageTask) -> None:
    """And not that of one cell a stage, which orders worse than counting does."""

    def read(**how: Any) -> list[float]:
        return [s.value for s in toy_model.score(CELLS, task=toy_task, sample=SAMPLE, **how)]

    alone = [read(skeletons=[{"depth": depth}]) for depth in (1, 3, 5)]
    assert read() == pytest.approx([sum(three) / 3 for three in zip(*alone, strict=True)], abs=1e-5)
    assert read() == read(skeletons="best") == read(skeletons=toy_model.space.reading_variants())
    assert read(skeletons="fastest") == alone[0] == pytest.approx(read(skeletons=[]), abs=1e-6)
    ridge = [
        toy_model.score(CELLS, "ridge", task=toy_task, sample=SAMPLE, **how)[0].value for how in ({}, {"skeletons": []})
    ]
    assert ridge[0] == ridge[1]  # depth gives it nothing
    with pytest.raises(ConfigError, match=r"got: +deepest[\s\S]*best \| fastest"):
        read(skeletons="deepest")


def test_shared_weights_are_read_in_the_space_that_they_were_made_for(toy_task: ImageTask, fabric: Fabric) -> None:
    space = NASBench201((3, 8, 8), classes=4, width=4, depth=1)
    bank = Model(Bank(BankConfig("oneshot", 4), space), space, toy_card(toy_task), fabric)
    found = bank.score(CELLS, task=toy_task, sample=SAMPLE)
    assert all(s.ok for s in found) and bank.method == "oneshot"
    assert [s.value for s in found] == [s.value for s in bank.score(CELLS, task=toy_task, sample=SAMPLE, skeletons=[])]


def test_a_model_that_was_made_by_hand_ranks_too(toy_model: Model, toy_task: ImageTask) -> None:
    bare = Model(toy_net(), toy_model.space, toy_model.card, toy_model.fabric)
    archs = [toy_model.space.format(arch) for arch in list(toy_model.space.distinct())[:24]]
    found = bare.rank(archs, task=toy_task)
    assert all(score.ok for score in found)
    assert [s.value for s in found] == pytest.approx([s.value for s in toy_model.rank(archs, task=toy_task)])


def test_engines_are_made_once(toy_model: Model, toy_task: ImageTask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy_model, "_scoring_task", lambda: toy_task)
    assert toy_model.estimator("loss", sample=SAMPLE) is toy_model.estimator("loss", sample=SAMPLE)
    assert toy_model.estimator("loss", sample=SAMPLE) is not toy_model.estimator("ridge", sample=SAMPLE)


def test_images_of_another_kind_are_refused(toy_model: Model) -> None:
    def task(channels: int, size: int, classes: int) -> ImageTask:
        pool = torch.randint(256, (60, channels, size, size), dtype=torch.uint8), torch.arange(60) % classes
        return from_arrays("other", pool)

    for channels, size, classes, named in (
        (1, 8, 4, r"'input_shape': \[1, 8, 8\]"),
        (3, 12, 4, r"'input_shape': \[3, 12, 12\]"),
        (3, 8, 5, r"'output_shape': \[5\]"),
    ):
        with pytest.raises(
            CheckpointError, match=rf"got: .*{named}[\s\S]*expected: .*'output_shape': \[4\][\s\S]*to do"
        ) as e:
            toy_model.score(CELLS, task=task(channels, size, classes))
        assert "other" in str(e.value)


def test_rank_judges_in_the_order_given_and_says_why_not(toy_model: Model, toy_task: ImageTask) -> None:
    archs: list[Any] = [*cells(24), "|nonsense~0|"]
    scores = toy_model.rank(archs, task=toy_task)
    assert [s.ok for s in scores] == [True] * 24 + [False] and "malformed" in scores[-1].error
    assert all(s.std and s.cost_seconds > 0 and "zero_cost/meco" in s.extra for s in scores[:-1])
    assert {f"ghn_depth{d}/loss" for d in (1, 3, 5)} <= set(scores[0].extra)
    backwards = toy_model.rank(archs[::-1], task=toy_task)[::-1]
    assert [s.value for s in backwards[:-1]] == pytest.approx([s.value for s in scores[:-1]], abs=1e-4)
    known = {toy_model.space.format(arch): i / 24 for i, arch in enumerate(archs[:12])}
    taught = toy_model.rank(archs[:24], known, task=toy_task)
    assert len({s.std for s in taught}) > 10
    with pytest.raises(ConfigError, match="too few references"):
        toy_model.rank(archs[:24], dict(list(known.items())[:3]), task=toy_task)
    with pytest.raises(ConfigError, match="too few networks"):
        toy_model.rank(archs[:3], task=toy_task)


def test_hypernetworks_of_different_kinds_are_not_read_together(toy_model: Model) -> None:
    with pytest.raises(CheckpointError, match=r"cannot be read together[\s\S]*'width': 8[\s\S]*'width': 4"):
        Model(
            toy_net(),
            toy_model.space,
            toy_model.card,
            toy_model.fabric,
            companions=[Model(toy_net(), replace(toy_model.space, width=8), toy_model.card, toy_model.fabric)],
        )
