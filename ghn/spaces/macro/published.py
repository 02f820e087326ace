"""Reads the published table of NAS-Bench-Macro.

Source: Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", CVPR 2021; the file
`nas-bench-macro_cifar10.json` of github.com/xiusu/NAS-Bench-Macro, whose `train/` says how it was made.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ghn.errors import ArchitectureError, DataError
from ghn.reading import from_json, read_bytes, reading
from ghn.spaces.macro.digits import TITLE, identities_last
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run, TableHeader

LARGEST = 1 << 25  # bytes of a file; the published one has less than two million
TRAININGS = 3  # of each network
SKELETON = {"input_shape": [3, 32, 32], "classes": 10, "width": 32}  # the benchmark's own
FORMAT = '{"12010221": {"test_acc": [92.1, 92.3, 92.0], "params": 1348266, ...}, ...}'
FIX = "get nas-bench-macro_cifar10.json again from github.com/xiusu/NAS-Bench-Macro"
RECIPE = {
    "epochs": 50,
    "optimizer": "SGD, momentum 0.9, weight decay 5e-4, learning rate 0.1 to 0 by cosine",
    "batch": 256,
    "augmentation": "random flip, random crop with 4 pixels of padding",
    "reading": "the best test accuracy of all epochs",
}


def read_nas_bench_macro(path: str | Path) -> ReferenceTable:
    """Reads `nas-bench-macro_cifar10.json`: CIFAR-10 test accuracies of three trainings of each network.

    The benchmark trained each function once, in the form that `NASBenchMacro.canonical` gives, and lists the members
    that compute the same beside it with the same figures. The table has the form that was trained, once: 3,969 networks
    of the whole file. `distinct_references`, or a `TableEstimator`, finds every member of the space in it.

    Args:
        path: the file, or one of its form with some of its networks. Accuracies are percent.

    Returns:
        A run for each (network, training). There are no validation accuracies, no curves and no times.

    Raises:
        DataError: missing, too large, not JSON, not of this form, or two members of one function have other figures;
            says which entry.
    """
    path = Path(path)
    data = _read(path)
    found: dict[str, tuple[str, tuple[float, ...], int]] = {}  # of each function: entry, accuracies and parameters
    for key, value in _entries(path, data).items():
        try:
            form = identities_last(key)
        except ArchitectureError as error:
            raise DataError(f"{path}: not a table of {TITLE}: {error}", fix=FIX) from None
        accuracies, params = _figures(f"{path}, entry {key!r}", value)
        first = found.setdefault(form, (key, accuracies, params))
        if first[1:] != (accuracies, params):
            raise DataError(
                f"{path}, entries {first[0]!r} and {key!r}: they compute the same, and have other figures",
                got=f"{first[1]} and {accuracies}, parameters {first[2]} and {params}",
                expected="the same trainings",
                fix=FIX,
            )
    header = TableHeader(
        space="macro",
        task="cifar10",
        skeleton=SKELETON,
        recipe=RECIPE,
        versions={"sha256": hashlib.sha256(data).hexdigest()},
        source="Su et al., NAS-Bench-Macro, CVPR 2021 (nas-bench-macro_cifar10.json)",
    )
    return ReferenceTable(
        header,
        tuple(
            Run(form, seed, test_accuracy=accuracy, params=params)
            for form, (_, accuracies, params) in sorted(found.items())
            for seed, accuracy in enumerate(accuracies)
        ),
    )


def _read(path: Path) -> bytes:
    with reading(f"{path} cannot be read as a table of {TITLE}", fix=FIX):
        return read_bytes(path, LARGEST)


def _entries(path: Path, data: bytes) -> Mapping[str, Any]:
    """The entries of a file by their digits; there is at least one."""
    with reading(f"{path}: not JSON", expected=FORMAT, fix=FIX):
        content = from_json(data)
    if not isinstance(content, dict) or not content:
        raise DataError(f"{path}: no table of networks", got=str(content)[:80], expected=FORMAT, fix=FIX)
    return content


def _figures(where: str, value: Any) -> tuple[tuple[float, ...], int]:
    """Accuracies, as fractions, and parameters of an entry."""
    percents = value.get("test_acc") if isinstance(value, dict) else None
    if not isinstance(percents, list) or len(percents) != TRAININGS or not all(map(_is_percent, percents)):
        raise DataError(
            f"{where}, test_acc",
            got="nothing" if percents is None else percents,
            expected=f"{TRAININGS} accuracies in percent, from 1 to 100",
            fix=FIX,
        )
    params = value.get("params")
    if type(params) is not int or params < 1:
        raise DataError(f"{where}, params", got="nothing" if params is None else params, expected="a count", fix=FIX)
    # without the float32 noise of the file, which would break ties
    return tuple(round(float(percent) / 100, 6) for percent in percents), params


def _is_percent(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and 1 <= value <= 100
