"""What the tests of reference tables share."""

from __future__ import annotations

from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run, TableHeader

A = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
B = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
HEADER = TableHeader(
    space="nasbench201",
    task="embedded",
    task_checksum="abc",
    skeleton={"width": 8, "depth": 1},
    recipe={"epochs": 3, "optimizer": "sgd"},
    versions={"torch": "2"},
    source="these tests",
)


def run(arch: str = A, seed: int = 0, last: float = 0.5, **changes: object) -> Run:
    fields: dict[str, object] = {
        "train_loss": (2.0, 1.5, 1.0),
        "train_accuracy": (0.2, 0.4, 0.6),
        "val_loss": (2.1, 1.6, 1.2),
        "val_accuracy": (0.1, 0.3, last),
        "test_accuracy": last - 0.01,
        "seconds": 30.0,
        "params": 1000,
    }
    return Run(arch, seed, **(fields | changes))  # type: ignore[arg-type]


def table() -> ReferenceTable:
    return ReferenceTable(HEADER, (run(seed=1, last=0.6), run(B, last=0.2), run(seed=0, last=0.5)))
