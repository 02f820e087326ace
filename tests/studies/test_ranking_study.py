"""The order of any space against tables of accuracies, small, from options to files."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
import toy
from lightning_fabric import Fabric
from rich.console import Console
from toy_models import SAMPLE, save_toy, toy_table

from ghn.app.setting import Setting
from ghn.errors import ConfigError, DataError
from ghn.report.model import read_report
from ghn.scoring.load import load
from ghn.scoring.model import Model
from ghn.scoring.proxies import ZERO_COST
from ghn.scoring.ranker import make_ranker
from ghn.spaces import make_space
from ghn.tasks import make_task
from ghn.types import Trial
from studies.ranking import part_of, ranking_study, read_accuracies, tables_of
from studies.readings import Readings
from studies.run import options_of
from studies.spaces import print_spaces, ranking_options, rows_of, summary_of_space

TABLES = Path("/work/shared/tables")  # published accuracies that are no part of the project
SPACE = toy.SPACE


@pytest.fixture
def setting(tmp_path: Path, fabric: Fabric) -> Setting:
    path = tmp_path / "run" / "checkpoint.safetensors"
    save_toy(path, SPACE, toy.make_task(), fabric)
    return Setting(SPACE, toy.make_task(), fabric, [str(path)], sample=SAMPLE)


def options(tmp_path: Path, *more: str) -> dict[str, Any]:
    small = ["ranking.pool=20", "ranking.n=12", "ranking.sizes=[0, 20]", "ranking.draws=2", "bootstrap=20"]
    tables = [f"ranking.{name}={tmp_path}/{file}" for name, file in (("development", "a.jsonl"), ("report", "b.csv"))]
    return options_of("ranking", [*small, *tables, "ranking.proxies=[synflow]", f"out={tmp_path}/out", *more])


def test_a_table_of_ones_own_and_a_published_one(setting: Setting, tmp_path: Path) -> None:
    every, rng = [SPACE.format(arch) for arch in SPACE.distinct()], Random(0)
    toy_table(every[:30], SPACE, setting.task, seeds=2).save(tmp_path / "a.jsonl")
    rows = [f"{arch},{rng.random()},{rng.random()}" for arch in every[18:40]]
    (tmp_path / "b.csv").write_text("\n".join(["arch,test_accuracy_1,test_accuracy_2", *rows]))
    ranking_study(setting, options(tmp_path, "progress=false"))
    (comparison,) = read_report(tmp_path / "out" / "report").comparisons
    pool = part_of(read_accuracies(str(tmp_path / "a.jsonl"), SPACE), 20).values
    assert len(comparison.ids) == 12 and set(comparison.ids) <= set(every[18:40]) - set(pool)
    names = {row.name for row in comparison.estimators}
    assert {"synflow", "combined, no references", "without the hypernetwork, 20 references"} <= names
    spread = json.loads((tmp_path / "out" / "spread.json").read_text())
    assert len(spread["combined, 20 references"]["kendall"]) == 2 and "ndcg@10%" in spread["synflow"]

    summary = summary_of_space(tmp_path / "out")  # as in the table of all spaces
    row = summary["rows"]["combined, 20 references"]
    assert summary["networks"] == 12 and row["mean over draws"]["kendall"] == pytest.approx(
        sum(spread["combined, 20 references"]["kendall"]) / 2
    )
    low, high = row["first draw"]["kendall"][1:]
    assert low < high and summary["rows"]["live parameters"]["first draw"]["kendall"]
    console = Console(file=StringIO(), width=150)
    print_spaces({"nasbench201": summary}, console)
    assert "nasbench201, 12 networks" in console.file.getvalue()


def test_a_small_table_of_ones_own_alone(setting: Setting, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two fifths are to develop with, too few for what is usual in the space or for 20 references."""
    every = [SPACE.format(arch) for arch in SPACE.distinct()]
    toy_table(every[:30], SPACE, setting.task, seeds=2).save(tmp_path / "mine.jsonl")
    none = ["ranking.development=null", "ranking.report=null", f"ranking.trained={tmp_path}/mine.jsonl"]
    with_population(setting)
    ranking_study(setting, options(tmp_path, "progress=false", "ranking.n=99", *none))
    (comparison,) = read_report(tmp_path / "out" / "report").comparisons
    assert list(comparison.ids) == every[12:30]
    assert "of [20] references nothing is told, as 12 networks are there to draw from" in capsys.readouterr().out
    assert not any("20 references" in row.name for row in comparison.estimators)


