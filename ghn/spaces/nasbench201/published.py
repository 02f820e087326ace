"""Reads the published tables of NAS-Bench-201: the accuracies of all cells, and every epoch and seed of the archives.

Source: "AnalogNAS-Bench: A NAS Benchmark for Analog In-Memory Computing", arXiv 2506.18495, 2025, whose ordinary
digital trainings of all 15,625 cells come in the PyPI package analog-nasbench; and Dong, Liu, Musial & Gabrys,
"NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size", TPAMI 2021, whose archives of the topology
space are published at github.com/D-X-Y/NATS-Bench.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from ghn.errors import ConfigError, DataError, MissingExtraError
from ghn.tables.lookup import TableEstimator
from ghn.tables.pickles import Record, restricted_load
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run, TableHeader
from ghn.types import Finite, Space, Trial

# the package's numbers 0 to 4, and its order of edges, which is not the official string's
_OPS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
_EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
_ANALOG_GLOBALS = {("analognasbench.data", name): Record for name in ("Architecture", "DriftMeasurement")}

# dataset -> (classes, image size, training for validation, its split, training for test, its split), as the API of
# NATS-Bench names them. CIFAR-10 is trained twice: on half of the training images, for validation, and on all of them,
# for test.
_DATASETS = {
    "cifar10": (10, 32, "cifar10-valid", "x-valid", "cifar10", "ori-test"),
    "cifar100": (100, 32, "cifar100", "x-valid", "cifar100", "x-test"),
    "ImageNet16-120": (120, 16, "ImageNet16-120", "x-valid", "ImageNet16-120", "x-test"),
}
_EPOCHS = (12, 200)


class DistinctSpace(Space[Any], Finite, Protocol):
    """A space that knows one representative of each function it computes."""


def distinct_references(space: DistinctSpace, table: ReferenceTable, metric: str = "test_accuracy") -> dict[str, float]:
    """One architecture for each distinct function of a space, with the mean reading of all runs that compute it.

    Args:
        space: chooses the representatives (`distinct`) and says which architectures are equal (`canonical`).
        table: the references; functions that it lacks are left out.
        metric: one of `METRICS`.

    Returns:
        Official string -> mean, in the order of the strings: 4,930 for all of NAS-Bench-201.
    """
    trials = [Trial(text, space.parse(text)) for text in sorted(space.format(arch) for arch in space.distinct())]
    scores = TableEstimator(table, space, metric=metric).score(trials)
    return {trial.id: score.value for trial, score in zip(trials, scores, strict=True) if score.ok}


def _header(dataset: str, epochs: int, augmentation: str, versions: dict[str, str], source: str) -> TableHeader:
    """Of trainings in the benchmark's own skeleton by its own recipe."""
    classes, size, *_ = _DATASETS[dataset]
    recipe = {
        "epochs": epochs,
        "optimizer": "SGD, Nesterov momentum 0.9, weight decay 5e-4, learning rate 0.1 to 0 by cosine",
        "batch": 256,
        "augmentation": augmentation,
    }
    skeleton = {"input_shape": [3, size, size], "classes": classes, "width": 16, "depth": 5}
    return TableHeader(
        space="nasbench201", task=dataset, skeleton=skeleton, recipe=recipe, versions=versions, source=source
    )


# --- analog-nasbench -------------------------------------------------------------------------------------------------


