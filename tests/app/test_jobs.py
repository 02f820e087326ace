"""What `evaluate.py` does, from plain options and in this process."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import toy
from job_cases import keys_for
from lightning_fabric import Fabric
from toy_models import SAMPLE, cells, save_toy, toy_table

from ghn.app.jobs import MARK, _marked
from ghn.app.rank import rank_all_job, rank_job
from ghn.app.references import references_job
from ghn.app.setting import Setting, build_setting
from ghn.errors import (
    ArchitectureError,
    CheckpointError,
    ConfigError,
    DataError,
    EstimatorError,
    ExistsError,
    TrainingError,
)
from ghn.report.model import read_report
from ghn.scoring.engine import WeightedEstimator
from ghn.spaces import DARTS, NATSBenchSize
from ghn.tables.references import ReferenceTable
from ghn.train.network import Recipe


@pytest.fixture
def setting(tmp_path: Path, fabric: Fabric) -> Setting:
    path = tmp_path / "run" / "checkpoint.safetensors"
    save_toy(path, toy.SPACE, toy.make_task(), fabric)
    recipe = Recipe(epochs=1, batch_size=16)
    return Setting(toy.SPACE, toy.make_task(), fabric, [str(path)], ["loss", "ridge"], SAMPLE, recipe)


@pytest.fixture
def rank(tmp_path: Path) -> Callable[..., Any]:
    """Makes keys of job=rank."""
    usual = {"estimator": "ghn", "n": 16, "references": "nasbench201", "out": str(tmp_path / "out"), "bootstrap": 20}
    return lambda **changes: keys_for("rank", **{**usual, **changes})


@pytest.fixture
def references(tmp_path: Path) -> Callable[..., Any]:
    """Makes keys of job=references."""
    usual = {"archs": str(tmp_path / "archs.txt"), "seeds": [0], "out": str(tmp_path / "out")}
    return lambda **changes: keys_for("references", **{**usual, **changes})


def test_ranks_against_published_and_own_references(
    setting: Setting, rank: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError):  # missing, or of other images than the toy task's
        rank_job(setting, rank(references="embedded"))
    rank_job(setting, rank(references="all"))
    report = read_report(tmp_path / "out")
    assert [row.name for row in report.comparisons[0].estimators] == [
        "GHN run/checkpoint, loss",
        "GHN run/checkpoint, ridge",
    ]
    assert len(report.comparisons) == 1 and report.comparisons[0].n == 16 and "4 steps only" in report.warnings[0]
    printed = capsys.readouterr().out
    assert "GHN run/checkpoint" in printed and "live parameters" in printed and "report.html" in printed
    table = tmp_path / "own.jsonl"
    toy_table(setting.space.benchmark().candidates(12, "development"), setting.space, setting.task).save(table)
    rank_job(setting, rank(references=str(table), resume=True))
    comparison = read_report(tmp_path / "out").comparisons[0]
    assert (comparison.n_given, str(table) in comparison.reference_name) == (12, True)


def test_a_space_without_samples_ranks_the_networks_of_a_table(
    setting: Setting, rank: Callable[..., Any], references: Callable[..., Any], tmp_path: Path
) -> None:
    space = DARTS((3, 8, 8), 4, width=2, depth=3)
    rng = Random(0)
    archs = [space.format(space.sample(rng)) for _ in range(12)]
    darts = replace(setting, space=space)
    none = r"nats_size has no candidates(?s:.*)references=nasbench201(?s:.*)ghn references archs=20"
    with pytest.raises(ConfigError, match=none):
        rank_job(replace(setting, space=NATSBenchSize((3, 8, 8), 4)), rank(estimator="params"))
    (tmp_path / "archs.txt").write_text("\n".join(archs[:2]))  # a genotype has blanks within
    references_job(darts, references(out=str(tmp_path / "trained")))
    assert ReferenceTable.load(tmp_path / "trained" / "references.jsonl").archs() == archs[:2]
    toy_table(archs, space, setting.task).save(tmp_path / "own.jsonl")
    rank_job(darts, rank(estimator="params", references=str(tmp_path / "own.jsonl")))
    assert read_report(tmp_path / "out").comparisons[0].n == 12


@pytest.mark.parametrize(
    ("change", "error", "named"),
    [
        ({"references": "nasbench"}, ConfigError, r"embedded \| nasbench201 \| all"),
        ({"estimator": "gnh"}, ConfigError, r"ghn \| combined[\s\S]* \| training"),
        ({"candidates": "test"}, ConfigError, r"development \| report"),
        ({"n": 9}, DataError, "at least 10"),
    ],
)
def test_wrong_options_of_ranking(
    setting: Setting, rank: Callable[..., Any], change: dict[str, Any], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        rank_job(setting, rank(**change))
    assert not Path(rank().out).exists()


def test_trains_references_from_a_text_file(setting: Setting, references: Callable[..., Any], tmp_path: Path) -> None:
    one, two = (setting.space.format(cell) for cell in cells(2))
    (tmp_path / "archs.txt").write_text(f"{one}\n\n{two} \n")
    references_job(setting, references(seeds=[5, 6]))
    path = tmp_path / "out" / "references.jsonl"
    table = ReferenceTable.load(path)
    assert [(run.arch, run.seed) for run in table.runs] == [(one, 5), (two, 5), (one, 6), (two, 6)]
    with pytest.raises(ExistsError, match="resume=true"):
        references_job(setting, references())
    references_job(setting, references(seeds=[5, 6], resume=True))
    assert ReferenceTable.load(path) == table


def test_how_many_failures_in_a_row_end_a_run_is_a_key(
    setting: Setting,
    rank: Callable[..., Any],
    references: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def broken(self: Any, *args: Any, **options: Any) -> Any:
        asked.append("once")
        raise RuntimeError("the judge is broken")

    monkeypatch.setattr("ghn.families.training.full.TrainingEstimator.train_epochs", broken)
    (tmp_path / "archs.txt").write_text("\n".join(setting.space.format(cell) for cell in cells(5)))
    with pytest.raises(EstimatorError, match="the judge is broken"):
        references_job(setting, references(give_up_after=2))
    assert len(asked) == 2
    with pytest.raises(TrainingError, match="all 5 trainings failed"):
        references_job(setting, references(give_up_after=None, resume=True))
    assert len(asked) > 5
    with pytest.raises(EstimatorError, match="the judge is broken"):
        rank_job(setting, rank(estimator="training", give_up_after=3, out=str(tmp_path / "ranked")))


def test_trains_several_seeds_of_those_listed_alone(
    setting: Setting, references: Callable[..., Any], tmp_path: Path
) -> None:
    a, b, c = (setting.space.format(cell) for cell in cells(3))
    path = tmp_path / "archs.json"
    path.write_text(json.dumps({"random": [a, b], "top": [c], "three_seeds": [c]}))
    references_job(setting, references(archs=str(path), seeds=[0, 1]))
    table = ReferenceTable.load(tmp_path / "out" / "references.jsonl")
    assert [(run.arch, run.seed) for run in table.runs] == [(a, 0), (b, 0), (c, 0), (c, 1)]


def test_so_many_are_drawn_and_more_of_them_later(setting: Setting, references: Callable[..., Any]) -> None:
    references_job(setting, references(archs=2, seeds=[0]))
    few = ReferenceTable.load(Path(references().out) / "references.jsonl").archs()
    references_job(setting, references(archs=3, seeds=[0], resume=True))
    more = ReferenceTable.load(Path(references().out) / "references.jsonl").archs()
    assert len(few) == 2 and len(more) == 3 and set(few) < set(more)
    with pytest.raises(ConfigError, match="archs is out of range"):
        references(archs=0, resume=True)


@pytest.mark.parametrize(
    ("name", "content", "error", "named"),
    [
        ("archs.json", "[1, 2]", DataError, "one a line"),
        ("archs.json", "{", DataError, "one a line"),
        ("archs.json", '{"top": []}', DataError, "random"),
        ("archs.txt", "\n", ConfigError, "0 architectures"),
        ("archs.txt", "|fft~0|", ArchitectureError, "fft"),
        ("nowhere.txt", None, DataError, "nowhere.txt"),
    ],
)
def test_what_is_no_list_of_architectures(
    setting: Setting,
    references: Callable[..., Any],
    tmp_path: Path,
    name: str,
    content: str | None,
    error: type[Exception],
    named: str,
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(error, match=named):
        references_job(setting, references(archs=str(path)))
    assert not (tmp_path / "out").exists()


def test_a_setting_is_built_from_options() -> None:
    given: dict[str, Any] = {
        "task": {"name": "cifar10_embedded"},
        "space": {"name": "nasbench201", "width": 2, "depth": 1},
        "device": "cpu",
        "precision": "float32",
        "threads": None,
        "checkpoint": "shipped",
        "readout": ["loss", "ridge"],
        "sample": {"val": 7},
        "recipe": {"epochs": 3},
        "fidelity": {"epochs": 2},
        "skeletons": [{"depth": 2}],
        "surrogate": {"model": "ridge", "inputs": ["summary"], "given": 20},
        "out": "somewhere",
    }
    setting = build_setting(given)
    assert (setting.task.classes, setting.space.classes, setting.space.input_shape) == (10, 10, (3, 16, 16))
    assert (setting.checkpoints, setting.readouts) == (["shipped"], ["loss", "ridge"])
    assert (setting.sample.val, setting.recipe.epochs, setting.fidelity.epochs) == (7, 3, 2)
    with pytest.raises(ConfigError, match="tpu"):
        build_setting({**given, "device": "tpu"})
    with pytest.raises(ConfigError, match="float8"):
        build_setting({**given, "precision": "float8"})


def test_a_missing_checkpoint_is_named(setting: Setting, rank: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere"):
        rank_job(replace(setting, checkpoints=[str(tmp_path / "nowhere.safetensors")]), rank())


def test_ranks_the_space_into_a_file(setting: Setting, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = keys_for("rank_all", out=str(tmp_path / "out"), limit=30, given=8)
    rank_all_job(setting, keys)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 22 and printed[1].split()[0] == "1" and "(30 networks, 8 references given)" in printed[-1]
    lines = (tmp_path / "out" / "ranking.csv").read_text().splitlines()
    assert lines[0].startswith("rank,architecture,value,std") and len(lines) == 31
    values = [float(line.split(",")[2]) for line in lines[1:]]
    assert values == sorted(values, reverse=True) and lines[1].startswith("1,|")
    with pytest.raises(ExistsError, match="ranking"):
        rank_all_job(setting, keys)
    rank_all_job(setting, keys.model_copy(update={"resume": True}))
    assert (tmp_path / "out" / "ranking.csv").read_text().splitlines() == lines


def test_races_for_the_best(
    setting: Setting, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    keys = keys_for("rank_all", out=str(out), limit=80, best=3)
    with pytest.raises(ConfigError, match="best=81"):
        rank_all_job(setting, keys.model_copy(update={"best": 81}))
    with pytest.raises(ConfigError, match="best=3 references=published"):
        keys_for("rank_all", best=3, references="published")
    assert not out.exists()
    rank_all_job(setting, keys)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 6 and printed[3].split()[0] == "3" and "of the best 3" in printed[4]
    header, *rows = csv.reader((out / "ranking.csv").read_text().splitlines())
    assert header[-1] == "left_after" and len(rows) == 80
    assert [row[0] for row in rows[:4]] == ["1", "2", "3", ""] and not any(row[0] for row in rows[3:])
    assert {row[-1] for row in rows[:3]} == {""} and 0 < sum(row[-1] != "" for row in rows) <= 16
    with pytest.raises(ExistsError, match="ranking"):
        rank_all_job(setting, keys)
    # what was read is kept: nothing is asked again
    monkeypatch.setattr(WeightedEstimator, "score", lambda *_: pytest.fail("read twice"))
    rank_all_job(setting, keys.model_copy(update={"resume": True}))
    assert list(csv.reader((out / "ranking.csv").read_text().splitlines())) == [header, *rows]


def test_the_order_of_a_whole_space_is_reported_over_all_its_members(
    setting: Setting, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space, table = setting.space, tmp_path / "published.jsonl"
    ranked = {space.canonical(arch) for arch in space.distinct()[:24]}
    known = [space.format(arch) for arch in space if space.canonical(arch) in ranked]  # several compute one function
    others = [space.format(arch) for arch in space.distinct()[100:110]]
    toy_table([*known, *others], space, setting.task).save(table)
    keys = keys_for("rank_all", out=str(tmp_path / "out"), limit=24, references=str(table), bootstrap=20)
    rank_all_job(setting, keys)
    assert "report.html" in capsys.readouterr().out
    (found,) = json.loads((tmp_path / "out" / "report.json").read_text())["comparisons"]
    assert sorted(found["ids"]) == sorted(known) and len(known) > 24


def test_references_of_a_whole_space_are_checked_before_anything_is_scored(setting: Setting, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="published"):
        rank_all_job(setting, keys_for("rank_all", out=str(tmp_path / "out"), references="embedded"))
    others = [setting.space.format(arch) for arch in setting.space.distinct()[100:140]]
    toy_table(others, setting.space, setting.task).save(table := tmp_path / "others.jsonl")
    with pytest.raises(DataError, match="too few candidates"):
        rank_all_job(setting, keys_for("rank_all", out=str(tmp_path / "out"), limit=24, references=str(table)))
    assert not (tmp_path / "out").exists()


def test_the_networks_of_a_csv_are_ranked(setting: Setting, rank: Callable[..., Any], tmp_path: Path) -> None:
    """A user's own table, in a space that has a benchmark too."""
    archs, table = [setting.space.format(arch) for arch in setting.space.distinct()[40:60]], tmp_path / "mine.csv"
    table.write_text("arch,accuracy\n" + "".join(f"{arch},{0.5 + i / 100}\n" for i, arch in enumerate(archs)))
    rank_job(setting, rank(references=str(table), estimator="params", n=15))
    (found,) = json.loads((tmp_path / "out" / "report.json").read_text())["comparisons"]
    assert found["ids"] == [archs[i] for i in np.random.default_rng(0).permutation(20)[:15]]  # drawn, not the first


def test_a_folder_is_gone_on_with_by_its_own_job_alone(tmp_path: Path) -> None:
    scores = tmp_path / "scores" / "params-0.jsonl"
    with _marked(tmp_path, "rank", resume=True):
        (tmp_path / "thesis.tex").write_text("of somebody else")
    assert not (tmp_path / MARK).exists()

    def killed() -> None:
        with _marked(tmp_path, "survey", resume=False):
            scores.parent.mkdir()
            scores.write_text("")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    for job in ("rank", "survey"):  # it is refused by what holds results, and stays what it is
        with _marked(tmp_path, job, resume=False):
            pass
    refused = pytest.raises(ExistsError, match=r"job=survey(?s:.*)job=rank(?s:.*)the whole command")
    with refused, _marked(tmp_path, "rank", resume=True):
        raise AssertionError("nothing is done")
    with _marked(tmp_path, "survey", resume=True):
        assert scores.exists()