def with_population(setting: Setting, **votes: float) -> Model:
    """The checkpoint of a setting, whose card now says what is usual, and which part of its vote a reading has."""
    model = load(path := str(setting.checkpoints[0]), fabric=setting.fabric)
    usual, _ = make_ranker(model, task=setting.task).usual(20, progress=False)
    known = {"task_checksum": model.images(setting.task).checksum, "meco": ZERO_COST["meco"].version}
    shares = {name: votes.get(name.partition("/")[0], vote) for name, vote in usual.votes.items()}
    card = {**model.card, "population": {**known, "quantiles": usual.describe(), "votes": shares}}
    Model(model.net, SPACE, card, setting.fabric).save(path)
    return load(path, fabric=setting.fabric)


@pytest.mark.parametrize("pool", [8, 30])
def test_a_study_orders_as_rank_does(setting: Setting, tmp_path: Path, pool: int) -> None:
    """By the votes of the card, also where further readings have none and so are not read."""
    model = with_population(setting, ghn=0.25, naswot=0.0, synflow=0.0)
    archs = [SPACE.format(arch) for arch in SPACE.distinct()][:40]
    read = Readings(model, setting, dict.fromkeys(archs[:pool], 0.5), archs, tmp_path / "read", progress=False)
    trials = [Trial(text, SPACE.parse(text)) for text in archs[30:]]
    ranked = [score.value for score in model.rank(archs[30:], task=setting.task)]
    assert [score.value for score in read.combined().score(trials)] == pytest.approx(ranked)
    assert set(read.combined(hypernetwork=False).weights) < set(read.combined().weights)


def test_rows_of_the_table_of_all_spaces() -> None:
    given = options_of("spaces", ["spaces.tables=[{space: macro, development: a.csv, report: b.csv}]", "out=here"])
    given["spaces"]["n"] = 7
    task = make_task("cifar10_embedded")
    rows = rows_of(given["spaces"], task)
    assert list(rows) == ["darts", "macro", "nasbench101", "nasbench201", "macro-b"]
    own = ranking_options("nasbench201", rows["nasbench201"], given)
    assert own["ranking"]["report"] is None and own["ranking"]["n"] == 7 and own["out"] == "here/nasbench201"
    own = ranking_options("macro-b", rows["macro-b"], given)
    assert (own["space"]["name"], own["ranking"]["report"], own["out"]) == ("macro", "b.csv", "here/macro-b")
    usual = options_of("spaces")["spaces"]
    assert list(rows_of({**usual, "names": []}, task)) == ["nasbench201-embedded_seeds"]
    for changes, message in (
        ({"names": ["function"]}, "no hypernetwork is shipped"),
        ({"names": ["deepnets"]}, "no accuracies of networks are known"),
        ({"tables": [{"space": "nasbench201", "dev": "a.csv"}]}, r"an entry of spaces\.tables"),
        ({"tables": [{"space": "macro", "trained": f"{one}/r.jsonl"} for one in "ab"]}, "two entries"),
        ({"tables": ["a.csv"]}, r"an entry of spaces\.tables"),
    ):
        with pytest.raises(ConfigError, match=message):
            rows_of({**usual, **changes}, task)


def test_without_tables_the_shipped_samples_are_ranked(fabric: Fabric) -> None:
    setting = Setting(SPACE, toy.make_task(), fabric, ["shipped"])
    development, report = tables_of(setting, {"development": None, "report": None, "trained": None})
    assert len(development.values) == 484 and len(report.values) == 1000
    assert not set(development.values) & set(report.values)


def test_wrong_tables(setting: Setting, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ranking\.report must be given"):
        ranking_study(setting, options(tmp_path, "ranking.report=null"))
    path = tmp_path / "c.csv"
    for text, message in (
        ("arch,test_accuracy\nnothing,0.5", "line 2"),
        ("network,test_accuracy\nx,0.5", "line 2"),
        (f"arch,test_accuracy\n{SPACE.format(SPACE.distinct()[0])},93.5", "from 0 to 1"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            read_accuracies(str(path), SPACE)
    with pytest.raises(DataError, match="cannot be read"):
        read_accuracies(str(tmp_path / "nowhere.csv"), SPACE)


@pytest.mark.skipif(not TABLES.exists(), reason="needs tables that are no part of the project")
@pytest.mark.parametrize(
    ("name", "n", "trainings", "networks"), [("macro", 1500, 3, 1500), ("nasbench101", 1000, 1, 484)]
)
def test_published_tables_of_other_spaces(name: str, n: int, trainings: int, networks: int) -> None:
    """Many lines of the second are of one network."""
    space = make_space(name, input_shape=(3, 16, 16), classes=10)
    found = read_accuracies(str(TABLES / f"{name}_development.csv"), space)
    again = sum(len(seeds) - trainings for seeds in found.seeds.values()) // trainings
    assert len(found.values) == networks and networks + again == n