def read_analog_nasbench(path: str | Path | None = None) -> ReferenceTable:
    """Reads the CIFAR-10 accuracies of all 15,625 NAS-Bench-201 cells from the package analog-nasbench.

    What the number is, as far as the publisher's training script and the figures themselves tell: the *test* accuracy
    of one training (one seed) of 200 epochs on all 50,000 training images in the benchmark's own skeleton, averaged
    over 25 passes over the 10,000 test images *with random crops and flips*; all but two of the values are multiples of
    0.0004 points accordingly. There are no validation accuracies and no curves.

    Args:
        path: the package's `data.anb`; None finds the installed one, without importing the package.

    Raises:
        MissingExtraError: the package is not installed.
        DataError: the file is damaged, names foreign globals, or is not a table of all cells.
    """
    file = _installed_data() if path is None else Path(path)
    records = restricted_load(file, _ANALOG_GLOBALS)
    if not isinstance(records, dict) or set(records) != set(itertools.product(range(len(_OPS)), repeat=len(_EDGES))):
        raise DataError(
            f"{file}: not a table of all NAS-Bench-201 cells",
            got=f"{len(records)} entries" if isinstance(records, dict) else type(records).__name__,
            expected=f"{len(_OPS) ** len(_EDGES)} tuples of 6 numbers",
        )
    runs = []
    for cell, record in records.items():
        fields = record.fields if isinstance(record, Record) else {}
        percent, named = fields.get("baseline_accuracy"), fields.get("architecture")
        if type(named) is not tuple or named != cell or not isinstance(percent, float) or not 0 <= percent <= 100:
            raise DataError(
                f"{file}: a malformed entry for {cell}", got=fields, expected="a baseline_accuracy in percent"
            )
        # rounded to what 250,000 test images can tell, so that equal counts stay ties
        runs.append(Run(_official(cell), seed=0, test_accuracy=round(percent / 100, 8)))
    versions = {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    if importlib.util.find_spec("analognasbench") is not None:
        versions["analog-nasbench"] = importlib.metadata.version("analog-nasbench")
    augmentation = "random flip and crop (4 pixels of padding); in test too, mean of 25 passes"
    source = "AnalogNAS-Bench (arXiv 2506.18495), baseline_accuracy in PyPI analog-nasbench"
    return ReferenceTable(_header("cifar10", 200, augmentation, versions, source), tuple(runs))


def _installed_data() -> Path:
    # finding the spec of a top-level package does not execute it; importing it would want pandas and pkg_resources
    spec = importlib.util.find_spec("analognasbench")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            "the accuracies of all NAS-Bench-201 cells are in analog-nasbench, which is not installed",
            fix="pip install 'ghn[nasbench]'  (or pip install --no-deps analog-nasbench==0.1.3)",
        )
    return Path(spec.submodule_search_locations[0]) / "data.anb"


def _official(cell: tuple[int, ...]) -> str:
    ops = dict(zip(_EDGES, (_OPS[i] for i in cell), strict=True))
    nodes = ("|".join(f"{ops[source, node]}~{source}" for source in range(node)) for node in (1, 2, 3))
    return "+".join(f"|{node}|" for node in nodes)


# --- NATS-Bench ------------------------------------------------------------------------------------------------------


def read_nats_bench(
    folder: str | Path, dataset: str = "cifar10", *, epochs: int = 200, indices: Iterable[int] | None = None
) -> ReferenceTable:
    """Reads an unpacked `NATS-tss-v1_0-3ffb9-simple` archive with the classes of the official API.

    The archive is bz2 pickles, so each file is loaded by `restricted_load`, and what that returned is handed to the
    API: a file that names anything but plain data is refused before it can run. All 15,625 take minutes.

    Args:
        folder: with `meta.pickle.pbz2` and a `NNNNNN.pickle.pbz2` an architecture.
        dataset: "cifar10", "cifar100" or "ImageNet16-120".
        epochs: of the recipe, 200 or 12.
        indices: of the architectures wanted; None for all that the folder holds.

    Returns:
        A run for each (architecture, seed). For CIFAR-10 its curves and seconds are those of the training on half of
        the images ("cifar10-valid"), its test accuracy that of the training on all of them with the same seed number,
        as the benchmark's own queries have it. For the other two the 200-epoch archives hold validation after the last
        epoch only, and so do the curves.

    Raises:
        MissingExtraError: `nats-bench` is not installed.
        ConfigError: an unknown dataset or number of epochs.
        DataError: a file is missing, damaged, of another space, or not plain data.
    """
    if dataset not in _DATASETS or epochs not in _EPOCHS:
        raise ConfigError(
            "NATS-Bench has no such trainings",
            got=f"dataset {dataset!r}, epochs {epochs}",
            expected=f"a dataset of {tuple(_DATASETS)}, epochs of {_EPOCHS}",
        )
    if importlib.util.find_spec("nats_bench") is None:
        raise MissingExtraError("reading NATS-Bench needs nats-bench", fix="pip install 'ghn[nasbench]'")
    folder = Path(folder)
    names = _names(folder)
    wanted = sorted(_present(folder, len(names)) if indices is None else set(indices))
    runs = [run for index in wanted for run in _runs_of(folder, index, names, dataset, epochs)]
    padding = 4 if _DATASETS[dataset][1] == 32 else 2
    augmentation = f"random flip, random crop with {padding} pixels of padding"
    versions = {"nats-bench": importlib.metadata.version("nats-bench")}
    source = "Dong et al., NATS-Bench, TPAMI 2021 (archive NATS-tss-v1_0-3ffb9)"
    return ReferenceTable(_header(dataset, epochs, augmentation, versions, source), tuple(runs))


