"""The studies growth, outside, coverage and convergence, from plain options to files."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import toy
from lightning_fabric import Fabric
from shared_cases import METHODS, TRAINER
from toy_models import NET, SAMPLE

from ghn.app.setting import Setting
from ghn.errors import CheckpointError, ConfigError, DataError, ExistsError
from ghn.families.sharing.smash import SmashSizes
from ghn.families.sharing.train import train_shared
from ghn.lines import decode_line
from ghn.nets.ghn import GHNConfig
from ghn.scoring.load import CHECKPOINT
from ghn.scoring.train_model import train_hypernetwork
from ghn.spaces import NASBench201
from studies.convergence import convergence_study
from studies.coverage import coverage_study
from studies.growth import growth_study
from studies.outside import outside_study

PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, fabric: Fabric) -> Path:
    """A folder with a tiny training of each method, and of ENAS three seeds."""
    folder, how = tmp_path_factory.mktemp("runs"), {"check": 0, "progress": False}
    parts = (toy.SPACE, toy.make_task())
    for seed in range(3):
        config = replace(TRAINER, seed=seed)
        train_shared(METHODS["enas"], *parts, config, fabric, folder / f"enas_s{seed}", **how)  # type: ignore[arg-type]
    for name in ("oneshot", "dropout", "darts"):
        train_shared(METHODS[name], *parts, TRAINER, fabric, folder / name, **how)  # type: ignore[arg-type]
    small = SmashSizes(unit=2, hidden=8, blocks=1)
    train_shared(small, *parts, TRAINER, fabric, folder / "smash", **how)  # type: ignore[arg-type]
    net = GHNConfig(4, **NET)
    distinct = replace(TRAINER, optimizer="adamw", sampling="distinct")
    train_hypernetwork(net, *parts, distinct, fabric, folder / "ghn", **how)  # type: ignore[arg-type]
    return folder


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    """Options of all four."""
    return {
        "out": str(tmp_path / "out"),
        "resume": False,
        "progress": False,
        "n": 36,
        "candidates": "development",
        "references": "all",
        "bootstrap": 20,
        "runs": [],
        "outside": {"depths": None, "widths": None},
        "growth": {"images": 2, "networks": 1, "depths": [1, 2], "widths": [4], "net": NET},
    }


@pytest.fixture
def setting(fabric: Fabric) -> Setting:
    return Setting(toy.SPACE, toy.make_task(), fabric, [], sample=SAMPLE)


def named(runs: Path, *names: str) -> list[str]:
    return [str(runs / name) for name in names]


def test_growth(setting: Setting, options: dict[str, Any], capsys: Any) -> None:
    growth_study(setting, options)
    out = Path(options["out"])
    found = json.loads((out / "growth.json").read_text())
    assert [(s["axis"], s["at"]) for s in found["sizes"]][-3:] == [("depth", 1), ("depth", 2), ("width", 4)]
    assert (out / "growth.png").read_bytes().startswith(PNG) and b"<svg" in (out / "growth.svg").read_bytes()
    printed = capsys.readouterr().out
    assert "operations 5" in printed and "edges 3" in printed and "2 images" in printed
    with pytest.raises(ExistsError):
        growth_study(setting, options)
    svg = (out / "growth.svg").read_bytes()
    growth_study(setting, {**options, "resume": True})
    assert (out / "growth.svg").read_bytes() == svg
    for wrong in ({"images": 0}, {"depths": 3}, {"depths": [0]}, {"net": {"size": 3}}):
        with pytest.raises(ConfigError):
            growth_study(setting, {**options, "resume": True, "growth": {**options["growth"], **wrong}})


def test_outside(setting: Setting, options: dict[str, Any], runs: Path, capsys: Any) -> None:
    checkpoints = [str(runs / name / CHECKPOINT) for name in ("oneshot", "ghn")]
    small = {**options, "n": 12}
    outside_study(replace(setting, checkpoints=checkpoints), small)
    rows = json.loads((Path(options["out"]) / "outside.json").read_text())["rows"]
    judged = {(row["checkpoint"], row["variation"]): row["judged"] for row in rows}
    for kind in ("as trained", "depth 3", "width 8", "grouped convolutions"):
        assert judged["ghn", kind] == 12
    assert judged["oneshot", "as trained"] == 12 and judged["oneshot", "width 8"] == 0
    assert judged["oneshot", "depth 3"] < 12 > judged["oneshot", "grouped convolutions"]
    own = {(row["checkpoint"], row["variation"]): row for row in rows}
    assert own["oneshot", "width 8"]["reason"] == "the bank holds no weights for stem/conv/weight of this shape"
    assert own["oneshot", "width 8"]["home"]["value"] is None and own["ghn", "as trained"]["home"]["value"] == 1
    assert -1 <= own["ghn", "depth 3"]["home"]["value"] < 1 and own["ghn", "depth 3"]["reason"] is None
    assert list(own["ghn", "depth 3"]["references"]) == [
        "NAS-Bench-201, published: CIFAR-10, 200 epochs, full skeleton"
    ]
    assert "oneshot, width 8: the bank holds no weights" in capsys.readouterr().out
    again = {**small, "resume": True}
    with pytest.raises(ConfigError, match="names of their folders"):
        outside_study(replace(setting, checkpoints=[checkpoints[0]] * 2), again)
    with pytest.raises(ConfigError, match="too few candidates"):
        outside_study(replace(setting, checkpoints=checkpoints), {**again, "n": 9})
    with pytest.raises(ConfigError, match=r"outside.depths must be a list"):
        outside_study(replace(setting, checkpoints=checkpoints), {**again, "outside": {"depths": 3, "widths": None}})
    with pytest.raises(CheckpointError, match="no checkpoint here"):
        outside_study(replace(setting, checkpoints=["nowhere"]), again)


def test_coverage(setting: Setting, options: dict[str, Any], runs: Path, capsys: Any) -> None:
    chosen = named(runs, "oneshot", "dropout", "enas_s0", "smash", "ghn")
    coverage_study(setting, {**options, "runs": chosen})
    out = Path(options["out"])
    found = json.loads((out / "coverage.json").read_text())
    assert [row["run"] for row in found["runs"]] == ["oneshot", "dropout", "enas_s0", "smash", "ghn"]
    assert [row["method"] for row in found["runs"]] == ["oneshot", "oneshot", "enas", "smash", "ghn"]
    assert {row["networks"] for row in found["runs"]} == {8}
    for row in found["runs"]:
        quartiles = row["exposure"]["quartiles"]
        assert quartiles == sorted(quartiles) and 0 <= quartiles[0] <= quartiles[-1] <= 8
        (reference,) = row["references"]
        assert reference["n"] == 36 and len(reference["exposure"]["kendall"]) == 3
        assert all(one["low"] <= one["value"] <= one["high"] for one in reference["exposure"]["kendall"])
    assert (
        found["runs"][1]["near"]["quartiles"][0] > found["runs"][0]["near"]["quartiles"][0]
    )  # a supergraph holds many
    assert (out / "coverage.png").read_bytes().startswith(PNG) and (out / "coverage.svg").exists()
    printed = capsys.readouterr().out
    assert "times trained" in printed and "ghn: 1 seed only" in printed
    coverage_study(setting, {**options, "runs": chosen[:1], "resume": True})


def test_coverage_that_cannot_be_measured(
    setting: Setting, options: dict[str, Any], runs: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"runs=\[FOLDER"):
        coverage_study(setting, options)
    with pytest.raises(ConfigError, match="DARTS trains every operation"):
        coverage_study(setting, {**options, "runs": named(runs, "darts")})
    with pytest.raises(DataError, match="at least 30"):
        coverage_study(setting, {**options, "runs": named(runs, "oneshot"), "n": 20})
    old = tmp_path / "old"
    shutil.copytree(runs / "enas_s0", old)
    (old / "drawn.jsonl").unlink()
    with pytest.raises(DataError, match="has not kept"):
        coverage_study(setting, {**options, "runs": [str(old)], "out": str(tmp_path / "other")})


def test_convergence(setting: Setting, options: dict[str, Any], runs: Path, capsys: Any) -> None:
    convergence_study(setting, {**options, "runs": named(runs, "enas_s0", "enas_s1", "enas_s2", "darts")})
    out = Path(options["out"])
    found = json.loads((out / "convergence.json").read_text())
    assert found["warnings"] == ["darts: 1 seed only; fewer than 3 say little"]
    assert [(mean["method"], mean["runs"]) for mean in found["means"]] == [("enas", 3), ("darts", 1)]
    for row in found["runs"]:
        assert row["steps"] == [1, 2, 3, 4] and row["uniform"] == pytest.approx(1.609, abs=1e-3)
        assert all(0.8 * row["uniform"] < value <= row["uniform"] + 1e-6 for value in row["entropy"])  # nats a choice
        assert [sum(shares) for shares in zip(*row["shares"].values(), strict=True)] == [pytest.approx(1)] * 4
        assert sum(row["found"]["shares"].values()) == pytest.approx(1) and row["settled"] is None
        ops = toy.SPACE.parse(row["found"]["architecture"])
        assert row["summary"]["skips_found"] == ops.count("skip_connect") / 6
    assert (out / "convergence.png").read_bytes().startswith(PNG) and (out / "convergence.svg").exists()
    printed = capsys.readouterr().out
    assert "enas, mean of 3" in printed and "Warning: darts: 1 seed" in printed


def test_a_search_that_settles(setting: Setting, options: dict[str, Any], runs: Path, tmp_path: Path) -> None:
    run = tmp_path / "settled"
    shutil.copytree(runs / "darts", run)
    lines = [decode_line(line) for line in (run / "log.jsonl").read_bytes().splitlines()]
    entropy = iter([1.6, 0.7, 1.0, 0.2])
    for line in lines:
        if "policy/entropy" in line:
            line["policy/entropy"] = next(entropy)
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    convergence_study(setting, {**options, "runs": [str(run)]})
    (row,) = json.loads((Path(options["out"]) / "convergence.json").read_text())["runs"]
    assert row["settled"] == 1.0  # step 2 was below half, but it did not stay there
    lines[0]["operations/skip_connect"] = "many"
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(DataError, match=r"operations/skip_connect is no number(?s:.*)many"):
        convergence_study(setting, {**options, "runs": [str(run)], "resume": True})


def test_runs_that_are_none(setting: Setting, options: dict[str, Any], runs: Path, tmp_path: Path) -> None:
    def job(*folders: str, own: Setting = setting) -> None:
        convergence_study(own, {**options, "runs": list(folders)})

    for name in ("oneshot", "ghn", "smash"):
        with pytest.raises(ConfigError, match=rf"no entropy(?s:.*){name}(?s:.*)weights=enas"):
            job(str(runs / name))
    with pytest.raises(DataError, match=r"is no run of train_ghn\.py"):
        job(str(tmp_path))
    with pytest.raises(ConfigError, match="names of their folders"):
        job(*named(runs, "darts", "darts"))
    with pytest.raises(CheckpointError, match="another space"):
        job(str(runs / "darts"), own=replace(setting, space=NASBench201((3, 8, 8), 4, width=8, depth=1)))
    shutil.copytree(runs / "darts", tmp_path / "unfinished")
    (tmp_path / "unfinished" / CHECKPOINT).unlink()
    with pytest.raises(DataError, match="has not finished"):
        job(str(tmp_path / "unfinished"))
