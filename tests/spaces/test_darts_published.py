"""What NAS-Bench-301 publishes of DARTS networks: configurations, and trainings with their curves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ghn.errors import ArchitectureError, DataError
from ghn.spaces import DARTS
from ghn.spaces.darts import published
from ghn.spaces.darts.published import CONFIGURATION, read_nasbench301
from ghn.tables.lookup import TableEstimator
from ghn.tables.references import ReferenceTable, table_reference
from ghn.types import Trial

SPACE = DARTS((3, 16, 16), 10, width=4, depth=3)
PREFIX = "NetworkSelectorDatasetInfo:darts:"
# what automl/nasbench301, surrogate_models/test/results_fidelity_0/results_0.json, says of the network and its skeleton
EDGES = {
    "edge_normal_0": "skip_connect",
    "edge_normal_1": "sep_conv_3x3",
    "edge_reduce_0": "max_pool_3x3",
    "edge_reduce_1": "avg_pool_3x3",
    "inputs_node_normal_3": "0_1",
    "inputs_node_normal_4": "0_2",
    "inputs_node_normal_5": "1_2",
    "inputs_node_reduce_3": "0_1",
    "inputs_node_reduce_4": "1_2",
    "inputs_node_reduce_5": "2_3",
    "edge_normal_10": "sep_conv_3x3",
    "edge_normal_11": "skip_connect",
    "edge_normal_2": "sep_conv_3x3",
    "edge_normal_3": "skip_connect",
    "edge_normal_5": "dil_conv_3x3",
    "edge_normal_7": "dil_conv_5x5",
    "edge_reduce_11": "sep_conv_3x3",
    "edge_reduce_12": "dil_conv_3x3",
    "edge_reduce_2": "skip_connect",
    "edge_reduce_3": "dil_conv_5x5",
    "edge_reduce_6": "sep_conv_3x3",
    "edge_reduce_7": "sep_conv_5x5",
}
CELLS = {PREFIX + key: value for key, value in EDGES.items()}
SETTINGS = {
    "ImageAugmentation:cutout": "True",
    f"{PREFIX}drop_path_prob": 0.2,
    f"{PREFIX}auxiliary": "True",
    f"{PREFIX}init_channels": 50,
    f"{PREFIX}layers": 20,
    "OptimizerSelector:sgd:learning_rate": 0.02920949203420479,
    "SimpleLearningrateSchedulerSelector:cosine_annealing:T_max": 1500,
}
GENOTYPE = (
    "Genotype(normal=[('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 1), "
    "('dil_conv_3x3', 0), ('dil_conv_5x5', 2), ('sep_conv_3x3', 1), ('skip_connect', 2)], normal_concat=range(2, 6), "
    "reduce=[('max_pool_3x3', 0), ('avg_pool_3x3', 1), ('skip_connect', 0), ('dil_conv_5x5', 1), "
    "('sep_conv_3x3', 1), ('sep_conv_5x5', 2), ('sep_conv_3x3', 2), ('dil_conv_3x3', 3)], reduce_concat=range(2, 6))"
)
VAL = [41.5, 60.0, 71.25]


def training(**changed: Any) -> dict[str, Any]:
    """The content of a file; keys with None are left out."""
    content = {
        "final_metric_score": -97.68,
        CONFIGURATION: {**SETTINGS, **CELLS},
        "budget": 1500,
        "info": [{"train_loss": 0.66, "val_accuracy": 97.68, "epochs": 1488, "model_parameters": 6369358}],
        "learning_curves": {
            "Train/train_loss": [1.9, 1.4, 1.1],
            "Train/train_accuracy": [30, 51.5, 60.25],
            "Train/val_cross_entropy": [1.5, 1.1, 0.8],
            "Train/val_accuracy": VAL,
            "Train/lr": [0.025, 0.02, 0.01],
        },
        "test_accuracy": 97.54,
        "runtime": 365136,
    }
    return {key: value for key, value in {**content, **changed}.items() if value is not None}


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def test_a_configuration_is_a_genotype() -> None:
    arch = SPACE.from_configuration({**SETTINGS, **CELLS})
    assert arch == SPACE.parse(GENOTYPE) == SPACE.parse(json.dumps({**CELLS, **SETTINGS}, indent=1))
    assert SPACE.format(arch) == GENOTYPE and SPACE.to_configuration(arch) == CELLS


def test_configurations_round_trip() -> None:
    rng = Random(0)
    for arch in (SPACE.sample(rng) for _ in range(100)):
        assert SPACE.from_configuration(SPACE.to_configuration(arch)) == arch


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"edge_normal_0": "none"}, "edge_normal_0"),
        ({"edge_normal_0": None}, "edge_normal_0"),
        ({"edge_reduce_12": ["dil_conv_3x3"]}, "edge_reduce_12"),
        ({"inputs_node_normal_4": "1_3"}, "edge_normal_6"),
        ({"inputs_node_normal_3": "1_1"}, "inputs_node_normal_3"),
        ({"inputs_node_normal_3": "0_3"}, "inputs_node_normal_3"),
        ({"inputs_node_reduce_5": 23}, "inputs_node_reduce_5"),
        ({"inputs_node_normal_9": "0_1"}, "inputs_node_normal_9"),
        ({"width": 3}, "width(?s:.*)a setting"),
        ({"edge_normal_9": "skip_connect"}, "edge_normal_9(?s:.*)no node reads"),
    ],
)
def test_a_configuration_of_no_member_is_refused(changed: dict[str, Any], message: str) -> None:
    wrong = {k: v for k, v in {**CELLS, **{PREFIX + k: v for k, v in changed.items()}}.items() if v is not None}
    with pytest.raises(ArchitectureError, match=message):
        SPACE.from_configuration(wrong)


def test_texts_that_are_no_configurations_are_refused() -> None:
    long = json.dumps({**CELLS, "more": "x" * 20_000})
    for text in ("{", "{}", "{" * 5000, long, json.dumps({"a": 1}), '{"a": NaN}'):
        with pytest.raises(ArchitectureError, match="configuration"):
            SPACE.parse(text)
    with pytest.raises(ArchitectureError, match="NetworkSelector:edge_normal_0"):
        SPACE.from_configuration({**CELLS, "NetworkSelector:edge_normal_0": "skip_connect"})
    with pytest.raises(ArchitectureError, match="list"):
        SPACE.from_configuration([])  # type: ignore[arg-type]


def test_trainings_are_references_with_curves(tmp_path: Path) -> None:
    other = SPACE.neighbours(SPACE.parse(GENOTYPE)).__next__()
    write(tmp_path / "run_0/results_fidelity_0/results_0.json", training())
    write(tmp_path / "run_0/results_fidelity_0/results_1.json", training(test_accuracy=96))
    configuration = {**SETTINGS, **SPACE.to_configuration(other)}
    write(tmp_path / "run_1/results_fidelity_0/results_0.json", training(**{CONFIGURATION: configuration}))
    write(tmp_path / "run_1/notes.json", "not read")
    table = read_nasbench301(tmp_path)
    assert [(run.arch, run.seed) for run in table.runs] == [(GENOTYPE, 0), (GENOTYPE, 1), (SPACE.format(other), 0)]
    first = table.runs[0]
    assert first.val_accuracy == (0.415, 0.6, 0.7125) and first.train_accuracy == (0.3, 0.515, 0.6025)
    assert first.train_loss == (1.9, 1.4, 1.1) and first.val_loss == (1.5, 1.1, 0.8)
    assert first.test_accuracy == 0.9754 and first.seconds == 365136 and first.epochs == (1, 2, 3)
    assert table.header.skeleton == {"input_shape": [3, 32, 32], "classes": 10, "width": 50, "depth": 20}
    assert table.header.recipe["epochs"] == 1500 and table.header.space == "darts"
    table.save(tmp_path / "table.jsonl")
    assert ReferenceTable.load(tmp_path / "table.jsonl") == table
    reference = table_reference(tmp_path / "table.jsonl", SPACE, "")
    assert reference.values[GENOTYPE] == pytest.approx((0.9754 + 0.96) / 2) and GENOTYPE in reference.seeds


def test_trainings_are_looked_up(tmp_path: Path) -> None:
    """By members, whatever the skeleton of the space."""
    write(tmp_path / "results_0.json", training())
    source = TableEstimator(read_nasbench301(tmp_path), SPACE)
    score = source.score([Trial("a", SPACE.parse(GENOTYPE), budget=2)])[0]
    assert score.value == 0.6 and score.extra["curve"]["val_accuracy"] == [0.415, 0.6]


def test_without_curves_the_end_stands_alone(tmp_path: Path) -> None:
    """As in the file of the source's own tests."""
    (run,) = read_nasbench301(write(tmp_path / "results_0.json", training(learning_curves=None))).runs
    assert run.val_accuracy == (0.9768,) and run.epochs == (1488,) and run.test_accuracy == 0.9754


