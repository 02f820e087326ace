"""Reads the archives of NATS-Bench, whatever space they are of: every epoch and seed of three data sets.

Source: Dong, Liu, Musial & Gabrys, "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size", TPAMI
2021, whose archives are published at github.com/D-X-Y/NATS-Bench.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ghn.errors import ConfigError, DataError
from ghn.extras import missing
from ghn.tables.pickles import restricted_load
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run, TableHeader

# dataset -> (classes, image size, training for validation, its split, training for test, its split), as the API of
# NATS-Bench names them. CIFAR-10 is trained twice: on half of the training images, for validation, and on all of them,
# for test.
_DATASETS = {
    "cifar10": (10, 32, "cifar10-valid", "x-valid", "cifar10", "ori-test"),
    "cifar100": (100, 32, "cifar100", "x-valid", "cifar100", "x-test"),
    "ImageNet16-120": (120, 16, "ImageNet16-120", "x-valid", "ImageNet16-120", "x-test"),
}


@dataclass(frozen=True)
class Archive:
    """What an archive is of."""

    name: str  # of the folder that is published, such as "NATS-tss-v1_0-3ffb9-simple"
    title: str  # of its space, in messages
    space: str  # the name of it here
    epochs: tuple[int, ...]  # of its recipes
    holds: Callable[[str], bool]  # whether a text may be one of its architectures
    skeleton: Mapping[str, Any] = field(default_factory=dict)  # settings of the space beside input shape and classes


def recipe(epochs: int, augmentation: str) -> dict[str, Any]:
    """How the benchmark trains, for the header of a table."""
    return {
        "epochs": epochs,
        "optimizer": "SGD, Nesterov momentum 0.9, weight decay 5e-4, learning rate 0.1 to 0 by cosine",
        "batch": 256,
        "augmentation": augmentation,
    }


def read_archive(
    archive: Archive, folder: str | Path, dataset: str, *, epochs: int, indices: Iterable[int] | None = None
) -> ReferenceTable:
    """Reads an unpacked archive with the classes of the official API.

    The archive is bz2 pickles, so each file is loaded by `restricted_load`, and what that returned is handed to the
    API: a file that names anything but plain data is refused before it can run.

    Args:
        archive: what it is of.
        folder: with `meta.pickle.pbz2` and a `NNNNNN.pickle.pbz2` an architecture.
        dataset: "cifar10", "cifar100" or "ImageNet16-120".
        epochs: of the recipe.
        indices: of the architectures wanted; None for all that the folder holds.

    Returns:
        A run for each (architecture, seed). For CIFAR-10 its curves and seconds are those of the training on half of
        the images ("cifar10-valid"), its test accuracy that of the training on all of them with the same seed number,
        as the benchmark's own queries have it.

    Raises:
        MissingExtraError: `nats-bench` is not installed.
        ConfigError: an unknown dataset or number of epochs.
        DataError: a file is missing, damaged, of another space, or not plain data.
    """
    if dataset not in _DATASETS or epochs not in archive.epochs:
        raise ConfigError(
            f"{archive.name} has no such trainings",
            got=f"dataset {dataset!r}, epochs {epochs}",
            expected=f"a dataset of {tuple(_DATASETS)}, epochs of {archive.epochs}",
        )
    if importlib.util.find_spec("nats_bench") is None:
        raise missing("nats-bench", "nasbench", "an archive of NATS-Bench")
    folder = Path(folder)
    names = names_of(archive, folder)
    wanted = sorted(_present(folder, len(names)) if indices is None else set(indices))
    runs = [run for index in wanted for run in _runs_of(folder, index, names, dataset, epochs)]
    return ReferenceTable(_header(archive, dataset, epochs), tuple(runs))


def _header(archive: Archive, dataset: str, epochs: int) -> TableHeader:
    classes, size, *_ = _DATASETS[dataset]
    return TableHeader(
        space=archive.space,
        task=dataset,
        skeleton={"input_shape": [3, size, size], "classes": classes, **archive.skeleton},
        recipe=recipe(epochs, f"random flip, random crop with {4 if size == 32 else 2} pixels of padding"),
        versions={"nats-bench": importlib.metadata.version("nats-bench")},
        source=f"Dong et al., NATS-Bench, TPAMI 2021 (archive {archive.name.removesuffix('-simple')})",
    )


def names_of(archive: Archive, folder: Path) -> list[str]:
    """All architecture strings of an archive in the order of their indices, from `meta.pickle.pbz2`."""
    meta = restricted_load(folder / "meta.pickle.pbz2")
    names = meta.get("meta_archs") if isinstance(meta, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) and archive.holds(name) for name in names):
        raise DataError(
            f"{folder}: not a NATS-Bench archive of the {archive.title}",
            got="no list of its architectures in its meta file",
            expected=f"an unpacked {archive.name} (that of the benchmark's other space is read by its own reader)",
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
        results = ArchResults.create_from_state_dict(_plain_results(state[f"{epochs:02d}"]))
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