def _names(folder: Path) -> list[str]:
    """All architecture strings, from `meta.pickle.pbz2`."""
    meta = restricted_load(folder / "meta.pickle.pbz2")
    names = meta.get("meta_archs") if isinstance(meta, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) and "~" in name for name in names):
        raise DataError(
            f"{folder}: not a NATS-Bench archive of the topology space",
            got="no list of cell strings in its meta file",
            expected="an unpacked NATS-tss-v1_0-3ffb9-simple (the size space, sss, is another one)",
        )
    return names


def _present(folder: Path, count: int) -> list[int]:
    found = [int(p.name.split(".")[0]) for p in folder.glob("*.pickle.pbz2") if p.name.split(".")[0].isdigit()]
    return [index for index in found if index < count]


def _runs_of(folder: Path, index: int, names: list[str], dataset: str, epochs: int) -> list[Run]:
    """The runs in one file of the archive."""
    from nats_bench import ArchResults  # only here: an extra

    path = folder / f"{index:06d}.pickle.pbz2"
    state = restricted_load(path)
    try:
        results = ArchResults.create_from_state_dict(_plain_results(state[str(epochs)]))
        found = _runs(results, dataset)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise DataError(
            f"{path}: not the results of one NATS-Bench architecture",
            got=f"{type(error).__name__}: {error}",
            expected=f"results of {dataset} for the {epochs}-epoch recipe",
            fix="get the archive again",
        ) from error
    if not 0 <= index < len(names) or results.arch_str != names[index]:
        raise DataError(f"{path}: not the architecture that meta lists as {index}", got=results.arch_str)
    return found


def _plain_results(content: Any) -> dict[str, Any]:
    """What may be handed to the official API: dictionaries alone.

    Given a string, the API opens the file of that name with plain `pickle.load`: whoever wrote the archive would choose
    what is opened, and run it.
    """
    results = content.get("all_results") if isinstance(content, dict) else None
    if not isinstance(results, dict) or not all(isinstance(one, dict) for one in results.values()):
        raise TypeError("results must be dictionaries; what a file names is not opened")
    return content


def _runs(results: Any, dataset: str) -> list[Run]:
    """The runs of one architecture, from the API's `ArchResults`."""
    _, _, for_val, val_split, for_test, test_split = _DATASETS[dataset]
    validated, tested = (results.dataset_seed.get(name, []) for name in (for_val, for_test))
    params = round(results.get_compute_costs(for_test)["params"] * 1e6)  # the archive counts millions
    found = []
    for seed in sorted({*validated, *tested}):
        row: dict[str, Any] = {}
        if seed in validated:
            row = _curves(results.query(for_val, seed), val_split)
        if seed in tested:
            test = results.query(for_test, seed).get_eval(test_split)
            row["test_accuracy"] = _fraction(test["accuracy"])
        found.append(Run(results.arch_str, int(seed), params=params, **row))
    return found


def _curves(result: Any, split: str) -> dict[str, Any]:
    """Every epoch for which both training and validation are recorded."""
    train, val, epochs = [], [], []
    for i in range(result.get_total_epoch()):
        if f"{split}@{i}" in result.eval_acc1es:
            train.append(result.get_train(i))
            val.append(result.get_eval(split, i))
            epochs.append(i + 1)
    total = result.get_times()["T-train@total"]
    return {
        "train_loss": tuple(float(x["loss"]) for x in train),
        "train_accuracy": tuple(_fraction(x["accuracy"]) for x in train),
        "val_loss": tuple(float(x["loss"]) for x in val),
        "val_accuracy": tuple(_fraction(x["accuracy"]) for x in val),
        "seconds": None if total is None else float(total),
        "epochs": tuple(epochs),
    }


def _fraction(percent: float) -> float:
    return round(float(percent) / 100, 6)  # without the float32 noise of the archive, which would break ties