def curves(**changed: Any) -> dict[str, Any]:
    known = training()["learning_curves"] | {f"Train/{key}": value for key, value in changed.items()}
    return training(learning_curves={key: value for key, value in known.items() if value is not None})


def configured(**changed: Any) -> dict[str, Any]:
    configuration = {**SETTINGS, **CELLS, **{PREFIX + key: value for key, value in changed.items()}}
    return training(**{CONFIGURATION: configuration})


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (lambda: "[1", "no training"),
        (lambda: [training()], "all of it"),
        (lambda: training(**{CONFIGURATION: None}), CONFIGURATION),
        (lambda: configured(edge_normal_0="none"), "edge_normal_0"),
        (lambda: configured(layers="20"), "layers"),
        (lambda: configured(init_channels=0), "init_channels"),
        (lambda: training(test_accuracy=None), "test_accuracy"),
        (lambda: training(test_accuracy=101), "test_accuracy"),
        (lambda: training(test_accuracy="97"), "test_accuracy"),
        (lambda: training(runtime=-1), "runtime"),
        (lambda: training(info=[]), "info"),
        (lambda: training(info=[{"val_accuracy": 97}]), "epochs"),
        (lambda: curves(val_accuracy=None), "Train/val_accuracy"),
        (lambda: curves(val_accuracy=[]), "Train/val_accuracy"),
        (lambda: curves(val_accuracy=[10, 500, 20]), "Train/val_accuracy: 1"),
        (lambda: curves(train_loss=[1.0, float("nan"), 1.0]), "Train/train_loss: 1"),
        (lambda: curves(train_loss=[1.0]), "learning_curves"),
    ],
)
def test_what_is_no_training_is_refused_by_file_and_key(tmp_path: Path, content: Callable[[], Any], key: str) -> None:
    write(tmp_path / "results_0.json", training())
    given = content()
    path = write(tmp_path / "results_1.json", given)
    if isinstance(given, str):
        path.write_text(given)
    with pytest.raises(DataError, match=rf"results_1\.json(?s:.*){key}"):
        read_nasbench301(tmp_path)


def test_trainings_of_two_kinds_are_not_mixed(tmp_path: Path) -> None:
    write(tmp_path / "results_0.json", training())
    write(tmp_path / "results_1.json", configured(layers=8))
    with pytest.raises(
        DataError, match=r"results_1\.json: trained otherwise than .*results_0(?s:.*)depth=8(?s:.*)depth=20"
    ):
        read_nasbench301(tmp_path)


def test_what_is_too_large_and_what_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(DataError, match="0 files results_"):
            read_nasbench301(path)
    write(tmp_path / "results_0.json", training())
    monkeypatch.setattr(published, "LARGEST", 1000)
    with pytest.raises(DataError, match="more than 1000 bytes"):
        read_nasbench301(tmp_path)
    write(tmp_path / "results_1.json", training())
    monkeypatch.setattr(published, "MOST", 1)
    with pytest.raises(DataError, match="2 files"):
        read_nasbench301(tmp_path)
